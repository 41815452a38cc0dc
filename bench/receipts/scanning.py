"""The extension of examples/finance over a mailbox: as a component in a runtime, or its Python as it stands.

The second is for tuning: no build, and what mails, OCR and models answered is kept, so that only the rules run again.
"""

from __future__ import annotations

import base64
import functools
import getpass
import hashlib
import importlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec

from bench.figure import BenchFailed
from bench.guests import WORK, compiled
from bench.receipts.compare import Found
from bench.receipts.labels import Message
from bench.receipts.mailbox import mbox
from perdure.runtime import DEFAULT_LIBRARY, OperationError, Runtime, Status, grant_as_asked
from perdure.store.events import WarningAdded
from perdure.toolchain import build, deliver, project_in
from perdure_sdk.errors import call_error
from perdure_sdk.testing import run_job

ROOT: Final = Path(__file__).parents[2]
FINANCE: Final = ROOT / "examples" / "finance"
_EXTENSION: Final = "finance"
_MAILBOX: Final = {"type": "mbox", "file": "mail/inbox.mbox"}
_RUNTIME: Final = ROOT / "runtime" / "perdure" / "runtime"
# What an answer depends on beside its payload: a change there makes new answers.
_MADE_BY: Final = {"query:ai.ocr": "ai/ocr/*.py", "query:ai.": "ai/*.py", "query:mail.": "mail/**/*.py"}
_JOB_SECONDS: Final = 7_200.0


class Scanned(msgspec.Struct, frozen=True, kw_only=True):
    """What a scan left: receipts, warnings, the seconds that it took."""

    found: list[Found]
    warnings: list[str]
    seconds: float


def scan_in_runtime(messages: Sequence[Message], folder: Path, extension: Path | None = None) -> Scanned:
    """Install the built extension in a new data folder below ``folder``, and scan with it.

    Args:
        messages: what is in the mailbox.
        folder: an empty one.
        extension: the built extension; it is built if None, which takes half a minute.

    Raises:
        BenchFailed: the job did not complete.
    """
    _write_mailbox(messages, folder)
    if extension is None:
        # A copy: a build writes beside the sources, where others may work.
        project = shutil.copytree(
            FINANCE, folder / "project", ignore=shutil.ignore_patterns("dist", ".*", "__pycache__")
        )
        deliver(build(project_in(project), lambda line: None), folder / "extension")
        extension = folder / "extension"
    with Runtime.open(folder / "data", consent=grant_as_asked) as runtime:
        runtime.install(extension)
        runtime.share_folder(_EXTENSION, "mail", folder / "mail")
        start = time.perf_counter()
        job = runtime.dispatch(f"{_EXTENSION}:scan", {"mailbox": _MAILBOX})
        state = job.wait(_JOB_SECONDS)
        seconds = time.perf_counter() - start
        if state.status is not Status.COMPLETED:
            raise BenchFailed(f"the scan is {state.status}: {state.error}")
        events = [entry.stored.event for entry in job.history()]
        warnings = [event.message for event in events if isinstance(event, WarningAdded)]
        return Scanned(found=kept_receipts(runtime), warnings=warnings, seconds=seconds)


def kept_receipts(runtime: Runtime) -> list[Found]:
    """The entries of receipts in a runtime's library, from their sidecars."""
    found: list[Found] = []
    cursor: str | None = ""
    while cursor is not None:
        request = {"kind": "receipt", "limit": 500} | ({"cursor": cursor} if cursor else {})
        page = runtime.call("query:vdfs.list_entries", request)
        for entry in page.entries:
            sidecar = runtime.call("query:vdfs.read_sidecar", {"entry_id": str(entry.id), "name": "receipt.json"})
            text = sidecar.text if sidecar.text is not None else sidecar.content.decode()
            found.append(Found(message_id=entry.metadata["message_id"], name=entry.name, receipt=json.loads(text)))
        cursor = page.next
    return found


class Answers:
    """A runtime that answers a job in plain Python; what mails, OCR and models said is kept in ``cache``."""

    def __init__(self, runtime: Runtime, cache: Path, mailbox: str) -> None:
        self._runtime = runtime
        self._cache = cache
        self._mailbox = mailbox
        self._read: dict[str, str] = {}  # by the digest of the document

    def operations(self, methods: Sequence[str]) -> dict[str, Callable[[Any], Any]]:
        """For `run_job`, those that the extension asks for."""
        return {method: self._answering(method) for method in methods if not method.startswith("query:clock.")}

    def ocr_text(self, content: bytes) -> str:
        """What the job was told of a document last; empty if it never asked."""
        return self._read.get(hashlib.sha256(content).hexdigest(), "")

    def _answering(self, method: str) -> Callable[[Any], Any]:
        return lambda payload: self.answer(method, payload)

    def answer(self, method: str, payload: dict[str, Any]) -> Any:
        """The kept answer, or the runtime's.

        Raises:
            CallError: it was refused, or failed.
        """
        made_by = next((pattern for name, pattern in _MADE_BY.items() if method.startswith(name)), None)
        if made_by is None:
            return self._asked(method, payload)
        told = json.dumps([method, payload, self._mailbox if method.startswith("query:mail.") else ""], sort_keys=True)
        place = self._cache / _state_of(made_by) / f"{hashlib.sha256(told.encode()).hexdigest()}.json"
        if place.is_file():
            answer = json.loads(place.read_bytes())
        else:
            answer = self._asked(method, payload)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(json.dumps(answer))
        if method == "query:ai.ocr" and "data" in payload:
            self._read[hashlib.sha256(base64.b64decode(payload["data"])).hexdigest()] = answer["text"]
        return answer

    def _asked(self, method: str, payload: dict[str, Any]) -> Any:
        try:
            answer = self._runtime.call(method, payload, extension=_EXTENSION)
        except OperationError as error:
            raise call_error(method, error.code, str(error), None) from None
        return msgspec.to_builtins(answer, builtin_types=())


def scan_in_python(messages: Sequence[Message], folder: Path, cache: Path) -> tuple[Scanned, Answers, Runtime]:
    """Run the job's Python against a runtime in ``folder``, which stays open for more questions: close it."""
    mailbox = _write_mailbox(messages, folder)
    if str(FINANCE) not in sys.path:
        sys.path.insert(0, str(FINANCE))
    finance = importlib.import_module("finance")
    runtime = Runtime.open(folder / "data", consent=grant_as_asked)
    runtime.install(_stand_in(folder, finance.ext.methods))
    runtime.share_folder(_EXTENSION, "mail", folder / "mail")
    answers = Answers(runtime, cache, mailbox)
    start = time.perf_counter()
    result = run_job(
        finance.scan,
        {"mailbox": _MAILBOX},
        operations=answers.operations(finance.ext.methods),
        library_id=UUID(str(DEFAULT_LIBRARY)),
    )
    seconds = time.perf_counter() - start
    if not result.completed:
        runtime.close()
        raise BenchFailed(f"the scan {result.status}: {result.error}")
    return Scanned(found=kept_receipts(runtime), warnings=list(result.warnings), seconds=seconds), answers, runtime


def answers_folder() -> Path:
    """Where answers are kept between runs, of this user alone."""
    root = Path(tempfile.gettempdir()) / f"perdure-receipts-{getpass.getuser()}"
    root.mkdir(mode=0o700, exist_ok=True)
    if root.stat().st_uid != os.geteuid():
        raise BenchFailed(f"{root} belongs to somebody else")
    return root


@functools.cache
def _state_of(pattern: str) -> str:
    """A name for the state of some sources."""
    found = hashlib.sha256()
    for path in sorted(_RUNTIME.glob(pattern)):
        found.update(f"{path.relative_to(_RUNTIME)} ".encode() + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()[:16]


def _write_mailbox(messages: Sequence[Message], folder: Path) -> str:
    """Write ``mail/inbox.mbox``; returns a digest of it."""
    (folder / "mail").mkdir()
    content = mbox(messages)
    (folder / "mail" / "inbox.mbox").write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def _stand_in(folder: Path, methods: Sequence[str]) -> Path:
    """An extension of the same name and permissions, with another module: in its name the runtime is called."""
    path = folder / "extension"
    path.mkdir()
    limits = {"requests_per_minute": 1_000_000, "concurrent_jobs": 10}
    manifest = {
        "id": _EXTENSION,
        "name": "Finance, run as it stands",
        "version": "1.0.0",
        "wasm_file": "module.wasm",
        "permissions": {"methods": list(methods), "rate_limits": limits, "max_memory_mb": 16},
    }
    (path / "manifest.json").write_text(json.dumps(manifest))
    (path / "module.wasm").write_bytes(compiled(WORK))
    return path
