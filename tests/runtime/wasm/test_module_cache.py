"""The cache of machine code: what it trusts, what it makes anew, and what it says about it."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from pathlib import Path

import pytest
import wasmtime
from tests.support.wat import compiled

from perdure.runtime.wasm.engine import engine_key, new_engine
from perdure.runtime.wasm.errors import InvalidWasm, UnsafeCacheFolder
from perdure.runtime.wasm.module_cache import ModuleCache

MODULE = compiled('(module (func (export "f") (result i32) (i32.const 42)))')
OTHER = compiled('(module (func (export "f") (result i32) (i32.const 43)))')


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Ledger:
    """The log, as far as the cache knows it."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], tuple[str, int]] = {}
        self.recorded = 0
        self.asked = 0

    def artifact(self, module: str, engine: str) -> str | None:
        self.asked += 1
        entry = self.entries.get((module, engine))
        return entry[0] if entry else None

    def record(self, module: str, engine: str, artifact: str, size: int) -> None:
        self.recorded += 1
        self.entries[module, engine] = (artifact, size)


class Setup:
    """A cache over two modules, and how often each was read."""

    def __init__(self, folder: Path, ledger: Ledger | None = None) -> None:
        self.folder = folder
        self.ledger = ledger or Ledger()
        self.modules = {digest(module): module for module in (MODULE, OTHER)}
        self.reads = 0
        self.cache = ModuleCache(folder, self.ledger, self._read)

    def _read(self, module: str) -> bytes:
        self.reads += 1
        return self.modules[module]

    def value(self, module: bytes = MODULE) -> int:
        """Load the module and run it."""
        engine = new_engine(64 * 1024)
        loaded = self.cache.load(engine, digest(module))
        assert isinstance(loaded, wasmtime.Module)
        store = wasmtime.Store(engine)
        store.set_fuel(100)
        store.set_epoch_deadline(1)
        function = wasmtime.Instance(store, loaded, []).exports(store)["f"]
        assert isinstance(function, wasmtime.Func)
        return int(function(store))

    def path(self, module: bytes = MODULE) -> Path:
        return self.cache.path(digest(module))


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return Setup(tmp_path / "modules")


def test_nothing_is_made_before_it_is_needed(setup: Setup) -> None:
    assert not setup.folder.exists()
    assert setup.ledger.asked == 0


def test_a_module_is_compiled_once_and_recorded_with_its_digest(setup: Setup) -> None:
    assert [setup.value() for _ in range(3)] == [42, 42, 42]
    assert setup.reads == 1
    code = setup.path().read_bytes()
    assert setup.ledger.entries == {(digest(MODULE), engine_key()): (digest(code), len(code))}


def test_modules_are_kept_apart(setup: Setup) -> None:
    assert (setup.value(MODULE), setup.value(OTHER), setup.value(MODULE)) == (42, 43, 42)
    assert setup.path(MODULE) != setup.path(OTHER)


def test_the_next_process_checks_the_file_once(setup: Setup) -> None:
    setup.value()
    later = Setup(setup.folder, setup.ledger)
    asked = setup.ledger.asked
    assert [later.value() for _ in range(3)] == [42, 42, 42]
    assert later.reads == 1, "for its interface; it is not compiled again"
    assert setup.ledger.asked == asked + 1, "and hashed once"


def test_the_folder_is_the_users_alone(setup: Setup) -> None:
    setup.value()
    assert setup.folder.stat().st_mode & 0o777 == 0o700
    assert setup.path().stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("again", [True, False])
def test_an_altered_file_is_never_run(setup: Setup, again: bool, caplog: pytest.LogCaptureFixture) -> None:
    setup.value()
    later = setup if again else Setup(setup.folder, setup.ledger)
    code = bytearray(setup.path().read_bytes())
    code[len(code) // 2] ^= 0xFF
    setup.path().write_bytes(code)
    reads = later.reads
    with caplog.at_level(logging.WARNING):
        assert later.value() == 42
    assert "not what was recorded" in caplog.text
    assert digest(bytes(code)) in caplog.text
    assert later.reads == reads + 1
    assert digest(setup.path().read_bytes()) == setup.ledger.entries[digest(MODULE), engine_key()][0]


def test_good_machine_code_of_another_module_is_not_run(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    setup.value(MODULE)
    setup.value(OTHER)
    setup.path(MODULE).write_bytes(setup.path(OTHER).read_bytes())
    assert Setup(setup.folder, setup.ledger).value(MODULE) == 42
    assert "not what was recorded" in caplog.text


def test_a_file_without_a_record_is_not_run(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    # What a crash leaves between the file and its record.
    setup.value(OTHER)
    setup.folder.joinpath(setup.path(MODULE).name).write_bytes(setup.path(OTHER).read_bytes())
    assert Setup(setup.folder, setup.ledger).value(MODULE) == 42
    assert caplog.text == ""


def test_a_record_without_a_file_is_made_anew(setup: Setup) -> None:
    setup.value()
    setup.path().unlink()
    assert setup.value() == 42
    assert setup.path().exists()
    assert setup.ledger.recorded == 2


def test_a_touched_file_is_hashed_again_and_used(setup: Setup) -> None:
    setup.value()
    os.utime(setup.path(), ns=(1, 1))
    asked = setup.ledger.asked
    assert setup.value() == 42
    assert setup.ledger.asked == asked + 1
    assert setup.reads == 1


def test_a_link_is_not_followed(setup: Setup, tmp_path: Path) -> None:
    setup.value()
    code = tmp_path / "elsewhere"
    setup.path().rename(code)
    setup.path().symlink_to(code)
    assert Setup(setup.folder, setup.ledger).value() == 42
    assert not setup.path().is_symlink()


def test_machine_code_that_does_not_fit_is_made_anew(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    # The right digest, but not for this machine: as after a move to another processor.
    setup.value()
    code = b"machine code of a machine that is none"
    setup.path().write_bytes(code)
    setup.ledger.record(digest(MODULE), engine_key(), digest(code), len(code))
    later = Setup(setup.folder, setup.ledger)
    assert later.value() == 42
    assert "cannot be loaded" in caplog.text
    assert later.value() == 42
    assert later.reads == 2, "for its interface, and to be compiled"


def test_two_jobs_of_one_module_compile_it_once(setup: Setup) -> None:
    barrier, values = threading.Barrier(4), []

    def job() -> None:
        barrier.wait(30)
        values.append(setup.value())

    threads = [threading.Thread(target=job) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert values == [42] * 4
    assert setup.reads == 1
    assert setup.ledger.recorded == 1


def test_the_record_is_made_after_the_file_and_before_its_use(setup: Setup) -> None:
    seen: list[bool] = []
    record = setup.ledger.record

    def recording(module: str, engine: str, artifact: str, size: int) -> None:
        seen.append(digest(setup.path().read_bytes()) == artifact)
        record(module, engine, artifact, size)

    setup.ledger.record = recording  # type: ignore[method-assign]  # to look at the moment
    setup.value()
    assert seen == [True]


def test_a_ledger_that_fails_is_heard(setup: Setup) -> None:
    def refuse(module: str, engine: str, artifact: str, size: int) -> None:
        raise RuntimeError("the log is closed")

    setup.ledger.record = refuse  # type: ignore[method-assign]  # a log that fails
    with pytest.raises(RuntimeError, match="the log is closed"):
        setup.value()
    setup.ledger.record = Ledger.record.__get__(setup.ledger)  # type: ignore[method-assign]  # and works again
    assert setup.value() == 42


def test_a_disk_that_is_full_costs_time_only(
    setup: Setup, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert setup.value() == 42
    assert "cannot be kept" in caplog.text
    assert list(setup.folder.iterdir()) == [], "nothing is left half written"
    assert setup.ledger.recorded == 0
    assert setup.value() == 42
    assert setup.ledger.recorded == 1


def test_what_a_crash_left_is_removed(setup: Setup) -> None:
    setup.value()
    setup.folder.joinpath(".new-abc").write_bytes(b"half")
    Setup(setup.folder, setup.ledger).value()
    assert [path.name for path in setup.folder.iterdir()] == [setup.path().name]


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o702])
def test_a_folder_that_is_open_to_others(setup: Setup, mode: int) -> None:
    setup.folder.mkdir()
    setup.folder.chmod(mode)
    with pytest.raises(UnsafeCacheFolder, match=f"{mode:04o}") as failure:
        setup.value()
    assert failure.value.path == setup.folder


def test_only_the_newest_machine_code_is_kept(setup: Setup) -> None:
    assert setup.cache.forget_but(1) == 0  # there is no folder yet
    assert (setup.value(MODULE), setup.value(OTHER)) == (42, 43)
    os.utime(setup.path(MODULE), (1, 1))
    assert setup.cache.forget_but(1) == 1
    assert [path.exists() for path in (setup.path(MODULE), setup.path(OTHER))] == [False, True]
    assert (setup.value(MODULE), setup.value(OTHER)) == (42, 43)  # it is made anew
    assert setup.cache.forget_but(0) == 2


def test_a_folder_that_is_a_link(setup: Setup, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    setup.folder.symlink_to(tmp_path / "real")
    with pytest.raises(UnsafeCacheFolder, match="is a link"):
        setup.value()


def test_a_folder_of_somebody_else(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    setup.folder.mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(UnsafeCacheFolder, match="belongs to user"):
        setup.value()


def test_a_file_where_the_folder_should_be_costs_time_only(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    setup.folder.write_text("in the way")
    assert setup.value() == 42
    assert "cannot be kept" in caplog.text


def test_a_folder_where_the_file_should_be_costs_time_only(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    setup.value(OTHER)
    setup.path().mkdir()
    assert setup.value() == 42
    assert "cannot be read" in caplog.text


def test_a_module_that_is_none(setup: Setup) -> None:
    setup.modules["0" * 64] = b"\0asm\x01\0\0\0\x01"
    for read in (setup.cache.interface, lambda module: setup.cache.load(new_engine(64 * 1024), module)):
        with pytest.raises(InvalidWasm):
            read("0" * 64)
    assert setup.ledger.recorded == 0


def test_an_interface_is_read_once_and_compiles_nothing(setup: Setup) -> None:
    loader = setup.cache.loader(digest(MODULE))
    assert loader.interface() is loader.interface()
    assert setup.reads == 1
    assert not setup.folder.exists()
    assert loader(new_engine(64 * 1024)) is not None
