"""A runtime's gauges that say what a test lets them say."""

from __future__ import annotations

from collections.abc import Mapping


class FixedGauges:
    """`perdure.actors.Gauges`; an exception in a value's place is raised when it is asked for."""

    def __init__(
        self,
        *,
        jobs: Mapping[str, int] | Exception | None = None,
        mailboxes: Mapping[str, int] | None = None,
        usage: tuple[int, int] | None = None,
        tokens: Mapping[str, float] | None = None,
        held: int = 0,
        lost: int = 0,
    ) -> None:
        self.held, self.lost = held, lost
        self.jobs = {} if jobs is None else jobs
        self.mailboxes = mailboxes or {}
        self.usage = usage
        self.tokens = tokens or {}

    def jobs_by_status(self) -> dict[str, int]:
        if isinstance(self.jobs, Exception):
            raise self.jobs
        return dict(self.jobs)

    def mailbox_depths(self) -> dict[str, int]:
        return dict(self.mailboxes)

    def map_usage(self) -> tuple[int, int] | None:
        return self.usage

    def held_calls(self) -> int:
        return self.held

    def lost_threads(self) -> int:
        return self.lost

    def rate_limit_remaining(self) -> dict[str, float]:
        return dict(self.tokens)
