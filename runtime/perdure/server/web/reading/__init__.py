"""What the web process answers by itself, from the log: one file for each family of endpoints."""
