"""perdure.cli: the command line. `perdure.cli.app` has the commands, `main` is the entry point."""
