"""The process that talks to clients."""
