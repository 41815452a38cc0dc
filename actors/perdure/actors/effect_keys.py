"""The names of a job's effects: pure.

An action's *effect key* is the same when a crash makes the job repeat the action, and another one for any other action.
A job that resumes goes on from its last checkpoint and repeats what it did since; it may also do something at its start
that it did not do then. So a key does not count calls: it names "the n-th action with this method, library and payload
since this checkpoint of this job", as a BLAKE2b digest.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Final
from uuid import UUID

_U64: Final = struct.Struct(">Q")
_SIZE: Final = 16


class EffectKeys:
    """The effect keys of one run.

    Attributes:
        checkpoint: the sequence of the job's last checkpoint; 0 is the start.

    Args:
        job_id: the job.
        checkpoint: that of the checkpoint that the run began from.
    """

    def __init__(self, job_id: UUID, checkpoint: int) -> None:
        self.checkpoint = checkpoint
        self._job_id = job_id
        self._done: dict[bytes, int] = {}

    def next(self, method: str, library_id: UUID, payload: bytes) -> str:
        """The key of such an action now; the same until `done` was told of it. 32 hex digits."""
        what = self._digest(method, library_id, payload)
        return hashlib.blake2b(what + _U64.pack(self._done.get(what, 0)), digest_size=_SIZE).hexdigest()

    def done(self, method: str, library_id: UUID, payload: bytes) -> None:
        """Such an action has its outcome."""
        what = self._digest(method, library_id, payload)
        self._done[what] = self._done.get(what, 0) + 1

    def saved(self, checkpoint: int) -> None:
        """The job has a new checkpoint, at this sequence: from here on it would go on."""
        self.checkpoint = checkpoint
        self._done.clear()

    def _digest(self, method: str, library_id: UUID, payload: bytes) -> bytes:
        name = method.encode()
        head = self._job_id.bytes + _U64.pack(self.checkpoint) + library_id.bytes + _U64.pack(len(name)) + name
        return hashlib.blake2b(head + payload, digest_size=_SIZE).digest()
