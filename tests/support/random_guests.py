"""A small grammar of guests, and their WAT: host calls, loops, memory, and branches on what they were told.

A guest is a list of statements; each is a tuple of its name and its numbers or statements, so that one can be written
as JSON. Everything that it is told goes into one number, which decides what it does, and which it tells in turn: a
wrong answer shows in everything behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from hypothesis import strategies as st
from tests.support.runtime_wat import RuntimeWat

Statement = tuple[Any, ...]

QUERY: Final = "query:world.read"
ACTIONS: Final = ("action:world.count", "action:world.once", "action:world.plain")  # one of each class of effects
PERMISSIONS: Final = {
    "methods": ["query:world.", "action:world."],
    "rate_limits": {"requests_per_minute": 1_000_000, "concurrent_jobs": 16},
}
ENDS: Final = {"completes": "(i32.const 0)", "fails": "(i32.const 2)", "traps": "(unreachable)"}
LARGE: Final = 70_000  # bytes; more than an event holds itself
_TEXT: Final = 262_144  # what is said is written here, behind the heap
_SLOTS: Final = 524_288
_MODULUS: Final = 99_999_989
_REQUEST: Final = '{"n":"00000000","fails":false}'
_REFUSED: Final = '{"n":"00000000","fails": true}'
_DIGITS: Final = _REQUEST.index("0")

_SIMPLE: Final[tuple[st.SearchStrategy[Statement], ...]] = (
    st.tuples(st.just("log"), st.integers(0, 3)),
    st.tuples(st.just("progress")),
    st.tuples(st.just("warn")),
    st.tuples(st.just("items"), st.integers(0, 9)),
    st.tuples(st.just("bytes"), st.integers(0, 1 << 40)),
    st.tuples(st.just("check")),
    st.tuples(st.just("save"), st.sampled_from((8, 100, LARGE))),
    st.tuples(st.just("ask"), st.booleans()),
    st.tuples(st.just("act"), st.sampled_from(ACTIONS), st.booleans()),
    st.tuples(st.just("same"), st.sampled_from(ACTIONS)),
    st.tuples(st.just("large")),
    st.tuples(st.just("mix"), st.integers(1, 1 << 20)),
    st.tuples(st.just("store"), st.integers(0, 9)),
    st.tuples(st.just("load"), st.integers(0, 9)),
    st.tuples(st.just("grow"), st.integers(0, 40)),
)


def statements(most: int = 6) -> st.SearchStrategy[list[Statement]]:
    """Guests of which no loop goes round more than four times; at most three are in each other."""
    one: st.SearchStrategy[Statement] = st.one_of(*_SIMPLE)
    for _ in range(2):
        block = st.lists(one, min_size=1, max_size=3)
        one = st.one_of(
            *_SIMPLE,
            st.tuples(st.just("loop"), st.integers(2, 4), block),
            st.tuples(st.just("if"), block, block),
        )
    return st.lists(one, min_size=1, max_size=most)


EVERYTHING: Final[list[Statement]] = [
    ("log", 1), ("progress",), ("warn",), ("items", 3), ("bytes", 1 << 33), ("check",), ("ask", False),
    ("act", ACTIONS[0], False), ("act", ACTIONS[1], False), ("save", 8), ("act", ACTIONS[2], False), ("ask", True),
    ("loop", 3, [("act", ACTIONS[0], False), ("check",), ("if", [("items", 1)], [("act", ACTIONS[1], False)])]),
    ("act", ACTIONS[1], True), ("act", ACTIONS[2], True), ("act", ACTIONS[0], True), ("save", LARGE), ("large",),
    ("loop", 2, [("same", ACTIONS[0]), ("same", ACTIONS[1]), ("same", ACTIONS[2]), ("same", ACTIONS[1])]),
    ("store", 1), ("grow", 40), ("load", 1), ("warn",), ("act", ACTIONS[2], False), ("items", 2),
]  # fmt: skip


def guest_module(guest: Sequence[Statement], end: str = "completes") -> bytes:
    """The module whose job ``run`` is this guest."""
    wat = RuntimeWat(memory="9 40")
    wat.add("(global $acc (mut i32) (i32.const 7))")
    wat.add(
        f"""(func $mix (param $x i32)
          (global.set $acc (i32.rem_u
            (i32.add (i32.mul (global.get $acc) (i32.const 31)) (i32.and (local.get $x) (i32.const 0x3fffffff)))
            (i32.const {_MODULUS}))))"""
    )
    wat.add("(func $say (param $at i32) (call $put_number (local.get $at) (global.get $acc)))")
    written = _Writer(wat)
    body = "\n".join(written.write(statement) for statement in guest)
    wat.add(f"(func $body {written.locals()} (local $p i32) {body})")
    wat.job("run", f"(call $body) {ENDS[end]}")
    return wat.module()


class _Writer:
    """Writes statements as WAT."""

    def __init__(self, wat: RuntimeWat) -> None:
        self._wat = wat
        self._loops = 0
        self._eight = wat.data(b"00000000")
        self._requests = {False: wat.data(_REQUEST.encode()), True: wat.data(_REFUSED.encode())}

    def locals(self) -> str:
        """Those of the loops."""
        return " ".join(f"(local $l{number} i32)" for number in range(self._loops))

    def write(self, statement: Statement) -> str:
        """One statement."""
        name, *arguments = statement
        return str(getattr(self, f"_{name}")(*arguments))

    def _block(self, statements: Sequence[Statement]) -> str:
        return "\n".join(self.write(statement) for statement in statements)

    def _number(self) -> str:
        """The number, as text: its two arguments."""
        return f"(i32.const {self._eight}) (i32.const 8)"

    def _log(self, level: int) -> str:
        return f"(call $say (i32.const {self._eight})) {self._wat.call('spacedrive_log', level, self._number())}"

    def _progress(self) -> str:
        fraction = f"(f32.div (f32.convert_i32_u (global.get $acc)) (f32.const {_MODULUS}))"
        call = self._wat.call("job_report_progress", self._wat.job_id, fraction, self._number())
        return f"(call $say (i32.const {self._eight})) {call}"

    def _warn(self) -> str:
        call = self._wat.call("job_add_warning", self._wat.job_id, self._number())
        return f"(call $say (i32.const {self._eight})) {call}"

    def _items(self, count: int) -> str:
        return self._wat.call("job_increment_items", self._wat.job_id, f"(i64.const {count})")

    def _bytes(self, count: int) -> str:
        return self._wat.call("job_increment_bytes", self._wat.job_id, f"(i64.const {count})")

    def _check(self) -> str:
        return f"(call $mix {self._wat.call('job_check_interrupt', self._wat.job_id)})"

    def _save(self, size: int) -> str:
        call = self._wat.call("job_checkpoint", self._wat.job_id, _TEXT, size)
        return f"{self._filled(size)} (call $say (i32.const {_TEXT})) (call $mix {call})"

    def _filled(self, size: int) -> str:
        return f"(memory.fill (i32.const {_TEXT}) (i32.const 0x20) (i32.const {size}))"

    def _ask(self, fails: bool) -> str:
        return self._call(QUERY, self._requests[fails], len(_REQUEST))

    def _act(self, method: str, fails: bool) -> str:
        return self._call(method, self._requests[fails], len(_REQUEST))

    def _same(self, method: str) -> str:
        """An action with the same request each time."""
        at = self._wat.data(_REQUEST.encode())
        return self._ask_for(method, at, len(_REQUEST))

    def _large(self) -> str:
        """A query with so much space behind its request that it goes to the blobs."""
        copy = f"(memory.copy (i32.const {_TEXT}) (i32.const {self._requests[False]}) (i32.const {len(_REQUEST)}))"
        return f"{self._filled(LARGE)} {copy} {self._call(QUERY, _TEXT, LARGE)}"

    def _call(self, method: str, at: int, size: int) -> str:
        return f"(call $say (i32.const {at + _DIGITS})) {self._ask_for(method, at, size)}"

    def _ask_for(self, method: str, at: int, size: int) -> str:
        call = self._wat.call("spacedrive_call", self._wat.text(method), 0, at, size)
        # Digits of an answer, or letters of a failure: a few bytes near its start.
        return f"""(local.set $p {call})
          (call $mix (i32.load offset=2 (local.get $p))) (call $mix (i32.load offset=9 (local.get $p)))"""

    def _mix(self, number: int) -> str:
        return f"(call $mix (i32.const {number}))"

    def _store(self, slot: int) -> str:
        return f"(i32.store (i32.const {_SLOTS + 8 * slot}) (global.get $acc))"

    def _load(self, slot: int) -> str:
        return f"(call $mix (i32.load (i32.const {_SLOTS + 8 * slot})))"

    def _grow(self, pages: int) -> str:
        return f"(call $mix (memory.grow (i32.const {pages})))"

    def _loop(self, times: int, body: Sequence[Statement]) -> str:
        number, self._loops = self._loops, self._loops + 1
        return f"""(local.set $l{number} (i32.const {times}))
          (loop $loop{number} {self._block(body)}
            (local.set $l{number} (i32.sub (local.get $l{number}) (i32.const 1)))
            (br_if $loop{number} (local.get $l{number})))"""

    def _if(self, then: Sequence[Statement], otherwise: Sequence[Statement]) -> str:
        return f"""(if (i32.and (global.get $acc) (i32.const 1))
          (then {self._block(then)}) (else {self._block(otherwise)}))"""
