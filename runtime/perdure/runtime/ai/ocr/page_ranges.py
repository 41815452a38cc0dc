"""Which pages are meant: ``1-5,8``. Pure."""

from __future__ import annotations

from perdure.actors.operations import OperationFailed


def chosen_pages(wanted: str | None, count: int, limit: int) -> list[int]:
    """The numbers of the pages, from 1, ascending, each once.

    Args:
        wanted: as a person writes it; None for all. Pages after the last are passed over, so that one may ask for
            the first five of whatever there is.
        count: how many there are.
        limit: how many may be read at once.

    Raises:
        OperationFailed: `invalid_payload`: there are none of these, too many, or a range that runs backwards.
    """
    if wanted is None:
        if count > limit:
            raise OperationFailed("invalid_payload", f"it has {count} pages; ask for at most {limit}: pages 1-{limit}")
        return list(range(1, count + 1))
    found: set[int] = set()
    for part in wanted.split(","):
        first, _, last = part.partition("-")
        begin, end = int(first), int(last or first)
        if end < begin:
            raise OperationFailed("invalid_payload", f"pages: {part} runs backwards")
        found.update(range(begin, min(end, count) + 1))
    if not found:
        raise OperationFailed("invalid_payload", f"pages: there is no page {wanted}, it has {count}")
    if len(found) > limit:
        raise OperationFailed("invalid_payload", f"pages: {len(found)} pages; at most {limit} at once")
    return sorted(found)
