"""Rehearsing an upgrade: recorded jobs, run again with another version of their extension, without any effect."""
