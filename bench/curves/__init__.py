"""Growth: what a figure becomes as jobs, events or busy threads become more. ``python3 -m bench.curves``."""
