"""Effects outside are those that were intended, once each, whenever the process dies.

Small, for every run of the tests; ``python3 -m tests.crash.orders_campaign --kills 500`` is the real one.
"""

from __future__ import annotations

from pathlib import Path

from tests.crash.order_world import ONCE, PLAIN, OrderServer, append_line, lines_of, send
from tests.crash.orders_campaign import campaign


def test_effects_outside_equal_effects_intended(tmp_path: Path) -> None:
    counts = campaign(tmp_path, kills=6, seed=4, actions=60)
    assert counts.problems == []
    assert counts.kills == 6
    assert counts.effects == 4 * 60 * (counts.folders + 1)  # and the one that was measured


def test_the_world_counts(tmp_path: Path) -> None:
    with OrderServer() as server:
        for key in ("a", "a", "b"):
            assert send(server.port, ONCE, "1", key) == "1"
            send(server.port, PLAIN, "1")
        assert (server.orders(ONCE)["1"], server.orders(PLAIN)["1"], server.repeated) == (2, 3, 1)
    append_line(tmp_path / "file", "1")
    append_line(tmp_path / "file", "1")
    assert lines_of(tmp_path / "file")["1"] == 2
