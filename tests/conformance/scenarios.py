"""What the jobs of every language are put through."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from perdure.runtime import Status

NOWHERE: Final = "00000000-0000-1000-8000-000000000000"  # the id of no entry
ENTRY: Final = "ENTRY"  # stands for the id of one that is there


class Scenario(msgspec.Struct, frozen=True):
    """A job, its first state (None: without), and how it ends. ``own_words``: see `tests.conformance.telling`."""

    name: str
    job: str
    state: Any
    ends: Status = Status.COMPLETED
    own_words: bool = False

    def state_with(self, entry: str) -> Any:
        """The state, with an entry's id where it names one."""
        if not isinstance(self.state, dict):
            return self.state
        return {name: entry if value == ENTRY else value for name, value in self.state.items()}


SCENARIOS: Final = (
    Scenario("counter", "counter", {"target": 3}),
    Scenario("counter-without-state", "counter", None),
    Scenario("counter-in-the-middle", "counter", {"current": 1, "target": 2}),
    Scenario("counter-more-fields", "counter", {"target": 1, "more": [1, {"a": None, "b": "\u00f6 \U0001f408"}]}),
    Scenario("counter-bad-state", "counter", {"target": "3"}, Status.FAILED, own_words=True),
    Scenario("counter-no-object", "counter", [1, 2], Status.FAILED, own_words=True),
    Scenario("warner", "warner", {"count": 5}),
    Scenario("warner-without-warnings", "warner", {}),
    Scenario("failing", "failing", {"message": 'no luck, "100 %"\n{s} %s \u00f6 \U0001f408'}, Status.FAILED),
    Scenario("noter", "noter", {"path": ENTRY, "note": 'milk, "bread"\n\\ \u00f6 \U0001f408 \x01'}),
    Scenario("noter-nowhere", "noter", {"path": NOWHERE, "note": "milk"}, Status.FAILED),
    Scenario("trespasser", "trespasser", {}),
)
