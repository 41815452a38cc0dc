"""A token is set once, and what was asked for then happens, whoever it hurts."""

from __future__ import annotations

import queue
import threading

import pytest
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import CancelToken


def test_a_token_is_set_once() -> None:
    token, steps = CancelToken(), queue.SimpleQueue[str]()
    token.on_cancel(lambda: steps.put("then"))
    assert not token.cancelled
    assert not token.wait(0)
    token.cancel()
    token.cancel()
    assert token.cancelled
    assert token.wait()
    assert steps.get(timeout=TIMEOUT) == "then"
    token.on_cancel(lambda: steps.put("at once"))
    assert steps.get_nowait() == "at once"
    assert steps.empty()


def test_whoever_waits_is_woken() -> None:
    token, woken = CancelToken(), queue.SimpleQueue[bool]()
    threads = [threading.Thread(target=lambda: woken.put(token.wait(TIMEOUT))) for _ in range(3)]
    for thread in threads:
        thread.start()
    token.cancel()
    assert [woken.get(timeout=TIMEOUT) for _ in threads] == [True] * 3


def test_whoever_cancels_neither_waits_for_a_step_nor_fails_of_it(caplog: pytest.LogCaptureFixture) -> None:
    token, go_on, after = CancelToken(), threading.Event(), threading.Event()

    def fail() -> None:
        assert go_on.wait(TIMEOUT)
        raise SystemExit("no")

    token.on_cancel(fail)
    token.on_cancel(after.set)

    token.cancel()  # returns, although the first step still waits

    go_on.set()
    assert after.wait(TIMEOUT)
    eventually(lambda: "at a cancellation failed" in caplog.text)


def test_a_step_can_be_taken_back_until_it_is_set() -> None:
    token, calls = CancelToken(), list[str]()
    first, second = lambda: calls.append("first"), lambda: calls.append("second")
    token.on_cancel(first)
    token.on_cancel(second)
    assert token.forget(first)
    assert token.forget(first), "a step that is not there cannot be called any more"
    token.cancel()
    eventually(lambda: calls == ["second"])
    assert not token.forget(second)
