"""``python3 -m bench --peers``: the comparison, its table, and where both are kept."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench import publish
from bench.disk import scratch
from bench.machine import describe_machine
from bench.peers import tables
from bench.peers.comparing import chosen, compare
from bench.peers.counts import FULL, QUICK
from bench.peers.dbos import DBOS
from bench.peers.eventsourcing import EVENTSOURCING
from bench.peers.extism import EXTISM
from bench.peers.peer import Peer
from bench.peers.perdure import PERDURE
from bench.peers.restate import RESTATE
from bench.peers.results import encoded
from bench.peers.temporal import TEMPORAL

PEERS: Final[tuple[Peer, ...]] = (*DBOS, RESTATE, *TEMPORAL, EVENTSOURCING, EXTISM)
FILE: Final = publish.RESULTS / "peers.json"


def run_peers(options: argparse.Namespace, filesystem: str, tell: Callable[[str], None]) -> int:
    """Compare, print, keep; the exit code: 1 if perdure itself failed a turn, 2 if there is nothing to measure.

    The whole of it goes to bench/results/peers.json and into docs/benchmarks.md; a part, or a quick run, only where
    ``--json`` says.
    """
    peers, rows = chosen(PEERS, options.only)
    if not rows:
        print(f"neither a row's key nor a peer's contains {options.only!r}")
        return 2
    whole = not options.quick and not options.only
    words = [f"--runs {options.runs}", *(["--quick"] if options.quick else [])]
    command = " ".join(["python3 -m bench --peers", *words, *([f"--only {options.only}"] if options.only else [])])
    # A stop ends what was started, as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with scratch(options.dir) as root:
            results = compare(
                PERDURE,
                peers,
                rows,
                QUICK if options.quick else FULL,
                options.runs,
                root,
                describe_machine(filesystem),
                command,
                tell,
            )
    except KeyboardInterrupt:
        tell("stopped; nothing was kept\n")
        return 128 + signal.SIGINT
    tell("")
    print(tables.text(results))
    file: Path | None = options.json or (FILE if whole else None)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded(results))
    if file == FILE:
        print("", *publish.publish(), sep="\n")
    return 1 if any(failure.peer == PERDURE.key for failure in results.failures) else 0
