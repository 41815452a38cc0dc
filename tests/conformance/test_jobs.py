"""One suite for all languages: the same jobs leave the same events, and each of them is proved."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conformance.lives import GOLDEN, INTERRUPTED, PATIENCE, golden, live
from tests.conformance.scenarios import SCENARIOS, Scenario
from tests.conformance.telling import lines
from tests.support.job_history import events_of

from perdure.runtime import ExtensionDisabled, JobHandle, Runtime, Status
from perdure.runtime.proof import Verdict, verify_bundle
from perdure.store import check
from perdure.store.events import ExtensionLoaded, ExtensionUnloaded, JobFailed, extension_stream

# The first test of a language builds it, beside other tests.
pytestmark = pytest.mark.timeout(600)


def proved(job: JobHandle) -> None:
    proof = job.verify()
    assert proof.verdict is Verdict.PROVED, proof
    assert all(left.expected for left in proof.not_compared), proof.not_compared


@pytest.mark.long  # it is the first one
def test_it_is_loaded_initialised_and_unloaded(
    runtime: Runtime, extension: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "perdure.extension"):
        info = runtime.load(extension)
    assert f"{extension}: counter ready" in caplog.messages
    assert info.version == "0.1.0"
    assert info.manifest.name == f"Counter ({extension.removeprefix('counter-').capitalize()})"
    assert info.warnings == ()
    assert sorted(info.manifest.permissions.methods) == ["action:vdfs.write_sidecar", "query:vdfs.read_sidecar"]
    jobs = {job.name: job.resumable for job in info.job_types}
    assert jobs == dict.fromkeys(("counter", "failing", "noter", "trespasser", "warner"), True)
    runtime.unload(extension)
    last = [stored.event for stored in runtime.store.read(extension_stream(extension))][-1]
    assert isinstance(last, ExtensionUnloaded)
    with pytest.raises(ExtensionDisabled):
        runtime.dispatch(f"{extension}:warner")
    runtime.load(extension)
    last = [stored.event for stored in runtime.store.read(extension_stream(extension))][-1]
    assert isinstance(last, ExtensionLoaded)
    assert runtime.dispatch(f"{extension}:warner").wait(PATIENCE).status is Status.COMPLETED


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_job_leaves_what_every_language_leaves(runtime: Runtime, extension: str, scenario: Scenario) -> None:
    job = live(runtime, extension, scenario)
    assert lines(job, own_words=scenario.own_words) == golden(scenario.name)
    proved(job)


@pytest.mark.parametrize("life", INTERRUPTED)
def test_an_interrupt_is_answered_with_the_state(
    runtime: Runtime, extension: str, life: Callable[[Runtime, str], JobHandle]
) -> None:
    job = life(runtime, extension)
    assert lines(job) == golden(life.__name__)
    proved(job)


def test_counters_and_progress_are_the_sums_of_the_events(runtime: Runtime, extension: str) -> None:
    job = live(runtime, extension, SCENARIOS[0])
    assert (job.items, job.bytes, job.warnings, job.fraction, job.message) == (3, 24, 0, 1.0, "Counted 3/3")
    assert job.state.checkpoints == 4


def test_a_failure_says_what_its_abi_can_say(runtime: Runtime, extension: str) -> None:
    """ABI 1 returns a number, beside which the host puts the last error of the log; ABI 2 the exception in one line."""
    (scenario,) = [scenario for scenario in SCENARIOS if scenario.name == "failing"]
    (failed,) = events_of(live(runtime, extension, scenario), JobFailed)
    words, message = failed.error.message.split(": ", maxsplit=1)
    if extension == "counter-python":
        assert words == "ValueError"
        assert message == scenario.state["message"].replace("\n", " ")
        assert 'File "counter_python.py"' in str(failed.error.data["traceback"])
    else:
        assert words == "execute_failing returned 2 (failed)"
        assert message == scenario.state["message"]


@pytest.mark.long  # a bundle is compiled without any cache
def test_it_is_proved_from_a_file_alone(runtime: Runtime, extension: str, tmp_path: Path) -> None:
    (scenario,) = [scenario for scenario in SCENARIOS if scenario.name == "noter"]
    runtime.export_bundle(live(runtime, extension, scenario).job_id, tmp_path / "job.perdure")
    proof = verify_bundle(tmp_path / "job.perdure")
    assert proof.verdict is Verdict.PROVED, proof


def test_the_log_is_sound(runtime: Runtime) -> None:
    assert check(runtime.store).problems == []


def test_every_golden_list_is_used() -> None:
    names = [*(scenario.name for scenario in SCENARIOS), *(life.__name__ for life in INTERRUPTED)]
    assert sorted(path.stem for path in GOLDEN.iterdir()) == sorted(names)
