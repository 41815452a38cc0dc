"""Installing, loading, unloading, reloading and removing extensions, with jobs about."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.runtime.conftest import GRACE
from tests.support.acme import acme_module, install_acme
from tests.support.extension_folders import write_extension
from tests.support.gate import PERMISSIONS, Gate
from tests.support.job_history import events_of
from tests.support.runtime_wat import RuntimeWat
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import ExtensionBusy
from perdure.runtime import JobHandle, Runtime, Status
from perdure.runtime.errors import (
    ExtensionDisabled,
    ExtensionInUse,
    ManifestError,
    NotAnExtensionFolder,
    UnknownExtension,
    UnknownJobType,
)
from perdure.runtime.wasm.errors import InitFailed
from perdure.store import check
from perdure.store.events import ExtensionInstalled, JobSuspended, WarningAdded, extension_stream, tag_of

COUNTER = Path(__file__).parents[2] / "examples" / "counter"


def warnings_of(job: JobHandle) -> list[str]:
    return [event.message for event in events_of(job, WarningAdded)]


def tags(runtime: Runtime, extension: str = "acme") -> list[str]:
    return [tag_of(stored.event) for stored in runtime.store.read(extension_stream(extension))]


def cleanup_with(message: str) -> str:
    """A ``plugin_cleanup`` that logs, and its text."""
    return f"""(data (i32.const 20000) "{message}")
      (func (export "plugin_cleanup")
        (call $spacedrive_log (i32.const 1) (i32.const 20000) (i32.const {len(message)})))"""


def module_that_says_goodbye() -> bytes:
    wat = RuntimeWat()
    wat.job("nothing", f"{wat.log('hello')} (i32.const 0)")
    wat.add(cleanup_with("goodbye"))
    return wat.module()


# --- install ---------------------------------------------------------------------------------------------------------


def test_a_dispatch_between_a_new_versions_install_and_its_load_gets_the_new_version(runtime: Runtime) -> None:
    info = runtime.install(COUNTER)
    manifest = (COUNTER / "manifest.json").read_bytes().replace(b'"1.0.0"', b'"1.1.0"')
    # What another thread sees in the middle of an install, or after one whose load failed: recorded, not loaded.
    installed = ExtensionInstalled("counter", "1.1.0", manifest, info.module, info.module_bytes)
    runtime.store.append(extension_stream("counter"), [installed])
    job = runtime.dispatch("counter:counter", {"target": 1, "work": 0})
    assert job.wait(TIMEOUT).status is Status.COMPLETED
    assert job.state.version == "1.1.0"


def test_the_counter_example_installs_and_runs(runtime: Runtime) -> None:
    info = runtime.install(COUNTER)
    assert (info.extension, info.enabled, info.loaded, info.warnings) == ("counter", True, True, ())
    assert [kind.name for kind in info.job_types] == ["counter"]
    assert runtime.extensions() == [runtime.inspect("counter")] == [info]

    state = runtime.dispatch("counter:counter", {"target": 1200, "work": 0}).wait(TIMEOUT)
    assert (state.status, state.items, state.bytes, state.warnings) == (Status.COMPLETED, 1200, 1200 * 64, 2)
    assert (state.progress, state.message, state.attempts, state.checkpoints) == (1.0, "Counted 1200/1200", 1, 12)
    assert check(runtime.store).problems == []


def test_installing_the_same_again_changes_nothing(runtime: Runtime, tmp_path: Path) -> None:
    install_acme(runtime, tmp_path)
    before = runtime.store.position()
    install_acme(runtime, tmp_path)
    assert runtime.store.position() == before


def test_what_is_refused_leaves_what_was_there(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    wat = RuntimeWat()
    wat.job("nothing", "(i32.const 0)")
    wat.init("unreachable")
    broken = write_extension(tmp_path / "acme", wat.module(), version="2.0.0", permissions=PERMISSIONS)
    before = tags(runtime)
    with pytest.raises(InitFailed) as caught:
        runtime.install(broken)
    assert caught.value.extension == "acme"
    with pytest.raises(InitFailed):
        runtime.reload("acme", broken)
    assert tags(runtime) == before
    assert runtime.inspect("acme").version == "1.0.0"
    job = runtime.dispatch("acme:say")
    gate.arrival().let_go()
    assert job.wait(TIMEOUT).status is Status.COMPLETED


def test_a_bad_folder_is_refused_by_name(runtime: Runtime, tmp_path: Path) -> None:
    with pytest.raises(NotAnExtensionFolder):
        runtime.install(tmp_path / "nowhere")
    folder = write_extension(tmp_path / "bad", acme_module(), permissions={"max_memory_mb": 10**15})
    with pytest.raises(ManifestError) as caught:
        runtime.install(folder)
    assert (caught.value.field, caught.value.value) == ("permissions.max_memory_mb", 10**15)
    assert runtime.extensions() == []


def test_an_unknown_field_of_the_manifest_is_a_warning(runtime: Runtime, tmp_path: Path) -> None:
    write_extension(tmp_path / "acme", acme_module(), permissions={"metods": []})
    (warning,) = runtime.install(tmp_path / "acme").warnings
    assert "permissions.metods" in warning


def test_what_is_not_there_is_named(runtime: Runtime, tmp_path: Path) -> None:
    for action in (runtime.load, runtime.unload, runtime.reload, runtime.uninstall, runtime.inspect):
        with pytest.raises(UnknownExtension):
            action("acme")
    with pytest.raises(UnknownExtension) as caught:
        runtime.dispatch("acme:say")
    assert (caught.value.extension, caught.value.known) == ("acme", ())
    install_acme(runtime, tmp_path)
    with pytest.raises(UnknownExtension) as caught:
        runtime.dispatch("acne:say")
    assert caught.value.known == ("acme",)


def test_an_extension_is_there_in_the_next_process(tmp_path: Path) -> None:
    with Runtime.open(tmp_path / "data") as runtime:
        runtime.install(COUNTER)
    with Runtime.open(tmp_path / "data") as runtime:
        info = runtime.inspect("counter")
        assert (info.enabled, info.loaded) == (True, False)  # a dispatch loads it
        assert runtime.dispatch("counter:counter", {"target": 3, "work": 0}).wait(TIMEOUT).items == 3
        assert runtime.inspect("counter").loaded


# --- reload ----------------------------------------------------------------------------------------------------------


def test_running_jobs_go_on_with_the_module_they_started_with(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    old = runtime.dispatch("acme:say")
    before = gate.arrival()
    folder = write_extension(tmp_path / "acme", acme_module("two"), version="2.0.0", permissions=PERMISSIONS)

    info = runtime.reload("acme", folder)

    new = runtime.dispatch("acme:say")
    gate.arrival().let_go()
    assert new.wait(TIMEOUT).status is Status.COMPLETED
    assert old.status is Status.RUNNING
    before.let_go()
    assert old.wait(TIMEOUT).status is Status.COMPLETED
    assert (warnings_of(old), warnings_of(new)) == (["one"], ["two"])
    assert (old.state.version, new.state.version, info.version) == ("1.0.0", "2.0.0", "2.0.0")
    assert old.state.module != new.state.module == info.module


def test_a_job_that_is_paused_goes_on_with_its_module_after_a_reload(
    runtime: Runtime, gate: Gate, tmp_path: Path
) -> None:
    job = runtime.dispatch("acme:polite")
    eventually(lambda: job.items == 1)
    job.pause()
    eventually(lambda: job.status is Status.PAUSED)
    wat = RuntimeWat()
    wat.job("other", "(i32.const 0)")
    runtime.reload("acme", write_extension(tmp_path / "acme", wat.module(), version="2.0.0"))
    with pytest.raises(UnknownJobType):  # the new version does not offer it
        runtime.dispatch("acme:polite")

    job.resume()
    eventually(lambda: job.attempts == 2 and job.status is Status.RUNNING)
    job.cancel()
    assert job.wait(TIMEOUT).version == "1.0.0"


def test_a_reload_without_a_folder_loads_the_same_again(runtime: Runtime, gate: Gate) -> None:
    before = tags(runtime)
    runtime.reload("acme")
    assert tags(runtime) == [*before, "loaded"]


# --- unload ----------------------------------------------------------------------------------------------------------


def test_unload_waits_for_jobs_cleans_up_and_takes_the_job_types_away(
    runtime: Runtime, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    install_acme(runtime, tmp_path, acme_module(cleanup=""))
    runtime.install(write_extension(tmp_path / "other", module_that_says_goodbye(), extension="other"))
    with Gate(runtime) as gate, ThreadPoolExecutor(1) as pool, caplog.at_level(logging.INFO, "perdure.extension"):
        job = runtime.dispatch("acme:gate")
        arrival = gate.arrival()
        unloading = pool.submit(runtime.unload, "acme")
        # It may not admit anything any more, and still waits.
        eventually(lambda: runtime.dispatch("acme:nothing").status is Status.QUEUED)
        assert not unloading.done()
        arrival.let_go()
        unloading.result(TIMEOUT)
        assert job.status is Status.COMPLETED

        runtime.unload("other")
        assert [record.message for record in caplog.records if record.name == "perdure.extension"] == ["other: goodbye"]

    for extension in ("acme", "other"):
        info = runtime.inspect(extension)
        assert (info.enabled, info.loaded) == (False, False)
        assert tags(runtime, extension)[-1] == "unloaded"
        with pytest.raises(ExtensionDisabled):
            runtime.dispatch(f"{extension}:nothing")


def test_a_load_after_an_unload_registers_the_job_types_again_and_admits_who_waited(
    runtime: Runtime, gate: Gate
) -> None:
    running = runtime.dispatch("acme:gate")
    arrival = gate.arrival()
    with pytest.raises(ExtensionBusy) as caught:
        runtime.unload("acme", timeout=0)
    assert caught.value.jobs == (running.job_id,)
    waiting = runtime.dispatch("acme:nothing")  # it is still loaded, and runs no new ones
    assert runtime.inspect("acme").enabled
    arrival.let_go()
    running.wait(TIMEOUT)
    assert waiting.status is Status.QUEUED

    runtime.unload("acme")
    assert waiting.status is Status.QUEUED
    info = runtime.load("acme")
    assert (info.enabled, info.loaded) == (True, True)
    assert "nothing" in [kind.name for kind in info.job_types]
    assert waiting.wait(TIMEOUT).status is Status.COMPLETED
    assert runtime.dispatch("acme:nothing").wait(TIMEOUT).status is Status.COMPLETED


@pytest.mark.parametrize(
    ("name", "forced", "kill_grace"), [("polite", False, TIMEOUT), ("spin", True, GRACE), ("deaf", True, GRACE)]
)
def test_unload_stops_jobs_if_asked_and_a_load_lets_them_go_on(
    runtime: Runtime, gate: Gate, name: str, forced: bool
) -> None:
    job = runtime.dispatch(f"acme:{name}")
    eventually(lambda: job.status is Status.RUNNING)
    runtime.unload("acme", stop_jobs=True)
    assert job.status is Status.SUSPENDED
    assert [event.forced for event in events_of(job, JobSuspended)] == [forced]
    runtime.load("acme")
    eventually(lambda: job.attempts == 2 and job.status is Status.RUNNING)
    job.cancel()
    assert job.wait(TIMEOUT).status is Status.CANCELLED


def test_a_cleanup_that_fails_stops_nothing(runtime: Runtime, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cleanup = '(func (export "plugin_cleanup") (result i32) unreachable)'
    install_acme(runtime, tmp_path, acme_module(cleanup=cleanup))
    runtime.unload("acme")
    assert not runtime.inspect("acme").enabled
    assert "was not cleaned up" in caplog.text
    runtime.load("acme")
    assert runtime.dispatch("acme:nothing").wait(TIMEOUT).status is Status.COMPLETED


def test_closing_cleans_up_too_and_leaves_the_extension_enabled(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "perdure.extension"):
        with Runtime.open(tmp_path / "data") as runtime:
            runtime.install(write_extension(tmp_path / "other", module_that_says_goodbye(), extension="other"))
        assert caplog.messages.count("other: goodbye") == 1
    with Runtime.open(tmp_path / "data") as runtime:
        assert runtime.inspect("other").enabled


def test_an_unload_of_what_is_not_loaded_switches_it_off(tmp_path: Path) -> None:
    with Runtime.open(tmp_path / "data") as runtime:
        runtime.install(COUNTER)
    with Runtime.open(tmp_path / "data") as runtime:
        runtime.unload("counter")
        with pytest.raises(ExtensionDisabled):
            runtime.dispatch("counter:counter")
    with Runtime.open(tmp_path / "data") as runtime:
        assert not runtime.inspect("counter").enabled


# --- uninstall -------------------------------------------------------------------------------------------------------


def test_an_extension_with_unfinished_jobs_stays(runtime: Runtime, gate: Gate) -> None:
    job = runtime.dispatch("acme:gate")
    arrival = gate.arrival()
    with pytest.raises(ExtensionInUse) as caught:
        runtime.uninstall("acme")
    assert caught.value.jobs == (job.job_id,)
    arrival.let_go()
    job.wait(TIMEOUT)

    runtime.uninstall("acme")
    assert runtime.extensions() == []
    with pytest.raises(UnknownExtension):
        runtime.dispatch("acme:gate")
    with pytest.raises(UnknownExtension):
        job.retry()
    assert job.items == 1  # its history stays
    assert check(runtime.store).problems == []


def test_an_uninstall_right_after_a_jobs_end_does_not_meet_its_actor(runtime: Runtime, tmp_path: Path) -> None:
    for _ in range(20):
        install_acme(runtime, tmp_path)
        jobs = [runtime.dispatch("acme:nothing") for _ in range(4)]
        for job in jobs:
            job.wait(TIMEOUT)
        runtime.uninstall("acme")


def test_it_can_be_installed_again(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    runtime.uninstall("acme")
    install_acme(runtime, tmp_path)
    assert runtime.dispatch("acme:nothing").wait(TIMEOUT).status is Status.COMPLETED
    assert tags(runtime) == ["installed", "granted", "loaded", "uninstalled", "installed", "granted", "loaded"]


# --- slots -----------------------------------------------------------------------------------------------------------


def test_an_extension_runs_as_many_jobs_at_once_as_its_manifest_says(runtime: Runtime, tmp_path: Path) -> None:
    install_acme(runtime, tmp_path, rate_limits={"concurrent_jobs": 2})
    with Gate(runtime) as gate:
        jobs = [runtime.dispatch("acme:gate") for _ in range(5)]
        first, second = gate.arrival(), gate.arrival()
        assert sorted(str(job.status) for job in jobs) == ["queued"] * 3 + ["running"] * 2
        first.let_go()
        third = gate.arrival()
        assert [job.status for job in jobs].count(Status.QUEUED) == 2
        second.let_go()
        third.let_go()
        gate.arrival().let_go()
        gate.arrival().let_go()
        assert {job.wait(TIMEOUT).status for job in jobs} == {Status.COMPLETED}
