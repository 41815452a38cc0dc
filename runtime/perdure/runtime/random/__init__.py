"""The family ``random``: random bytes, for guests that have no source of their own."""
