"""What an operator does beside a server: back up, restore, examine."""
