"""``pages``: every page once, in order, each asked for when it is needed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from perdure_sdk import pages


@dataclass
class Page:
    items: list[int]
    next: int | None
    then: int | None = None


class Book:
    def __init__(self, last: int) -> None:
        self.last = last
        self.asked: list[dict[str, object]] = []

    def fetch(self, title: str, **options: object) -> Page:
        self.asked.append({"title": title, **options})
        number = int(str(options.get("after") or options.get("offset") or 0))
        following = number + 1 if number < self.last else None
        return Page([number], following, following)


def test_all_of_them() -> None:
    book = Book(2)
    assert [item for page in pages(book.fetch, "a", limit=5) for item in page.items] == [0, 1, 2]
    assert book.asked == [
        {"title": "a", "limit": 5},
        {"title": "a", "limit": 5, "after": 1},
        {"title": "a", "limit": 5, "after": 2},
    ]


def test_from_a_page_on_with_other_names() -> None:
    book = Book(3)
    found = pages(book.fetch, "a", cursor="offset", then="then", offset=2)
    assert [page.items for page in found] == [[2], [3]]


def test_none_before_it_is_needed() -> None:
    book = Book(10)
    found = pages(book.fetch, "a")
    assert book.asked == []
    assert len(list(islice(found, 2))) == 2
    assert len(book.asked) == 2
