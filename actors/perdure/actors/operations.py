"""What the operation router needs of whoever knows the operations."""

from __future__ import annotations

import json
from typing import Final, Protocol

from perdure.actors.messages import OperationCall

UNKNOWN: Final = "unknown"


class OperationFailed(Exception):
    """A call that ends in an answer with one of the ABI's codes."""

    def __init__(self, code: str, message: str) -> None:
        self.code, self.message = code, message
        super().__init__(message)


class Operations(Protocol):
    """The registry, the permissions and the budgets, as the router sees them."""

    def admit(self, call: OperationCall) -> str:
        """Check a call on the router's thread; returns the operation's name for the metrics.

        Raises:
            OperationFailed: the call is refused; the answer is the guest's.
        """

    def run(self, call: OperationCall) -> bytes:
        """Run an admitted call on a worker thread; returns UTF-8 JSON.

        Raises:
            OperationFailed: the operation failed in a way the guest may know about.
        """


def failure_answer(code: str, message: str) -> bytes:
    """The JSON that a guest gets for a failed call."""
    return json.dumps({"error": message, "code": code}, ensure_ascii=False).encode()
