"""From a message's bytes to what can be read of it. Pure; runs in a worker process, and never fails for its input."""
