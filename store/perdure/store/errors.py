"""What can go wrong in the store, and whose fault it is.

Every error carries its data as fields, so that a program can act on it, and says in its text what a person can do.
"""

from __future__ import annotations

import errno
from datetime import UTC, datetime
from pathlib import Path


class StoreError(Exception):
    """Base of every error that ``perdure.store`` raises on purpose."""


class StoreLocked(StoreError):
    """Another process (or this one, a second time) writes to this folder."""

    def __init__(self, path: Path, pid: int | None) -> None:
        self.path, self.pid = path, pid
        owner = f"process {pid}" if pid is not None else "another process"
        super().__init__(f"{path} is in use by {owner}; stop it, or choose another folder")


class StoreClosed(StoreError):
    """The store was closed; open it again."""

    def __init__(self) -> None:
        super().__init__("the store is closed")


class ReadOnlyStore(StoreError):
    """A store that was opened for reading was asked to write."""

    def __init__(self) -> None:
        super().__init__("the store was opened for reading only")


class StoreMissing(StoreError):
    """There is no log in this folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"{path} holds no perdure log; nothing has run there yet")


class UnsupportedFormat(StoreError):
    """The log was written by another version of perdure, in a format this one does not know."""

    def __init__(self, path: Path, found: int, known: int) -> None:
        self.path, self.found, self.known = path, found, known
        super().__init__(f"{path} has log format {found}, this perdure knows {known}; use the version that wrote it")


class OldFormat(UnsupportedFormat):
    """The log has the format of an older perdure; opening it for writing brings it to the present one."""

    def __init__(self, path: Path, found: int, known: int) -> None:
        super().__init__(path, found, known)
        self.args = (
            f"{path} has log format {found}, this perdure reads {known}; 'perdure log upgrade' brings it there "
            "(older versions cannot read it any more then)",
        )


class UsedAfterFork(StoreError):
    """LMDB's handles do not survive a fork: open the store again in the child."""

    def __init__(self, opened_by: int, used_by: int) -> None:
        self.opened_by, self.used_by = opened_by, used_by
        super().__init__(
            f"the store was opened by process {opened_by} and used after a fork in {used_by}; open it anew"
        )


class LogInUse(StoreError):
    """Other processes have the log open, and what was asked for needs it alone."""

    def __init__(self, path: Path, pids: tuple[int, ...] = ()) -> None:
        self.path, self.pids = path, pids
        who = f"process{'es' * (len(pids) > 1)} {', '.join(map(str, pids))}" if pids else "another process"
        super().__init__(f"{path} is being read by {who}; end that first")


class SequenceConflict(StoreError):
    """Somebody appended to the stream first; read it again and decide anew."""

    def __init__(self, stream: str, expected: int, found: int) -> None:
        self.stream, self.expected, self.found = stream, expected, found
        super().__init__(f"stream {stream} is at sequence {found}, not at {expected} as the caller expected")


class WriteConflict(StoreError):
    """Somebody changed rows that the append was computed from; read them again and compute it anew."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        super().__init__(f"the rows under {key!r} were changed meanwhile; nothing was written")


class BadEvent(StoreError):
    """The bytes are no event of a known type, or the event does not belong on this stream."""

    def __init__(self, stream: str, reason: str) -> None:
        self.stream, self.reason = stream, reason
        super().__init__(f"not an event for stream {stream}: {reason}")


class IllegalTransition(StoreError):
    """The job's status does not allow this event; nothing was changed."""

    def __init__(self, job_id: str, status: str, event: str) -> None:
        self.job_id, self.status, self.event = job_id, status, event
        super().__init__(f"job {job_id} is {status}; {event} is not possible from there")


class ActionInDoubt(IllegalTransition):
    """The job waits in status ``attention`` until a person says what became of its action; nothing was changed."""

    def __init__(self, job_id: str, wish: str) -> None:
        super().__init__(job_id, "attention", wish)
        self.args = (
            f"job {job_id} waits for a person: nobody knows whether its action was done, and it must not be done "
            f"twice; 'perdure jobs resolve {job_id}' says what became of it, "
            f"'perdure jobs cancel {job_id}' gives the job up",
        )


class NotInDoubt(IllegalTransition):
    """No action of the job waits for a person's word, or another one than was meant; nothing was changed."""

    def __init__(self, job_id: str, status: str) -> None:
        super().__init__(job_id, status, "resolved")
        self.args = (f"job {job_id} is {status}, and this action of it does not wait for anybody's word",)


class DiskFull(StoreError):
    """No room for the commit. What was acknowledged is intact; free space, and the store goes on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"no space left on the disk of {path}; what was acknowledged is intact, free space to go on")


class LogFull(StoreError):
    """The log reached the largest size it was allowed."""

    def __init__(self, path: Path, limit: int) -> None:
        self.path, self.limit = path, limit
        super().__init__(f"the log in {path} has reached its limit of {limit} bytes; raise max_map_size")


class TooManyReaders(StoreError):
    """All reader slots of the log are taken."""

    def __init__(self, path: Path, slots: int) -> None:
        self.path, self.slots = path, slots
        super().__init__(f"all {slots} reader slots of {path} are taken; close some readers")


class StoreFailed(StoreError):
    """The operating system refused a read or a write."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"the store in {path} failed: {reason}")


def refused(path: Path, error: OSError) -> DiskFull | StoreFailed:
    """What an error of the operating system is called here."""
    return DiskFull(path) if error.errno in (errno.ENOSPC, errno.EDQUOT) else StoreFailed(path, str(error))


class CorruptLog(StoreError):
    """Bytes of the log are not what was written."""

    def __init__(self, where: str, reason: str) -> None:
        self.where, self.reason = where, reason
        super().__init__(f"the log is damaged at {where}: {reason}; run 'perdure log check', restore from a backup")


class BlobMissing(StoreError):
    """A payload that the log refers to is not in the blob store."""

    def __init__(self, digest: str) -> None:
        self.digest = digest
        super().__init__(f"blob {digest} is missing; restore the blobs folder from a backup")


class CorruptBlob(StoreError):
    """A blob's bytes do not match its name."""

    def __init__(self, digest: str, found: str) -> None:
        self.digest, self.found = digest, found
        super().__init__(f"blob {digest} holds bytes with digest {found}; restore it from a backup")


class JobIsFolded(StoreError):
    """The job's events were removed when it was folded; its summary stays. Times are microseconds since 1970."""

    def __init__(self, job_id: str, folded_at: int, through: int) -> None:
        self.job_id, self.folded_at, self.through = job_id, folded_at, through
        moment = datetime.fromtimestamp(folded_at // 1_000_000, UTC).isoformat().replace("+00:00", "Z")
        super().__init__(
            f"job {job_id} was folded at {moment}: its {through:,} events are gone, "
            "what they add up to and the hash of the last one stay"
        )


class UnknownJob(StoreError, LookupError):
    """No job has this id."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(f"there is no job {job_id}")
