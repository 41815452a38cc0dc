"""What is sent while it happens: one thread follows the log, and all who watch are served from what it reads."""
