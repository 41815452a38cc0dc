"""Children that verify for commands, and the exit codes that their answers come to."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from uuid import UUID

import msgspec

from perdure.api.errors import ProcessDied
from perdure.api.problems import error_of
from perdure.cli.error_codes import error_line, exit_code
from perdure.cli.exit_codes import ExitCode
from perdure.runtime.proof.proof import Proof
from perdure.server.verifying.child import Tell, VerifyChild
from perdure.server.verifying.process import Order, Outcome


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What was found: a proof, or why there is none, and the exit code for that."""

    proof: Proof | None = None
    error: str = ""
    code: ExitCode = ExitCode.DONE


def finding_of(outcome: Outcome) -> Finding:
    """What a child's answer is for a command."""
    if outcome.problem is None:
        return Finding(proof=outcome.proof)
    error = error_of(outcome.problem)
    if isinstance(error, TimeoutError):
        return Finding(error=f"{error}: --timeout allows more", code=ExitCode.PARTIAL)
    if isinstance(error, ProcessDied):
        return Finding(error=str(error), code=ExitCode.STORE)
    return Finding(error=error_line(error), code=exit_code(error))


def verify_one(order: Order, what: str, tell: Tell, timeout: float | None) -> Finding:
    """Verify one job or bundle in a child; Ctrl-C ends that."""
    with VerifyChild(order, timeout) as child:
        return finding_of(child.verify(what, tell))


def verify_many(
    order: Order, jobs: Iterable[UUID], workers: int, timeout: float | None
) -> Generator[tuple[UUID, Finding], None, None]:
    """Verify jobs of a log in so many processes; each answer as soon as it is there. Close the iterator to end it."""
    waiting: queue.SimpleQueue[UUID] = queue.SimpleQueue()
    found: queue.SimpleQueue[tuple[UUID, Finding]] = queue.SimpleQueue()
    count = 0
    for job in jobs:
        waiting.put(job)
        count += 1
    children = [VerifyChild(order, timeout) for _ in range(max(1, min(workers, count)))]
    stopped = threading.Event()

    def work(child: VerifyChild) -> None:
        with child:
            while not stopped.is_set():
                try:
                    job = waiting.get_nowait()
                except queue.Empty:
                    return
                try:
                    finding = finding_of(child.verify(str(job)))
                except Exception as error:  # noqa: BLE001  # whoever waits for this answer has to get one
                    finding = Finding(error=f"{type(error).__name__}: {error}", code=ExitCode.INTERNAL)
                found.put((job, finding))

    threads = [threading.Thread(target=work, args=(child,), daemon=True) for child in children]
    for thread in threads:
        thread.start()
    try:
        for _ in range(count):
            yield found.get()
    finally:
        stopped.set()
        for child in children:
            child.close()
        for thread in threads:
            thread.join()
