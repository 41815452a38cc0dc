"""The public keys of one log, each introduced by the one before it: which of them may have signed what.

Old and new key both sign the introduction of the new one. So whoever trusts any one of them can follow the line to all
others, in both directions. A line that begins anew (the old key was lost) ends what can be followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from perdure.runtime.seals.errors import InvalidSeal
from perdure.runtime.seals.signing import is_signed
from perdure.store.seals.statement import KEY_BYTES, KeyIntroduction, Statement

MAX_KEYS: Final = 10_000


class _Tenure(msgspec.Struct):
    """While a key signs: seals of positions from ``first`` on, and up to ``last`` if another key followed."""

    line: int
    first: int
    last: int | None = None


class KeyLine:
    """Introductions that were checked, in their order. `add` takes the next one."""

    def __init__(self, introductions: Iterable[KeyIntroduction] = ()) -> None:
        self.introductions: list[KeyIntroduction] = []
        self._tenures: dict[bytes, _Tenure] = {}
        for introduction in introductions:
            self.add(introduction)

    @property
    def current(self) -> bytes:
        """The key that signs now; empty if there is none."""
        return self.introductions[-1].key if self.introductions else b""

    @property
    def keys(self) -> Sequence[bytes]:
        """All keys, oldest first."""
        return [introduction.key for introduction in self.introductions]

    def add(self, new: KeyIntroduction) -> None:
        """Take the next introduction.

        Raises:
            InvalidSeal: its key, or the one before it, did not sign it, or it does not follow from the last.
        """
        what = f"the key {new.key.hex()[:16]}…"
        before = self.introductions[-1] if self.introductions else None
        if len(self.introductions) >= MAX_KEYS:
            raise InvalidSeal(what, f"there are more than {MAX_KEYS:,} keys before it")
        if len(new.log) != KEY_BYTES or not 0 < new.position < 1 << 63 or new.key in self._tenures:
            raise InvalidSeal(what, "it was introduced twice, or without a log or a position")
        if before is not None and (new.log != before.log or new.position <= before.position):
            raise InvalidSeal(what, "its introduction does not follow the one before")
        if not is_signed(new.key, new.signature, new.text):
            raise InvalidSeal(what, "it did not sign its own introduction")
        if new.previous:
            if before is None or new.previous != before.key:
                raise InvalidSeal(what, "the key that it follows is not the one before it")
            if not is_signed(new.previous, new.endorsement, new.text):
                raise InvalidSeal(what, "the key before it did not sign its introduction")
        line = 0 if before is None else self._tenures[before.key].line + (0 if new.previous else 1)
        if before is not None:
            self._tenures[before.key].last = new.position
        self._tenures[new.key] = _Tenure(line, new.position)
        self.introductions.append(new)

    def begins_anew(self) -> list[KeyIntroduction]:
        """The introductions, but for the first one, that no key before them signed."""
        return [new for new in self.introductions[1:] if not new.previous]

    def is_followed(self, key: bytes, trusted: bytes) -> bool:
        """Whether whoever trusts one key can follow the line to the other."""
        there, from_here = self._tenures.get(key), self._tenures.get(trusted)
        return there is not None and from_here is not None and there.line == from_here.line

    def check(self, statement: Statement, signature: bytes, trusted: bytes | None = None) -> None:
        """Make sure that ``statement`` was signed by the key of its time.

        Args:
            statement, signature: what is to be checked.
            trusted: a public key to follow the line from; None: the line itself is taken on trust.

        Raises:
            InvalidSeal: it was not.
        """
        what = f"the seal of position {statement.position:,}"
        tenure = self._tenures.get(statement.key)
        if tenure is None:
            raise InvalidSeal(what, f"its key {statement.key.hex()[:16]}… was never introduced")
        if statement.log != self.introductions[0].log:
            raise InvalidSeal(what, "it is of another log than its key")
        # A seal states a position before its own event, a new key is introduced at that of its own.
        if statement.position < tenure.first or (tenure.last is not None and statement.position > tenure.last):
            raise InvalidSeal(what, f"its key {statement.key.hex()[:16]}… did not sign at that position")
        if not is_signed(statement.key, signature, statement.text):
            raise InvalidSeal(what, "its signature is not that of its key")
        if trusted is not None and not self.is_followed(statement.key, trusted):
            raise InvalidSeal(what, f"no line of keys leads to it from {trusted.hex()[:16]}…")
