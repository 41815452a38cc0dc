"""Compares a log with what seals say of it, while it goes by: how streams ended, and which there were.

Each seal holds at one position. So besides the hashes it also shows where events were put in: behind the end that a
stream had at a seal, nothing stands at a place before that seal.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable

import msgspec


class SealedEnd(msgspec.Struct, frozen=True):
    """That ``stream``, number ``number`` of the log, had ``hash`` at ``sequence``, its last event, and when.

    It had come to that when the log was at position ``since``, and not beyond when it was at ``until``. ``by`` says who
    states it.
    """

    stream: str
    number: int
    sequence: int
    hash: bytes
    since: int
    until: int
    by: str


class SealedMoment(msgspec.Struct, frozen=True):
    """That at ``position`` of the log there were ``streams`` streams, numbers 1 to that, and no others."""

    position: int
    streams: int
    by: str


class _Passed(msgspec.Struct):
    """The end that a stream was seen to have, until its next event."""

    sequence: int
    until: int
    by: str


class Comparison:
    """One comparison. `begin` with what is sealed, `event` each event of the log, `finish`.

    Args:
        add: notes a problem: where, and what.

    Attributes:
        compared: how many ends were compared.
        folded: streams whose sealed events were removed by retention since.
    """

    def __init__(self, add: Callable[[str, str], None], sealed: Iterable[SealedEnd | SealedMoment] = ()) -> None:
        self._add = add
        self._left: dict[str, dict[int, list[SealedEnd]]] = {}
        self._moments: list[SealedMoment] = []
        self._passed: dict[str, _Passed] = {}
        self._named: set[str] = set()  # streams whose alteration was said
        self.compared = 0
        self.folded: list[str] = []
        for item in sealed:
            if isinstance(item, SealedMoment):
                self._moments.append(item)
            else:
                self._left.setdefault(item.stream, {}).setdefault(item.sequence, []).append(item)
        self._moments.sort(key=lambda moment: moment.streams)

    def concerns(self, stream: str) -> bool:
        """Whether anything more is to be compared with the stream."""
        return stream in self._left or stream in self._passed

    def born(self, stream: str, number: int, position: int) -> None:
        """The log has the stream's first event at ``position``."""
        known = self._left.get(stream)
        if known:
            end = known[min(known)][0]
            if end.number != number:
                self._add(stream, f"it is stream {number} of the log, and was {end.number} at {end.by}")
        # The moments with fewer streams than this one's number: all of them came before it.
        before = self._moments[: bisect.bisect_left(self._moments, number, key=lambda moment: moment.streams)]
        for moment in before:
            if moment.position >= position:
                self._add(stream, f"it begins at position {position}, and was not there at {moment.by}: inserted")
                return

    def event(self, stream: str, sequence: int, position: int, tip: bytes) -> None:
        """The log has event ``sequence`` of the stream at ``position``, with the hash ``tip``."""
        passed = self._passed.get(stream)
        if passed is not None and sequence > passed.sequence:
            del self._passed[stream]
            if position <= passed.until:
                what = f"its event {sequence} stands at position {position}, and it ended before that at {passed.by}"
                self._alter(stream, f"{what}: inserted")
        left = self._left.get(stream)
        for end in left.pop(sequence, ()) if left else ():
            self.compared += 1
            if end.hash != tip:
                what = f"at or before its event {sequence} it is not what it was at {end.by}"
                self._alter(stream, f"{what}: altered or replaced")
            elif position > end.since:
                self._alter(stream, f"its event {sequence} stands at position {position}, behind {end.by}: moved")
            self._pass(end)

    def _pass(self, end: SealedEnd) -> None:
        known = self._passed.get(end.stream)
        if known is None or known.until < end.until:
            self._passed[end.stream] = _Passed(end.sequence, end.until, end.by)

    def _alter(self, stream: str, what: str) -> None:
        if stream not in self._named:
            self._named.add(stream)
            self._add(stream, what)

    def fold(self, stream: str, through: int, tip: bytes) -> None:
        """Nothing is left of the stream's events up to ``through`` but the hash of that one."""
        left = self._left.get(stream, {})
        for end in left.pop(through, ()):
            self.compared += 1
            if end.hash != tip:
                self._alter(stream, f"it was folded with another end than it had at {end.by}: altered or replaced")
        gone = [sequence for sequence in left if sequence < through]
        for sequence in gone:
            del left[sequence]
        if gone:
            self.folded.append(stream)

    def finish(self, ends: dict[str, int], unreadable: set[str]) -> None:
        """The log is over. ``ends`` are the last sequences of its streams; of ``unreadable`` ones more was said."""
        for stream, left in sorted(self._left.items()):
            if not left or stream in unreadable:
                continue
            last = max(left)
            by, now = left[last][0].by, ends.get(stream, 0)
            if not now:
                self._add(stream, f"it is gone; it had {last} events at {by}")
            elif now < last:
                self._add(stream, f"it ends at event {now}, and had {last} at {by}: its tail was cut off")
            else:
                self._add(stream, f"its event {last}, which it had at {by}, is not there")
