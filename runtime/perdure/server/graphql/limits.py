"""What a document may cost: how deep it goes, how often it asks the same, how long it is."""

from __future__ import annotations

from typing import Any, Final

from strawberry.extensions import MaxAliasesLimiter, MaxTokensLimiter, QueryDepthLimiter

DEPTH: Final = 12  # fields within fields; the deepest that the schema has is below it
ALIASES: Final = 15
TOKENS: Final = 4_000  # words and signs; a schema that is asked for by common tools has some 400


def limits() -> list[Any]:
    """Extensions that hold documents to it."""
    return [
        lambda: QueryDepthLimiter(max_depth=DEPTH),
        lambda: MaxAliasesLimiter(max_alias_count=ALIASES),
        lambda: MaxTokensLimiter(max_token_count=TOKENS),
    ]
