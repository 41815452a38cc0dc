"""ABI 1: core modules that import the nine functions of ``spacedrive``."""
