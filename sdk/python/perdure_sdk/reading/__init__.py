"""What stands in texts that people and their programs write: amounts of money, dates, replies, in many languages.

Pure functions over words.toml, for whatever reads mail and documents: `amounts`, `dates`, `lines`, `replies`, `words`.
"""
