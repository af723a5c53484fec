"""What pages and reports share: how they are made, and what they show of a diagnosis."""
