"""Distributions as installed ones are found: a package and its ``.dist-info`` in a folder of the path."""

from __future__ import annotations

from pathlib import Path

from perdure.runtime.operations.discovery import GROUP


def write_distribution(folder: Path, name: str, source: str, points: dict[str, str]) -> None:
    """Install a distribution in ``folder``: one module named like it, and entry points, as objects of that module."""
    module = name.replace("-", "_")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{module}.py").write_text(source)
    info = folder / f"{module}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    lines = [f"{point} = {module}:{target}" for point, target in points.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines, ""]))


NOTES = '''
from __future__ import annotations

from typing import Annotated

import msgspec

from perdure.runtime.operations import CallContext, Effect, OperationFailed, Sensitive, action, query


class Note(msgspec.Struct):
    """A note."""

    title: str
    pages: int = 1
    pin: Annotated[str, Sensitive] = ""


class NoteName(msgspec.Struct):
    """Which note."""

    title: str


class Found(msgspec.Struct):
    """What was found."""

    note: Note


@action("notes.create", effect=Effect.TRANSACTIONAL)
def create(context: CallContext, request: Note) -> Note:
    """Write a note.

    One with this title is written over.
    """
    kept = msgspec.structs.replace(request, pin="")  # rows are not encrypted
    context.data.put(b"notes\\0" + request.title.encode(), msgspec.json.encode(kept))
    return request


@query("notes.find")
class Find:
    """Find a note by its title."""

    def __call__(self, context: CallContext, request: NoteName) -> Found:
        data = context.data.get(b"notes\\0" + request.title.encode())
        if data is None:
            raise OperationFailed("not_found", f"there is no note {request.title!r}")
        return Found(msgspec.json.decode(data, type=Note))


class Library:
    def __init__(self, runtime):
        self.runtime = runtime

    @query("notes.count", scope="core")
    def count(self, context: CallContext, request: Note) -> NoteName:
        """Say what the runtime is."""
        return NoteName(type(self.runtime).__name__)


def make(runtime):
    return [Library(runtime).count]


def one(runtime):
    return create


class Slow(msgspec.Struct):
    pass


@query("notes.slow", timeout=0.05)
async def slow(context: CallContext, request: Slow) -> Slow:
    """Take too long."""
    import asyncio

    await asyncio.Event().wait()
    return request


plain = 5


def rubbish(runtime):
    return 5


def half(runtime):
    return [slow, len]


def breaks(runtime):
    raise RuntimeError("it is broken")


def leaves(runtime):
    raise SystemExit(3)
'''
