"""Names of a library's events, and patterns of them: pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

MAX_TOPIC: Final = 100
# What the host tells; an extension that could say it would deceive the others.
RESERVED: Final = frozenset(
    {"config", "content", "credential", "entry", "extension", "job", "library", "perdure", "sidecar"}
)

_TOPIC: Final = re.compile(r"[a-z0-9_]+(?:\.[a-z0-9_]+)*")
_PATTERN: Final = re.compile(r"\*|[a-z0-9_]+(?:\.[a-z0-9_]+)*(?:\.\*)?")


def is_topic(text: str) -> bool:
    """Whether ``text`` can be a topic: segments of ``[a-z0-9_]`` with dots in between, not too long."""
    return len(text) <= MAX_TOPIC and _TOPIC.fullmatch(text) is not None


def is_reserved(topic: str) -> bool:
    """Whether only the host and its operations may publish it."""
    return topic.partition(".")[0] in RESERVED


def is_pattern(text: str) -> bool:
    """Whether ``text`` is a topic, the beginning of topics (``entry.*``), or all of them (``*``)."""
    return len(text) <= MAX_TOPIC and _PATTERN.fullmatch(text) is not None


def matches(patterns: Iterable[str], topic: str) -> bool:
    """Whether one of the patterns stands for the topic: ``entry.*`` for ``entry.created``, but not for ``entry``."""
    return any(
        pattern in (topic, "*") or (pattern.endswith(".*") and topic.startswith(pattern[:-1])) for pattern in patterns
    )
