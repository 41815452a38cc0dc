"""Watches a project's sources, on a thread of its own. The one place that imports ``watchfiles``.

The watcher only says that something has happened; what has changed, `sources.snapshot` says. Each folder is watched by
itself, not with all below it: what a compiler writes to ``target``, and the log to ``.perdure``, wakes nobody.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from perdure.cli.dev.sources import Snapshot, is_source, snapshot
from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode

# Milliseconds. A burst of changes (a checkout, an editor that formats what it has saved) is one change: it ends when
# nothing has happened for a step, or after all of the time.
QUIET: Final = 50
LONGEST: Final = 800
_LOOK: Final = 500  # after which the sources are looked at once, for what happened before they were watched
_INSTALL: Final = "pip install 'perdure[authoring]'"


class Watcher:
    """Calls ``changed`` with the paths of sources that have changed, within ``root``; a context manager.

    Args:
        root: the project's folder.
        besides: a folder that holds no sources: the data.
        changed: called on the watcher's thread.

    Raises:
        CommandError: ``watchfiles`` is not installed.
    """

    def __init__(self, root: Path, besides: Path, changed: Callable[[tuple[str, ...]], None]) -> None:
        try:
            import watchfiles  # noqa: PLC0415  # part of an extra, needed here only
        except ImportError:
            raise CommandError(
                f"perdure dev needs watchfiles; {_INSTALL} installs it", ExitCode.BAD_EXTENSION
            ) from None
        self._watch = watchfiles.watch
        self._root = root
        self._besides = besides
        self._changed = changed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="perdure-watch", daemon=True)

    def __enter__(self) -> Self:
        self._known = snapshot(self._root, self._besides)  # what is built first is what is there now
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._watch_folders(self._known.folders)
            except (FileNotFoundError, RuntimeError):
                # A folder is gone between the look and the watch; there is nothing to be told by until it is back.
                self._stop.wait(_LOOK / 1000)
                self._look()

    def _watch_folders(self, folders: frozenset[Path]) -> None:
        """Watch these until others are to be watched."""
        changes = self._watch(
            *sorted(folders),
            watch_filter=lambda _, path: self._counts(Path(path)),
            debounce=LONGEST,
            step=QUIET,
            stop_event=self._stop,
            rust_timeout=_LOOK,
            yield_on_timeout=True,
            recursive=False,
            raise_interrupt=False,
        )
        looked = False
        for change in changes:
            if (change or not looked) and self._look().folders != folders:
                return
            looked = True

    def _counts(self, path: Path) -> bool:
        """Whether to look: at a source, or at a folder that has come or gone."""
        return path.is_relative_to(self._root) and is_source(path.relative_to(self._root))

    def _look(self) -> Snapshot:
        before = self._known
        self._known = snapshot(self._root, self._besides, before)
        if changes := self._known.changes(before):
            self._changed(changes)
        return self._known
