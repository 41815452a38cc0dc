"""perdure.server: a daemon on a data folder, and what it says over HTTP. Extra ``server``.

Two processes (ADR 0022): the *engine* holds the folder and runs the jobs; the *web* process, its child, talks to
clients, reads the log by itself, and asks the engine for what changes something.
"""
