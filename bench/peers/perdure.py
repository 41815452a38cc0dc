"""perdure itself, measured as the peers are: in a process that is started for its turn."""

from __future__ import annotations

from typing import Final

from bench.peers.peer import Peer, versions
from bench.peers.rows import Subject

PERDURE: Final = Peer(
    key="perdure",
    name="perdure",
    durability="LMDB: two flushes of a commit (pages, then the meta page), before each checkpoint is answered; "
    "waiting jobs share one commit",
    child="bench.peers.perdure_child",
    subjects={
        Subject.STEPS: 5.0,
        Subject.BUSY: 5.0,
        Subject.RECOVERY: 5.0,
        Subject.LOG: 2.0,
        Subject.SANDBOX: 2.0,
    },
    version=lambda: versions("perdure"),
    pace=4.0,
)
