"""A component built from Python, in a real runtime: what a job finds in there, and what becomes of it.

Everything is in few tests: a Python component takes ten seconds to build and as many to compile.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.job_history import events_of

from perdure.runtime import JobHandle, Runtime, Status, grant_as_asked
from perdure.runtime.proof.proof import Verdict
from perdure.runtime.trial.trial import Trials
from perdure.store.events import CheckpointSaved, Inline, LogWritten
from perdure_sdk import NotFound, RateLimited
from perdure_sdk.extension import Job, extension_in
from perdure_sdk.sandbox import Sandbox, built
from perdure_sdk.testing import Called, run_job, running_by

PROBE = Path(__file__).parent / "probe"
# Of a component that was made by a loaded machine's first compilation.
PATIENCE = 300.0

NO_CLOCK = "use ctx.now(), which is recorded"
NO_RANDOM = "use ctx.random or ctx.uuid4(), which are recorded"
NO_FILES = "a job has no files"
REFUSED = {
    "time.time()": NO_CLOCK,
    "clock()": NO_CLOCK,
    "time.monotonic_ns()": NO_CLOCK,
    "time.perf_counter()": NO_CLOCK,
    "time.localtime()": NO_CLOCK,
    "time.strftime('%Y')": NO_CLOCK,
    "time.sleep(1)": "a job cannot sleep",
    "DateTime.now()": NO_CLOCK,
    "datetime.datetime.now(datetime.UTC)": NO_CLOCK,
    "datetime.datetime.utcnow()": NO_CLOCK,
    "date.today()": NO_CLOCK,
    "os.urandom(4)": NO_RANDOM,
    "uuid.uuid4()": NO_RANDOM,
    "uuid.uuid1()": NO_RANDOM,
    "secrets.token_hex()": NO_RANDOM,
    "random.SystemRandom().random()": NO_RANDOM,
    "random.random()": NO_RANDOM,
    "randint(1, 6)": NO_RANDOM,
    "choice('abc')": NO_RANDOM,
    "random.shuffle([1, 2])": NO_RANDOM,
    "random.Random()": "give it a seed of your own",
    "random.seed()": "give it a seed of your own",
    "open('/etc/passwd')": NO_FILES,
    "pathlib.Path('/x').read_text()": NO_FILES,
    "pathlib.Path('/x').write_text('')": NO_FILES,
    "os.listdir('/')": NO_FILES,
    "os.remove('/x')": NO_FILES,
    "tempfile.mkdtemp()": "give it a seed of your own",
    "input()": NO_FILES,
    "socket.socket()": "use ctx.http",
    "socket.create_connection(('localhost', 80))": "use ctx.http",
    "subprocess.run(['ls'])": "a job cannot start processes",
}
ALLOWED = {
    "time.gmtime(0).tm_year": "1970",
    "time.strftime('%Y', time.gmtime(0))": "'1970'",
    "random.Random(5).random()": "0.6229016948897019",
    "(random.seed(5), random.random())[1]": "0.6229016948897019",
    "os.path.exists('/x')": "False",
    "pathlib.Path('/x').exists()": "False",
    "os.getcwd()": "'/'",
    "os.environ.get('HOME')": "None",
    "DateTime.strptime('2026-01-02', '%Y-%m-%d').isoformat()": "'2026-01-02T00:00:00'",
    "isinstance(DateTime(2026, 1, 1) + datetime.timedelta(1), DateTime)": "True",
    "isinstance(date(2026, 1, 1), DateTime)": "False",
    "isinstance(ctx.now(), DateTime)": "True",
    "'ä'.encode('idna')": "b'xn--4ca'",
    "'def ready' in SOURCE": "True",
    "ctx.test.ping('hi').echo": "'Pong: hi'",
    "str(ctx.library_id)": "'00000000-0000-0000-0000-000000000000'",
}
OTHERWISE = {
    "__import__('nothing_here')": ("ModuleNotFoundError", "nothing_here is not in the component"),
    "threading.Thread(target=print).start()": ("RuntimeError", "can't start new thread"),
    "compile('1 +', 'x.py', 'exec')": ("SyntaxError", "invalid syntax (x.py, line 1)"),
    "'a'.encode('cp850')": ("LookupError", "unknown encoding"),
    "bytearray(2**30)": ("MemoryError", ""),
    "ctx.http.query_request('https://example.com')": ("PermissionDenied", "permission_denied: query:http.request"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("probe")
    shutil.copytree(PROBE, place / "project")
    return built(place / "project")


@pytest.fixture(scope="module")
def runtime(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    with Runtime.open(tmp_path_factory.mktemp("data"), consent=grant_as_asked) as runtime:
        runtime.install(folder)
        yield runtime


@pytest.fixture(scope="module")
def probe() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(PROBE)
        import probe  # type: ignore[import-not-found]  # the author's module, as it is outside

        yield probe
        sys.modules.pop("probe", None)


def run(runtime: Runtime, job: str, state: object = None) -> JobHandle:
    handle = runtime.dispatch(f"probe:{job}", state)
    handle.wait(PATIENCE)
    return handle


def final_state(job: JobHandle) -> Any:
    last = events_of(job, CheckpointSaved)[-1].state
    assert isinstance(last, Inline)
    return json.loads(last.data)


@pytest.mark.long
@pytest.mark.timeout(900)  # a build and a compilation, beside other tests
def test_it_is_python_with_clear_limits_and_proofs(runtime: Runtime, folder: Path, probe: Any) -> None:
    found = {code: final_state(run(runtime, "evaluate", {"code": code})) for code in [*REFUSED, *ALLOWED, *OTHERWISE]}
    wrong = [
        (code, found[code])
        for code, hint in REFUSED.items()
        if found[code].get("error") != "NotInSandbox" or hint not in found[code]["message"]
    ]
    wrong += [(code, found[code]) for code, value in ALLOWED.items() if found[code].get("value") != value]
    wrong += [
        (code, found[code])
        for code, (kind, text) in OTHERWISE.items()
        if found[code].get("error") != kind or text not in found[code]["message"]
    ]
    assert wrong == []
    what_is_said(runtime)
    what_fails(runtime)
    late = run(runtime, "late")
    assert final_state(late) == {"row": '1,"a,b"\r\n'}
    what_is_not_the_same_twice(runtime)
    what_a_set_is_in_order(runtime)
    the_same_tests_run_in_it(runtime, probe)


def what_is_said(runtime: Runtime) -> None:
    said = events_of(run(runtime, "talk"), LogWritten)
    levels = [(line.level, line.message) for line in said]
    assert levels[:4] == [(1, "printed"), (1, "in two parts"), (2, "to stderr"), (1, "probe: an info")]
    assert any(level == 2 and "UserWarning: careful" in text for level, text in levels)
    (trace,) = (text for level, text in levels if level == 3)
    assert trace.startswith("probe: it went wrong\nTraceback (most recent call last):\n")
    assert "_ = 1 / 0" in trace
    assert levels[-1] == (1, "no end of line")


def what_fails(runtime: Runtime) -> None:
    job = run(runtime, "fail", {})
    assert job.status is Status.FAILED
    assert job.error is not None
    assert (job.error.kind, job.error.message) == ("guest_failed", "RuntimeError: it did not work at all")
    trace = job.error.data["traceback"]
    assert isinstance(trace, str)
    assert re.findall(r'File "([^"]+)", line \d+, in (\w+)', trace) == [
        *[("probe.py", "fail"), *[("probe.py", "_inner")] * 3, ("probe.py", "fail")]
    ]
    assert 'raise KeyError("missing")' in trace
    assert "The above exception was the direct cause" in trace
    assert [line.message for line in events_of(job, LogWritten)] == ["it did not work\nat all"]
    for name, message in (("leave", "SystemExit: 3"), ("oddly", "Odd: odd")):
        error = run(runtime, name).error
        assert error is not None
        assert error.message == message
    error = run(runtime, "deep").error
    assert error is not None
    assert error.message.startswith("RecursionError: ")


def what_is_not_the_same_twice(runtime: Runtime) -> None:
    first, second = run(runtime, "outside"), run(runtime, "outside")
    assert final_state(first)["random"] != final_state(second)["random"]
    assert len({*final_state(first)["ids"], *final_state(second)["ids"]}) == 4
    for job in (first, second):
        proof = runtime.verify(job.job_id)
        assert proof.verdict is Verdict.PROVED, proof


def what_a_set_is_in_order(runtime: Runtime) -> None:
    """Hashes of texts are the component's own: the same in each instance, and in another process of another seed."""
    code = "(list({f'name {number}' for number in range(50)}), hash('text'), id(object) % 8)"
    first, second = run(runtime, "evaluate", {"code": code}), run(runtime, "evaluate", {"code": code})
    found = final_state(first)["value"]
    assert found == final_state(second)["value"]
    names = eval(found)[0]
    assert names != sorted(names, key=lambda name: int(name.split()[1])), "the order says nothing"
    data = runtime._cache_folder.parent
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-m", "perdure.cli", "verify", str(first.job_id), "--data", str(data), "--json"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads(done.stdout)["verdict"] == "proved"


def the_same_tests_run_in_it(runtime: Runtime, probe: Any) -> None:
    """What `run_job` says of a job is the same in this process and in the sandbox."""

    class OfThisRuntime(Sandbox):
        def _trials_of(self, trial: Any) -> Any:
            return Trials(runtime, "probe")

    jobs: dict[str, Job] = extension_in(probe).jobs
    ping = {"echo": "Pong", "count": 1, "extension_works": True}
    trials: list[tuple[str, object, dict[str, Any]]] = [
        ("outside", None, {}),
        ("outside", None, {"seed": b"another", "operations": {}}),
        (
            "count",
            {"from": 0},
            {"operations": {"query:test.ping": lambda payload: {**ping, "echo": payload["message"]}}},
        ),
        ("count", {"from": 0}, {"operations": {"query:test.ping": ping}, "interrupt_at": 3}),
        ("count", {"from": 0}, {"operations": {"query:test.ping": ping}, "interrupt_at": 2, "interrupt": "cancel"}),
        ("count", {"from": 0}, {"operations": {"query:test.ping": ping}, "requests": 2}),
        ("count", {"from": 0}, {"operations": {"query:test.ping": NotFound("none")}}),
        ("count", {"from": 0}, {"operations": {"query:test.ping": RateLimited("wait", retry_after=1.5)}}),
        ("evaluate", {"code": "ctx.http.query_request('https://example.com')"}, {}),
        ("fail", {}, {}),
    ]
    for name, state, options in trials:
        outside = run_job(jobs[name].function, state, **options)
        with OfThisRuntime() as sandbox, running_by(sandbox):
            inside = run_job(jobs[name].function, state, **options)
        assert inside.status == outside.status
        assert inside.state == outside.state
        assert inside.events == outside.events
        assert (inside.error is None) is (outside.error is None)
        if inside.error is not None and outside.error is not None:
            assert (inside.error.kind, inside.error.message) == (outside.error.kind, outside.error.message)
    misfit = {"query:test.ping": {"echo": 5}}
    with OfThisRuntime() as sandbox, running_by(sandbox), pytest.raises(AssertionError, match=r"query:test\.ping"):
        run_job(jobs["count"].function, {"from": 4}, operations=misfit)
    assert runtime.call("query:test.ping", {"message": "as ever"}).echo == "Pong: as ever"
    called = run_job(jobs["count"].function, {"from": 4}, operations={"query:test.ping": ping}).calls
    assert called == [Called("query:test.ping", {"message": "4"}, ping, "", None)]
