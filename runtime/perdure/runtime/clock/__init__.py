"""The family ``clock``: what time it is, for guests that have no clock of their own."""
