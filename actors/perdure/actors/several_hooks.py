"""Several hooks in the place of one: Prometheus counts, and somebody traces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from perdure.actors.hooks import ActorHooks


class SeveralHooks(ActorHooks):
    """Tells each of ``several`` what it is told itself, in their order.

    What one of them does not listen to costs it nothing: only methods of its own are called.
    """

    def __init__(self, several: Sequence[ActorHooks]) -> None:
        self.several = tuple(several)
        for name in _FACTS:
            own = [getattr(hooks, name) for hooks in self.several if _listens(hooks, name)]
            if len(own) == 1:
                setattr(self, name, own[0])
            elif own:
                setattr(self, name, _each(own))


_FACTS = tuple(name for name, member in vars(ActorHooks).items() if callable(member) and not name.startswith("_"))


def _listens(hooks: ActorHooks, name: str) -> bool:
    return name in vars(hooks) or getattr(type(hooks), name) is not getattr(ActorHooks, name)


def _each(methods: Sequence[Callable[..., None]]) -> Callable[..., None]:
    def tell(*facts: Any) -> None:
        for method in methods:
            method(*facts)

    return tell
