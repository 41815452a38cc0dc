"""The configuration of extensions: ``config.get`` and ``config.set``, checked against the manifest's ``config_schema``.

The schema and the values are the extension's, and it may be hostile: the work of a check is bounded.
"""
