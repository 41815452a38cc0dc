"""Files of a library: entries with content-addressed bytes and named sidecars, as operations and for Python.

`library` is for embedders; ``operations`` declares what everybody may call. The rest, from the bottom: ``names`` and
``metadata`` (what is accepted), ``quota`` (arithmetic), ``records`` (rows), ``usage``, ``blob_uses``, ``contents``,
``garbage`` (each one concern of a transaction), ``cursor`` and ``messages`` (the wire).
"""
