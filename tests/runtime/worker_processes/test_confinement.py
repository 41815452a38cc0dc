"""What a worker process cannot do, whatever it was made to do by what it read."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.runtime.worker_processes import landlock
from perdure.runtime.worker_processes.pool import WorkerPool
from perdure.runtime.worker_processes.readable import readable_paths
from perdure.runtime.worker_processes.system_calls import filter_program
from perdure.runtime.worker_processes.task import Task

ROOT = Path(__file__).parents[3]
ATTEMPT = Task("tests.support.worker_tasks:attempt", 4 << 30, 1, "ocr")


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    before = os.environ.get("PYTHONPATH", "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), before]))
        made = WorkerPool()
        yield made
        made.close()


def attempt(pool: WorkerPool, expression: str) -> str:
    return pool.run(ATTEMPT, expression.encode(), seconds=60.0).decode()


def test_it_reads_no_files_but_those_of_python_and_the_system(pool: WorkerPool, tmp_path: Path) -> None:
    (tmp_path / "private").write_text("mine")
    for path in ("/etc/passwd", "/etc/hostname", str(tmp_path / "private"), "/proc/self/environ"):
        assert attempt(pool, f"open({path!r}, 'rb').read()") == "PermissionError", path
    for path in ("/", "/etc", "/home", str(tmp_path)):
        assert attempt(pool, f"os.listdir({path!r})") == "PermissionError", path
    assert attempt(pool, f"len(open({os.__file__!r}).read()) > 0") == "True"
    assert attempt(pool, "len(os.urandom(8)), len(open('/dev/urandom', 'rb').read(4))") == "(8, 4)"


def test_it_reads_what_its_task_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    for name in ("needed", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "data").write_text("words")
    task = Task("tests.support.worker_tasks:attempt", 4 << 30, 1, "ocr", readable=(str(tmp_path / "needed"),))
    pool = WorkerPool()
    try:
        for name, expected in (("needed", "'words'"), ("other", "PermissionError")):
            expression = f"open({str(tmp_path / name / 'data')!r}).read()"
            assert pool.run(task, expression.encode(), seconds=60.0).decode() == expected
    finally:
        pool.close()


def test_it_changes_no_files(pool: WorkerPool, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("as it was")
    for expression in (
        f"open({str(tmp_path / 'new')!r}, 'w')",
        f"open({str(kept)!r}, 'w')",
        f"os.truncate({str(kept)!r}, 0)",
        f"os.unlink({str(kept)!r})",
        f"os.rename({str(kept)!r}, {str(tmp_path / 'new')!r})",
        f"os.mkdir({str(tmp_path / 'new')!r})",
        f"os.symlink('/etc/passwd', {str(tmp_path / 'new')!r})",
    ):
        assert attempt(pool, expression) in ("PermissionError", "OSError"), expression
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert kept.read_text() == "as it was"


def test_it_reaches_nobody(pool: WorkerPool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        assert attempt(pool, f"socket.create_connection({address!r})") == "PermissionError"
        for kind in ("AF_INET, socket.SOCK_DGRAM", "AF_INET6", "AF_UNIX", "AF_NETLINK, socket.SOCK_RAW"):
            assert attempt(pool, f"socket.socket(socket.{kind})") == "PermissionError", kind
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_it_starts_and_touches_no_process(pool: WorkerPool) -> None:
    for expression in ("os.fork()", "os.execv('/bin/true', ['true'])", "os.kill(os.getppid(), 9)", "os.kill(1, 0)"):
        assert attempt(pool, expression) == "PermissionError", expression
    assert attempt(pool, "__import__('subprocess').run(['/bin/true'])") in ("PermissionError", "BlockingIOError")


def test_it_can_use_threads_and_libraries(pool: WorkerPool) -> None:
    started = "[t.start() or t.join() for t in [threading.Thread(target=time.monotonic)]]"
    assert attempt(pool, started) == "[None]"
    assert attempt(pool, "__import__('numpy').ones((50, 50)).sum() > 0") == "np.True_"
    assert "en" in attempt(pool, "__import__('pi_heif').libheif_info().keys()")


def test_it_gets_no_new_privileges(pool: WorkerPool) -> None:
    pid = int(attempt(pool, "os.getpid()"))
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"


def test_what_older_kernels_can_forbid() -> None:
    assert landlock.rights(0) == (0, 0, 0)
    assert landlock.rights(1) == (0x1FFF, 0, 0)
    assert landlock.rights(3) == (0x7FFF, 0, 0)
    assert landlock.rights(4) == (0x7FFF, 3, 0)
    assert landlock.rights(99) == (0xFFFF, 3, 3)


def test_a_folder_of_a_program_is_read_for_its_code_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "master").touch()
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").touch()
    (tmp_path / "module.py").touch()
    (tmp_path / "namespace").mkdir()
    (tmp_path / "namespace" / "inner.py").touch()
    (tmp_path / "namespace" / "letters.txt").touch()
    (tmp_path / "secret.txt").touch()
    monkeypatch.syspath_prepend(tmp_path)
    found = {str(path.relative_to(tmp_path)) for path in readable_paths() if path.is_relative_to(tmp_path)}
    assert found == {"package", "module.py", "namespace/inner.py"}


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_reaches_an_answer_from_every_step(machine: str) -> None:
    """A jump beyond the end would be refused by the kernel: on the machines that nobody tried."""
    program = filter_program(machine)
    steps = [program[at : at + 8] for at in range(0, len(program), 8)]
    for at, step in enumerate(steps):
        if int.from_bytes(step[:2], "little") != 0x06:
            assert at + 1 + max(step[2], step[3]) < len(steps)
    assert steps[-1] == bytes.fromhex("060000000000ff7f")
