"""The cache of machine code, with parts that components share."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.component_wat import ComponentWat
from wasmtime import component

from perdure.runtime.proof.modules import machine_code_of
from perdure.runtime.wasm.code import Code, SplitCode, compile_component, deserialise, read_file
from perdure.runtime.wasm.component_parts import split
from perdure.runtime.wasm.engine import engine_key, new_engine
from perdure.runtime.wasm.module_cache import ModuleCache, needs_path, part_paths

LEAST = 4_000
LIBRARY = LEAST


def guest(items: int, library: int = LIBRARY) -> bytes:
    wat = ComponentWat()
    wat.library(library)
    wat.run(f"(drop (call $spin (i32.const {items}))) {wat.completed()}")
    return wat.component()


ONE, OTHER, FOREIGN = guest(1), guest(2), guest(3, LIBRARY + 1)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Ledger:
    """The log, as far as the cache knows it."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}
        self.recorded: list[str] = []

    def artifact(self, module: str, engine: str) -> str | None:
        return self.entries.get((module, engine))

    def record(self, module: str, engine: str, artifact: str, size: int) -> None:
        self.recorded.append(module)
        self.entries[module, engine] = artifact


class Setup:
    """A cache over components, and what was compiled of them."""

    def __init__(self, folder: Path, ledger: Ledger | None = None) -> None:
        self.folder = folder
        self.ledger = ledger or Ledger()
        self.compiled: list[int] = []
        self.cache = ModuleCache(folder, self.ledger, self._read, self._compiling, LEAST)

    def _read(self, module: str) -> bytes:
        return {digest(data): data for data in (ONE, OTHER, FOREIGN)}[module]

    def _compiling(self, size: int) -> contextlib.AbstractContextManager[None]:
        self.compiled.append(size)
        return contextlib.nullcontext()

    def load(self, data: bytes = ONE) -> Code:
        return self.cache.load(new_engine(64 * 1024), digest(data))

    def loads(self, data: bytes = ONE) -> None:
        """Load it, in its pieces."""
        code = self.load(data)
        assert isinstance(code, SplitCode)
        assert code.parts.keys() == {part.import_name for part in split(data, LEAST).parts}

    def part(self, data: bytes = ONE) -> Path:
        """The file of its part."""
        (path,) = part_paths(self.folder, digest(data)).values()
        return path

    def names(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return Setup(tmp_path / "modules")


def pieces(data: bytes) -> tuple[int, int]:
    """How large its part is, and the rest."""
    taken = split(data, LEAST)
    (part,) = taken.parts
    return len(part.data), taken.rest_size


def test_a_part_is_compiled_once_for_all(setup: Setup) -> None:
    setup.loads(ONE)
    setup.loads(OTHER)
    setup.loads(ONE)
    part, rest = pieces(ONE)
    assert setup.compiled == [part + rest, pieces(OTHER)[1]]
    assert setup.part(ONE) == setup.part(OTHER)
    assert len(setup.names()) == 5  # two components, their lists, and the part
    setup.loads(FOREIGN)
    assert setup.compiled[2:] == [sum(pieces(FOREIGN))]


def test_every_file_is_recorded_before_it_is_used(setup: Setup) -> None:
    setup.loads()
    part = split(ONE, LEAST).parts[0].digest
    assert setup.ledger.recorded == [part, digest(ONE)]
    for name, path in ((part, setup.part()), (digest(ONE), setup.cache.path(digest(ONE)))):
        assert setup.ledger.entries[name, engine_key()] == digest(path.read_bytes())
        assert path.stat().st_mode & 0o777 == 0o600


def test_the_next_process_compiles_nothing(setup: Setup) -> None:
    setup.loads()
    later = Setup(setup.folder, setup.ledger)
    for _ in range(3):
        later.loads()
    later.loads(OTHER)
    assert later.compiled == [pieces(OTHER)[1]]


@pytest.mark.parametrize("again", [True, False])
def test_an_altered_part_is_never_run(setup: Setup, again: bool, caplog: pytest.LogCaptureFixture) -> None:
    setup.loads()
    later = setup if again else Setup(setup.folder, setup.ledger)
    later.compiled.clear()
    code = bytearray(setup.part().read_bytes())
    code[len(code) // 2] ^= 0xFF
    setup.part().write_bytes(code)
    later.loads()
    assert "not what was recorded" in caplog.text
    assert later.compiled == [pieces(ONE)[0]], "the rest is as it was"
    assert digest(setup.part().read_bytes()) != digest(bytes(code))


def test_the_part_of_another_component_is_not_run(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    setup.loads(ONE)
    setup.loads(FOREIGN)
    setup.part(ONE).write_bytes(setup.part(FOREIGN).read_bytes())
    Setup(setup.folder, setup.ledger).loads(ONE)
    assert "not what was recorded" in caplog.text


def test_a_part_that_does_not_fit_is_made_anew(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    setup.loads()
    code = b"machine code of a machine that is none"
    setup.part().write_bytes(code)
    setup.ledger.record(split(ONE, LEAST).parts[0].digest, engine_key(), digest(code), len(code))
    Setup(setup.folder, setup.ledger).loads()
    assert "cannot be loaded" in caplog.text


@pytest.mark.parametrize("lost", ["part", "needs", "rest"])
def test_what_is_lost_is_made_anew(setup: Setup, lost: str) -> None:
    setup.loads()
    setup.compiled.clear()
    files = {
        "part": setup.part(),
        "needs": needs_path(setup.folder, digest(ONE)),
        "rest": setup.cache.path(digest(ONE)),
    }
    files[lost].unlink()
    part, rest = pieces(ONE)
    for _ in range(2):
        setup.loads()
    assert setup.compiled == {"part": [part], "needs": [], "rest": [rest]}[lost]


def test_machine_code_of_the_whole_is_used_as_it_is(setup: Setup) -> None:
    """What an earlier perdure has left."""
    code = bytes(compile_component(new_engine(64 * 1024), ONE).serialize())
    setup.folder.mkdir(mode=0o700)
    setup.cache.path(digest(ONE)).write_bytes(code)
    setup.ledger.record(digest(ONE), engine_key(), digest(code), len(code))
    for _ in range(2):
        assert isinstance(setup.load(), component.Component)
    assert setup.compiled == []


def test_two_components_at_once_compile_a_part_once(setup: Setup) -> None:
    barrier, done = threading.Barrier(4), []

    def job(data: bytes) -> None:
        barrier.wait(30)
        setup.loads(data)
        done.append(data)

    threads = [threading.Thread(target=job, args=(data,)) for data in (ONE, OTHER) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(done) == 4
    part = pieces(ONE)[0]
    assert sorted(setup.compiled) in [
        sorted([part + pieces(first)[1], pieces(second)[1]]) for first, second in ((ONE, OTHER), (OTHER, ONE))
    ]
    assert len(setup.ledger.recorded) == 3


def forget_missing(setup: Setup, gone: bytes) -> int:
    return setup.cache.forget_missing(lambda module: module != digest(gone))


def forget_but(setup: Setup, gone: bytes) -> int:
    os.utime(setup.cache.path(digest(gone)), (1, 1))
    return setup.cache.forget_but(len([name for name in setup.names() if name.endswith(".cwasm")]) - 1)


@pytest.mark.parametrize("forget", [forget_missing, forget_but])
def test_a_part_goes_with_the_last_that_needs_it(setup: Setup, forget: Callable[[Setup, bytes], int]) -> None:
    for data in (ONE, OTHER, FOREIGN):
        setup.loads(data)
    part = setup.part(ONE)
    assert forget(setup, ONE) == 1
    assert part.exists()
    setup.compiled.clear()
    setup.loads(OTHER)
    assert setup.compiled == []
    assert forget(setup, OTHER) == 1
    assert not part.exists()
    assert len(setup.names()) == 3, "what is left is one component, its list and its part"
    setup.loads(FOREIGN)
    assert setup.compiled == []
    assert forget(setup, FOREIGN) == 1
    assert setup.names() == set()
    setup.loads(ONE)


def test_a_disk_that_is_full_costs_time_only(
    setup: Setup, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        setup.loads()
    assert "cannot be kept" in caplog.text
    assert setup.names() == set()
    assert setup.ledger.recorded == []
    setup.loads()
    assert len(setup.names()) == 3


def test_a_proof_takes_the_pieces_only_if_they_are_those_recorded(setup: Setup) -> None:
    machine_code = machine_code_of(setup.folder, setup.ledger.artifact)
    assert machine_code(digest(ONE)) is None
    setup.loads()
    code = machine_code(digest(ONE))
    assert code is not None
    assert isinstance(deserialise(new_engine(64 * 1024), read_file(ONE), code), SplitCode)
    setup.part().write_bytes(b"x")
    assert machine_code(digest(ONE)) is None


def test_a_component_whose_pieces_are_refused_is_compiled_whole(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoiled(data: bytes, least: int) -> object:
        taken = split(data, least)
        return type(taken)(taken.rest + bytes([99, 0]), taken.parts)

    monkeypatch.setattr("perdure.runtime.wasm.module_cache.split", spoiled)
    for _ in range(2):
        assert isinstance(setup.load(), component.Component)
    assert setup.compiled[1:] == [len(ONE)]
    assert isinstance(Setup(setup.folder, setup.ledger).load(), component.Component)
