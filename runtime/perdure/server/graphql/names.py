"""What things are called in GraphQL. Pure.

https://spec.graphql.org/October2021/#Name: letters, digits and underscores, no digit first, and not two underscores.
"""

from __future__ import annotations

import re
from typing import Final

_NO_NAME: Final = re.compile(r"[^A-Za-z0-9]+")


def field_name(name: str) -> str:
    """``job_id`` and ``jobs.by_key`` as ``jobId`` and ``jobsByKey``."""
    first, *others = [part for part in _NO_NAME.split(name) if part] or ["field"]
    text = first[:1].lower() + first[1:] + "".join(part[:1].upper() + part[1:] for part in others)
    return f"_{text}" if text[0].isdigit() else text


def type_name(name: str) -> str:
    """``vdfs.read_sidecar`` as ``VdfsReadSidecar``."""
    text = field_name(name).lstrip("_")
    return text[:1].upper() + text[1:] if text[:1].isalpha() else f"T{text}"


def value_name(value: str) -> str | None:
    """``non_idempotent`` as ``NON_IDEMPOTENT``; None for what makes no name."""
    text = _NO_NAME.sub("_", value).strip("_").upper()
    return text if text and not text[0].isdigit() else None
