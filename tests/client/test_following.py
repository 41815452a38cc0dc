from __future__ import annotations

import pytest

from perdure.api.errors import ServerUnreachable
from perdure.client.following import PATIENCE, SILENCE, Following


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_tries_come_slower_and_end() -> None:
    clock = Clock()
    following = Following("http://there", clock)
    assert following.silence == SILENCE
    pauses = []
    with pytest.raises(ServerUnreachable) as caught:  # noqa: PT012  # how often is what is asked
        while True:
            pauses.append(following.broken("refused"))
            clock.now += pauses[-1]
    assert (caught.value.address, caught.value.reason) == ("http://there", "refused")
    assert pauses[:6] == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0]
    assert sum(pauses) >= PATIENCE


def test_a_server_that_is_back_may_go_away_again() -> None:
    clock = Clock()
    following = Following("there", clock)
    for _ in range(10):
        following.broken("refused")
        clock.now += PATIENCE - 1
        following.heard()
        assert following.broken("refused") == 0.05
        following.heard()


def test_who_gives_up_gives_up_in_time() -> None:
    clock = Clock()
    following = Following("there", clock, timeout=2.0, what="job 7")
    assert following.silence == 2.0
    clock.now += 1.9
    assert following.silence == pytest.approx(0.1)
    assert following.broken("refused") == 0.05
    assert following.broken("refused") == pytest.approx(0.1)
    clock.now += 0.1
    with pytest.raises(TimeoutError, match=r"^job 7 has not ended within 2\.0 s$"):
        following.broken("refused")
