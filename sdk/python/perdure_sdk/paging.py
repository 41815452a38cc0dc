"""All pages of an operation that answers in pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

Page = TypeVar("Page")


def pages(
    fetch: Callable[..., Page], *arguments: Any, cursor: str = "after", then: str = "next", **options: Any
) -> Iterator[Page]:
    """The pages of an operation, one after the other, each asked for when it is needed.

        for page in pages(ctx.credentials.list, limit=1000):
            names += [one.name for one in page.credentials]

    Args:
        fetch: the client's method.
        arguments: for it, as ``options`` are.
        cursor: the option that says which page. It begins with the one that ``options`` have for it, or the first.
        then: the field of a page that has the next one's, None for the last.

    Raises:
        CallError: as the operation does.
    """
    while True:
        page = fetch(*arguments, **options)
        yield page
        options[cursor] = getattr(page, then)
        if options[cursor] is None:
            return
