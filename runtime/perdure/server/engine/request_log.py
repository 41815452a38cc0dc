"""What clients ask for, in the log: by whom, about what, and what it came to; and under which Idempotency-Key.

A request is in the log before it is begun, with its key, and again when it is done, with its answer. Whoever comes with
the key again within a day gets that answer, and nothing is done; or is told that the key is another request's, that the
first one is still worked on, or that the process died meanwhile and nobody knows (`repeating` says when it is done
anew).

Answers are sealed with the key of the extension that they are about, else the host's, so that an erasure takes them
along. Those with secrets in them, and large ones, are not kept; nor are refusals that say "try again".
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec

from perdure.api.endpoint import Endpoint
from perdure.api.errors import BadRequest, KeyConflict
from perdure.api.operations import CallOperation
from perdure.api.problems import REFUSED
from perdure.runtime import Runtime
from perdure.runtime.access.request_keys import PURPOSE, RequestKey, digest_of, found, key_of, write_of
from perdure.runtime.permissions import operation_name
from perdure.runtime.secrets.errors import SecretsError
from perdure.runtime.secrets.keychain import HOST
from perdure.server.engine.repeating import Then, answer_there_is, named, then
from perdure.server.link.messages import LinkAnswer, LinkRequest
from perdure.store import failpoints
from perdure.store.event_store import Effects
from perdure.store.events import RequestAccepted, RequestAnswered, access_stream, extension_stream, job_stream
from perdure.store.rows import RowRead

MAX_KEY: Final = 255  # characters
MAX_KEPT: Final = 64 << 10  # bytes of an answer
_TRY_AGAIN: Final = frozenset({429, 503})
_SECRET: Final = frozenset({"tokens.issue"})  # endpoints whose answers are for one pair of eyes
_HEADER: Final = "Idempotency-Key"


@dataclass(frozen=True)
class Entry:
    """A request that is being worked on.

    Attributes:
        request: its id.
        stream: has it in the log.
        wanted: what is asked for, with a name for its effect.
        key: its row's key, None without one.
        kept: what is kept there.
        done: the answer, if the log says that it was done before its process died.
    """

    request: UUID
    stream: str
    wanted: Any
    key: bytes | None = None
    kept: RequestKey | None = None
    done: Any = None


class RequestLog:
    """Names clients in the log, before what they want is done and after."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        self._working: set[bytes] = set()  # rows' keys

    def accept(self, asked: LinkRequest, endpoint: Endpoint[Any, Any], request: msgspec.Struct) -> Entry | LinkAnswer:
        """Record that it is about to be done. Durable. Returns an answer if it was done before, under its key.

        An entry has to be given back with `leave`.

        Raises:
            UnknownJob: there is no such job: nothing is recorded, so that nobody fills the log with made-up ids.
            BadRequest: the key cannot be one.
            KeyConflict: see `perdure.api.errors.KeyConflict`.
            StoreError: it could not be recorded; nothing was done.
        """
        target = self._target_of(request)
        stream = access_stream(target)
        caller = asked.caller
        event = RequestAccepted(asked.request, caller.client, caller.name, endpoint.name, target)
        if asked.key is None:
            self._runtime.record_access(stream, event)
            return Entry(asked.request, stream, request)
        given = checked_key(asked.key)
        key = key_of(caller.client, given)
        with self._lock:
            if key in self._working:
                self._require_same(key, asked, endpoint, given)
                raise KeyConflict("busy", given)
            self._working.add(key)
        try:
            answer = self._accept_keyed(key, given, asked, endpoint, request, event, stream)
        except BaseException:
            self._forget(key)
            raise
        if isinstance(answer, LinkAnswer):
            self._forget(key)
        return answer

    def _accept_keyed(
        self,
        key: bytes,
        given: str,
        asked: LinkRequest,
        endpoint: Endpoint[Any, Any],
        request: msgspec.Struct,
        event: RequestAccepted,
        stream: str,
    ) -> Entry | LinkAnswer:
        kept, version = found(self._runtime.store, key)
        now = self._runtime.clock.now()
        if kept is None or kept.has_ended(now):
            fresh = RequestKey(asked.request.bytes, _digest(asked, endpoint), now)
            event = msgspec.structs.replace(event, writes=(write_of(key, fresh),))
            self._runtime.record_access(stream, event, Effects(reads=(RowRead(key, version),)))
            failpoints.hit("request.after_accepted")
            return Entry(asked.request, stream, named(request, asked.request), key, fresh)
        if kept.digest != _digest(asked, endpoint):
            raise KeyConflict("reused", given)
        if kept.is_answered:
            return LinkAnswer(asked.number, kept.status, self._opened(kept, given))
        wanted = named(request, UUID(bytes=kept.request))
        done = answer_there_is(self._runtime, endpoint, wanted, version)
        if done is None and then(self._runtime, endpoint, request) is Then.DOUBT:
            raise KeyConflict("in_doubt", given)
        self._runtime.record_access(stream, event)
        return Entry(asked.request, stream, wanted, key, kept, done)

    def answered(self, entry: Entry, endpoint: Endpoint[Any, Any], answer: LinkAnswer) -> None:
        """Record what it came to. Durable.

        Raises:
            StoreError: it could not be recorded; it was done all the same.
        """
        failpoints.hit("request.before_answered")
        problem = _code_of(answer) if answer.status >= REFUSED else ""
        event = RequestAnswered(entry.request, answer.status, problem)
        if entry.key is not None and entry.kept is not None:
            kept = None if answer.status in _TRY_AGAIN else self._sealed(entry, endpoint, answer)
            event = msgspec.structs.replace(event, writes=(write_of(entry.key, kept),))
        self._runtime.record_access(entry.stream, event)
        failpoints.hit("request.after_answered")

    def leave(self, entry: Entry) -> None:
        """It is no longer worked on."""
        if entry.key is not None:
            self._forget(entry.key)

    def _forget(self, key: bytes) -> None:
        with self._lock:
            self._working.discard(key)

    def _require_same(self, key: bytes, asked: LinkRequest, endpoint: Endpoint[Any, Any], given: str) -> None:
        kept, _ = found(self._runtime.store, key)
        if kept is not None and kept.digest != _digest(asked, endpoint):
            raise KeyConflict("reused", given)

    # --- answers that are kept ---------------------------------------------------------------------------------------

    def _sealed(self, entry: Entry, endpoint: Endpoint[Any, Any], answer: LinkAnswer) -> RequestKey:
        kept = entry.kept
        if kept is None:
            raise AssertionError("unreachable: only requests with a key are kept")
        done = msgspec.structs.replace(kept, status=answer.status)
        if len(answer.body) > MAX_KEPT or self._is_secret(endpoint, entry.wanted):
            return done
        try:
            seal = self._runtime.keychain.extension_key(self._extension_of(entry.wanted) or HOST)
            sealed = self._runtime.keychain.encrypt(seal, PURPOSE, answer.body)
        except SecretsError:
            return done  # it was done; that the keys cannot be used now must not make it look otherwise
        return msgspec.structs.replace(done, sealed=sealed, seal=seal)

    def _opened(self, kept: RequestKey, given: str) -> bytes:
        if kept.sealed is None:
            raise KeyConflict("done", given)
        try:
            return self._runtime.keychain.decrypt(kept.seal, PURPOSE, kept.sealed)
        except SecretsError:
            raise KeyConflict("done", given) from None

    def _is_secret(self, endpoint: Endpoint[Any, Any], request: Any) -> bool:
        if not isinstance(request, CallOperation):
            return endpoint.name in _SECRET
        name = operation_name(request.name)
        operation = self._runtime.operations.get(name) if name is not None else None
        return operation is None or operation.secrets is not None

    # --- what it is about --------------------------------------------------------------------------------------------

    def _target_of(self, request: msgspec.Struct) -> str:
        """``job:ID``, ``extension:ID``, or empty: only what there is has a stream of its own."""
        job_id = getattr(request, "job_id", None)
        if isinstance(job_id, UUID):
            self._runtime.store.job(job_id)
            return job_stream(job_id)
        extension = self._extension_of(request)
        return extension_stream(extension) if extension is not None else ""

    def _extension_of(self, request: Any) -> str | None:
        job_id = getattr(request, "job_id", None)
        if isinstance(job_id, UUID):
            return self._runtime.store.job(job_id).extension
        extension = getattr(request, "extension", None)
        job_type = getattr(request, "job_type", None)
        if extension is None and isinstance(job_type, str):
            extension = job_type.partition(":")[0]
        if not isinstance(extension, str) or not extension:
            return None
        return extension if self._runtime.store.head(extension_stream(extension)) is not None else None


def checked_key(given: str) -> str:
    """A key as a client gives it: an RFC 8941 string (``"…"``), or the same without quotes.

    Raises:
        BadRequest: it cannot be one.
    """
    key = given.strip()
    if len(key) >= 2 and key.startswith('"') and key.endswith('"'):
        key = key[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    if not 1 <= len(key) <= MAX_KEY or not key.isascii() or not key.isprintable():
        raise BadRequest(f"1 to {MAX_KEY} characters of ASCII that can be seen", _HEADER)
    return key


def _digest(asked: LinkRequest, endpoint: Endpoint[Any, Any]) -> bytes:
    file = ""
    if asked.file is not None:
        with Path(asked.file).open("rb") as stream:
            file = hashlib.file_digest(stream, "sha256").hexdigest()
    return digest_of([endpoint.name, msgspec.json.decode(asked.body), file])


def _code_of(answer: LinkAnswer) -> str:
    problem = msgspec.json.decode(answer.body)
    return str(problem.get("code", "")) if isinstance(problem, dict) else ""
