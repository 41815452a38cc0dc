"""Soak: hours of mixed load, and whether anything grows that should not. ``python3 -m bench.soak``."""
