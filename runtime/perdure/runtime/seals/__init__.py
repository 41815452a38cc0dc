"""Seals: signed statements of how every stream of the log ended, made now and then (docs/seals.md)."""
