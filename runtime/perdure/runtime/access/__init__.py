"""Who may use the server: tokens, what they open, and what clients asked for."""
