"""What can go wrong between actors, and whose fault it is."""

from __future__ import annotations

from uuid import UUID

from perdure.store.errors import DiskFull, LogFull, StoreFailed, TooManyReaders


class ActorError(Exception):
    """Base of every error that ``perdure.actors`` raises on purpose."""


class SystemStopped(ActorError):
    """The actors were stopped, or one of them is gone for good; the runtime has to be opened again."""

    def __init__(self, what: str = "the runtime") -> None:
        self.what = what
        super().__init__(f"{what} is stopped; open the runtime again")


class ActorRestarted(SystemStopped):
    """One of the actors failed and is being restarted; the same call may succeed in a moment.

    Whether what was asked for has happened is in the log.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.args = (f"{what} is being restarted; try again",)


class LaneBroken(ActorError):
    """A job's way to the log is closed: the log refused one of its events, or the log writer died."""

    def __init__(self, stream: str, reason: str) -> None:
        self.stream, self.reason = stream, reason
        super().__init__(f"{stream} cannot be appended to: {reason}")


class UnreadableNow(ActorError):
    """What the log has cannot be read at this moment, and may be later: the key that opens it cannot be reached."""


class LockedNow(UnreadableNow):
    """What the log has cannot be read until a person unlocks it: the job waits for that.

    ``lock`` names what is to be unlocked.
    """

    def __init__(self, message: str, lock: str) -> None:
        self.lock = lock
        super().__init__(message)


class ExtensionBusy(ActorError):
    """The extension still has running jobs."""

    def __init__(self, extension: str, jobs: tuple[UUID, ...]) -> None:
        self.extension, self.jobs = extension, jobs
        super().__init__(f"extension {extension} has {len(jobs)} running jobs; wait for them, or stop them")


def blame_for(error: BaseException) -> str:
    """Whose fault it is that a job's actor ended: ``store`` for what passes when there is room again, else ``host``."""
    return "store" if isinstance(error, DiskFull | LogFull | StoreFailed | TooManyReaders) else "host"
