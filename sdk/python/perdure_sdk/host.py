"""What an extension may ask of its host: the calls of the contract, whoever serves them."""

from __future__ import annotations

from typing import Literal, Protocol

Level = Literal["debug", "info", "warn", "error"]
Signal = Literal["proceed", "pause", "cancel"]


class Host(Protocol):
    """The host of a job. In a component it is the world's imports, under a test `perdure_sdk.testing`'s.

    Jobs are offered by the component's ``describe``, so the ninth call, which offers more, is not here.
    """

    def call(self, method: str, library_id: str | None, payload: str) -> str:
        """Run an operation; payload and answer are JSON.

        Raises:
            CallError: it failed.
        """

    def log(self, level: Level, message: str) -> None:
        """Write a line to the log."""

    def report_progress(self, fraction: float, message: str) -> None:
        """Report how much is done, from 0.0 to 1.0."""

    def checkpoint(self, state: str) -> bool:
        """Save the state, a JSON text; whether it is stored."""

    def check_interrupt(self) -> Signal:
        """Whether to go on."""

    def add_warning(self, message: str) -> None:
        """Add a warning."""

    def increment_bytes(self, count: int) -> None:
        """Count bytes, 0 to 2^63 - 1."""

    def increment_items(self, count: int) -> None:
        """Count items, 0 to 2^63 - 1."""
