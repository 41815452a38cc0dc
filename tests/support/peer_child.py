"""A peer's turn that goes as it is told: ``python3 -m tests.support.peer_child TASK`` (`bench.peers.turn`)."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from bench.peers.counts import Counts
from bench.peers.rows import Subject
from bench.peers.turn import take_turn

_SILENT = "import threading; threading.Event().wait()"


def _log(folder: Path, counts: Counts, words: dict[str, Any]) -> dict[str, float]:
    match words["does"]:
        case "measure":
            assert not list(folder.iterdir())
            return {"append_1": float(counts.appends[1]), "append_100": 3.0}
        case "die":
            sys.exit("the disk is\n  full")
        case "speak of other rows":
            return {"steps_1": 1.0}
        case "hang":
            # With a process of its own group, as a server's workers are.
            child = subprocess.Popen([sys.executable, "-c", _SILENT], start_new_session=True)
            Path(words["file"]).write_text(str(child.pid))
            threading.Event().wait()
    raise AssertionError(words)


if __name__ == "__main__":
    take_turn({Subject.LOG: _log})
