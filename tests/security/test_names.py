"""No spelling of a name gets an extension an operation that it was not granted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest
from tests.support.attackers import Attack, Attacker

from perdure.runtime import Grant, Runtime
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Effect, action, query

GRANTED = ["query:lab.ocr"]
SPELLINGS = ["query:lab.ocr", "query:lab.ocr.v1", "query:lab.ocr.input", "query:lab.ocr.input.v1"]

PREFIX_TRICKS = [
    "query:lab.ocr_admin",
    "query:lab.ocr.admin",
    "query:lab.ocr2",
    "query:lab",
    "query:lab.",
    "query:lab.*",
    "query:lab.ocr*",
    "query:*",
    "query:",
    "*",
    "action:lab.ocr",
    "lab.ocr",
    "query:query:lab.ocr",
    "query:lab.ocr,query:lab.ocr_admin",
    "query:lab.ocr query:lab.ocr_admin",
    "query:lab.ocr;action:lab.ocr",
    "query:x.lab.ocr",
    "query:../lab.ocr_admin",
    "query:lab.ocr/../ocr_admin",
    "query:lab.ocr%5fadmin",
]
WIRE_SUFFIX_TRICKS = [
    "query:lab.ocr.v2",
    "query:lab.ocr.input.v2",
    "query:lab.ocr_admin.v1",
    "query:lab.ocr_admin.input.v1",
    "query:lab.ocr.v01",
    "query:lab.ocr.v0",
    "query:lab.ocr.v1.v2",
    "query:lab.ocr.v1.input",
    "query:lab.ocr.v1.input.v2",
    "query:lab.ocr.input.input.v1",
    "query:lab.ocr.output.v1",
    "query:lab.ocr.V2",
    "query:lab.ocr.v1_admin",
    "query:lab.ocr.v-1",
    "query:lab.ocr.v1e0",
    "query:lab.ocr.v00000000000000000002",
    "query:lab.ocr.v99999999999999999999",
    "query:lab.ocr.input.admin",
    "query:.v1",
    "query:input.v1",
]
CASES = ["QUERY:lab.ocr", "Query:lab.ocr", "query:LAB.OCR", "query:lab.Ocr", "query:lab.ocr_ADMIN", "ACTION:lab.ocr"]
LOOK_ALIKES = [
    "query:\u0430i.ocr",  # Cyrillic a
    "query:a\u0131.ocr",  # dotless i
    "query:\uff41\uff49.\uff4f\uff43\uff52",  # full width
    "query:lab\u2024ocr",  # one dot leader
    "query:lab\u3002ocr",  # ideographic full stop
    "query\uff1aai.ocr",  # full width colon
    "query\ua789ai.ocr",  # modifier letter colon
    "query:lab.\u043ecr",  # Cyrillic o
    "query:lab.ocr\uff3fadmin",  # full width underscore
    "query:lab.oc\u0280",  # small capital r
    "query:lab.o\u0301cr",  # a combining accent
    "query:lab.ocr.v\u0662",  # Arabic two
    "query:lab.ocr.v\u00b2",  # superscript two
    "query:\U0001d41a\U0001d422.ocr",  # mathematical letters, which NFKC makes plain
    "\u24e0uery:lab.ocr",  # circled q
    "query:lab.ocr\u200b",  # zero width space
    "query:lab\u200d.ocr",  # zero width joiner
    "\ufeffquery:lab.ocr",  # byte order mark
    "query:lab.\u202eocr",  # right to left override
    "query:lab.ocr\u00ad",  # soft hyphen
]
CONTROL_CHARACTERS = [
    "query:lab.ocr\0",
    "\0query:lab.ocr",
    "query:lab.ocr\0_admin",
    "query:lab.ocr_admin\0",
    "query:lab.ocr_admin\0query:lab.ocr",
    "query:lab.ocr\n",
    "query:lab.ocr\r\n",
    "query:lab.ocr_admin\nquery:lab.ocr",
    "query:lab.ocr\t",
    " query:lab.ocr",
    "query: lab.ocr",
    "query:lab.ocr ",
    "query:lab.ocr\x0b",
    "query:lab.ocr\x1b[2J",
    "query:lab.ocr\x7f",
    "query:lab.ocr\x85",
    "query:lab.ocr\u2028",
    "",
    "\0",
    ":",
]
NO_UTF8 = [b"query:lab.ocr\xff", b"\xc1\xa1i.ocr", b"query:lab\xc0\xaeocr", b"query:lab.ocr\xed\xa0\x80", b"\xff\xfe"]
FAMILIES: dict[str, Sequence[str | bytes]] = {
    "prefixes": PREFIX_TRICKS,
    "wire suffixes": WIRE_SUFFIX_TRICKS,
    "case": CASES,
    "look-alikes": LOOK_ALIKES,
    "control characters": CONTROL_CHARACTERS,
    "no UTF-8": NO_UTF8,
}


class Nothing(msgspec.Struct):
    pass


class Targets:
    """Operations around the one that is granted; ``ran`` has what was reached."""

    def __init__(self, runtime: Runtime) -> None:
        self.ran: list[str] = []
        for declare in (
            query("lab.ocr"),
            query("lab.ocr", version=2),
            query("lab.ocr_admin"),
            query("lab.ocr.admin"),
            query("lab.ocr2"),
            query("lab"),
            query("x.lab.ocr"),
            query("lab.ocr.output"),
            query("lab.ocr.input.admin"),
            action("lab.ocr", effect=Effect.IDEMPOTENT),
        ):
            runtime.operations.register(declare(self._target()))

    def _target(self) -> Callable[[CallContext, Nothing], Nothing]:
        # A function of its own for each declaration.
        def reached(context: CallContext, request: Nothing) -> Nothing:
            """A target."""
            self.ran.append(str(context.operation))
            return request

        return reached


@pytest.fixture
def targets(runtime: Runtime) -> Targets:
    return Targets(runtime)


@pytest.mark.parametrize("family", FAMILIES)
def test_tricks_reach_nothing(runtime: Runtime, targets: Targets, tmp_path: Path, way: str, family: str) -> None:
    mallory = Attacker(runtime, tmp_path, way, methods=GRANTED)
    tricks = FAMILIES[family]
    codes = mallory.codes([Attack(trick) for trick in tricks])
    wrong = {trick: code for trick, code in zip(tricks, codes, strict=True) if code not in REFUSED}
    assert wrong == {}
    assert targets.ran == []


REFUSED = {"permission_denied", "unknown_method", "invalid_payload"}


def test_what_is_granted_is_reached_by_each_of_its_spellings(
    runtime: Runtime, targets: Targets, tmp_path: Path, way: str
) -> None:
    mallory = Attacker(runtime, tmp_path, way, methods=GRANTED)
    assert mallory.codes([Attack(spelling) for spelling in SPELLINGS]) == [""] * len(SPELLINGS)
    assert targets.ran == ["query:lab.ocr"] * len(SPELLINGS)


def test_what_is_denied_is_denied_in_each_of_its_spellings(
    runtime: Runtime, targets: Targets, tmp_path: Path, way: str
) -> None:
    mallory = Attacker(runtime, tmp_path, way, methods=["query:"])
    mallory.attack([Attack("query:lab.ocr_admin")])
    targets.ran.clear()
    runtime.grant(mallory.extension, Grant(methods=("query:",), denied=("query:lab.ocr",)))
    tricks = [*SPELLINGS, *CASES, *LOOK_ALIKES, *CONTROL_CHARACTERS]
    assert set(mallory.codes([Attack(trick) for trick in tricks])) <= REFUSED
    assert targets.ran == []
    assert mallory.codes([Attack("query:lab.ocr_admin"), Attack("query:lab.ocr.v2")]) == ["", ""]


def test_a_refusal_does_not_tell_what_there_is(runtime: Runtime, targets: Targets, tmp_path: Path, way: str) -> None:
    mallory = Attacker(runtime, tmp_path, way, methods=GRANTED)
    there, not_there = mallory.attack([Attack("query:lab.ocr_admin"), Attack("query:lab.ocr_nobody")])
    assert there["code"] == not_there["code"] == "permission_denied"
    assert there["error"].replace("_admin", "_nobody") == not_there["error"]


def test_a_name_of_a_megabyte_is_refused_in_no_time(runtime: Runtime, targets: Targets, tmp_path: Path) -> None:
    mallory = Attacker(runtime, tmp_path, "python", methods=["*"])
    tricks = ["query:" + "a" * 1_000_000, "query:" + "a." * 500_000, "query:" + ".v1" * 300_000]
    assert mallory.codes([Attack(trick) for trick in tricks]) == ["unknown_method"] * 3
    assert targets.ran == []


def test_an_extension_without_a_grant_reaches_nothing(runtime: Runtime, targets: Targets, tmp_path: Path) -> None:
    for way in ("python", "host"):
        mallory = Attacker(runtime, tmp_path / way, way, extension=way)
        names = [*SPELLINGS, "query:test.ping", "action:lab.ocr", "query:lab"]
        assert mallory.codes([Attack(name) for name in names]) == ["permission_denied"] * len(names)
    assert targets.ran == []
