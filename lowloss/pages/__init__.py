"""What the server's pages and the reports share: how a page is made, and what it shows of one."""
