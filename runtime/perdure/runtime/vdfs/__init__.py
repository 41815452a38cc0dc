"""Files of a library: entries with content-addressed bytes and named sidecars, as operations and for Python.

`library` is for embedders; ``operations`` declares what everybody may call. The rest, from the bottom: ``names`` and
``metadata`` (what is accepted), ``quota`` (arithmetic), ``records`` (rows), ``usage``, ``marks``, ``blob_uses``,
``contents``, ``garbage``, ``orphans`` (one concern each), ``cursor`` and ``messages`` (the wire).
"""
