"""A store in memory whose frames were altered after they were written."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from perdure.store import MemoryEventStore, RawFrame

Alteration = Callable[[bytes], bytes | None]


class TamperedStore(MemoryEventStore):
    """What ``original`` holds, but with some frames altered, or dropped where the alteration returns None.

    It looks into `MemoryEventStore`: there is no public way to write what was never appended.
    """

    def __init__(self, original: MemoryEventStore, alterations: Mapping[int, Alteration] | None = None) -> None:
        super().__init__()
        self.blobs = original.blobs
        self._position = original._position
        self._ends, self._names = original._ends, original._names
        altered: dict[int, RawFrame] = {}
        for number, frame in enumerate(original._frames):
            alter = (alterations or {}).get(number)
            data = alter(frame.data) if alter is not None else frame.data
            if data is not None:
                altered[frame.position] = RawFrame(frame.position, data)
        self._frames = list(altered.values())
        self._positions = list(altered)
        self._by_stream = {
            number: [(first, altered[frame.position]) for first, frame in frames if frame.position in altered]
            for number, frames in original._by_stream.items()
        }
