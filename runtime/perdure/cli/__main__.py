"""``python -m perdure.cli``, where the ``perdure`` command is not on the path."""

from perdure.cli.app import main

if __name__ == "__main__":
    main()
