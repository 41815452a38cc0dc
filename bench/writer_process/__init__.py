"""Should the log be written by a process of its own?  The measurement behind ADR 0027; see `__main__.py`."""
