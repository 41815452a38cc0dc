"""Turns at the gate: one at a time, in order, and none for ever."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.manual_clock import ManualClock

from perdure.actors.replay.gate import ReplayGate, Turn

SECONDS = 1.0


class Line:
    """A gate, and who was let in, by name, when told."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.gate = ReplayGate(self.clock.monotonic, SECONDS)
        self.told: list[str] = []

    def enter(self, name: str) -> Turn:
        return self.gate.enter(lambda: self.told.append(name))


def test_the_first_is_let_in_at_once_and_the_others_in_their_order() -> None:
    line = Line()
    first, second, third = (line.enter(name) for name in "abc")
    assert (first.admitted, second.admitted, third.admitted) == (True, False, False)

    line.gate.leave(first)
    line.gate.leave(first)
    assert (second.admitted, third.admitted, line.told) == (True, False, ["b"])
    line.gate.leave(second)
    assert (third.admitted, line.told, line.gate.waiting) == (True, ["b", "c"], 0)


def test_who_leaves_the_line_is_passed_over() -> None:
    line = Line()
    first, second, third = (line.enter(name) for name in "abc")

    line.gate.leave(second)
    line.gate.leave(first)

    assert third.admitted
    assert not second.admitted


def test_a_turn_that_lasts_is_over_when_somebody_waits() -> None:
    line = Line()
    first = line.enter("a")
    line.clock.advance(SECONDS)
    line.gate.press()
    assert not first.over, "nobody waits"

    second = line.enter("b")
    line.gate.press()
    assert (first.over, second.admitted, line.told) == (True, True, ["b"])
    line.gate.leave(first)
    assert not second.over
    third = line.enter("c")
    assert not third.admitted, "the one whose turn was over has no other to give back"


def test_a_turn_that_has_just_begun_is_not_over() -> None:
    line = Line()
    first, second = line.enter("a"), line.enter("b")
    line.clock.advance(SECONDS * 0.9)

    line.gate.press()

    assert not first.over
    assert not second.admitted


def test_patience_grows_with_the_place_in_line() -> None:
    line = Line()
    turns = [line.enter(name) for name in "abcd"]

    assert [line.gate.patience(turn) for turn in turns] == [SECONDS, SECONDS, 2 * SECONDS, 3 * SECONDS]


def test_while_it_is_held_nobody_is_let_in() -> None:
    line = Line()
    with line.gate.held(), line.gate.held():
        first, second = line.enter("a"), line.enter("b")
        assert not first.admitted

    assert (first.admitted, second.admitted, line.told) == (True, False, ["a"])


def test_a_turn_that_ends_while_it_is_held_is_nobodys() -> None:
    line = Line()
    first = line.enter("a")
    with line.gate.held():
        second = line.enter("b")
        line.gate.leave(first)
        assert not second.admitted

    assert second.admitted


def test_one_that_is_held_for_long_lets_them_in_all_the_same() -> None:
    line = Line()
    with line.gate.held():
        first = line.enter("a")
        line.gate.press()
        assert first.admitted

    assert not first.over


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(["enter", "leave", "press", "hold", "pass"]), st.integers(0, 5))))
def test_whatever_happens_one_is_inside_and_nobody_is_forgotten(steps: list[tuple[str, int]]) -> None:
    line = Line()
    turns: list[Turn] = []
    for step, number in steps:
        if step == "enter":
            turns.append(line.enter(""))
        elif step == "leave" and turns:
            line.gate.leave(turns.pop(number % len(turns)))
        elif step == "press":
            line.gate.press()
        elif step == "pass":
            line.clock.advance(number * SECONDS / 4)
        elif step == "hold":
            with line.gate.held():
                turns.append(line.enter(""))
        inside = [turn for turn in turns if turn.admitted and not turn.over]
        waiting = [turn for turn in turns if not turn.admitted]
        assert len(inside) <= 1
        assert line.gate.waiting == len(waiting)
        assert inside or not waiting
    for turn in list(turns):  # each is let in when those before it leave
        turns.remove(turn)
        line.gate.leave(turn)
    assert line.gate.waiting == 0
