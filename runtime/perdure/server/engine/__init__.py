"""What the engine does for clients: one file for each family of endpoints."""
