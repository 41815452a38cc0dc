"""The family ``files``: folders of this machine that a person shares with an extension, for reading."""
