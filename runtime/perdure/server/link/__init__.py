"""How the web process asks the engine: frames over a pair of sockets (ADR 0022)."""
