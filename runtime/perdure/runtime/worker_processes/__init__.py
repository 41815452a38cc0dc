"""Processes in which work is done that must not hurt this one: hostile images, and what holds the GIL for long."""
