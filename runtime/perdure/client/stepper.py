"""`Client.stepper`: the methods of `Stepper`, for a job that a server has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from perdure.api.steppers import RunOfJob, StepperShape
from perdure.client.calls import steppers as asked
from perdure.client.calls.call import Call
from perdure.runtime.errors import CannotStep
from perdure.runtime.timetravel.call_search import find_call
from perdure.store.events import Payload
from perdure.store.job_state import JobState

if TYPE_CHECKING:
    from perdure.actors.replay.recorded_calls import RecordedCall
    from perdure.runtime.timetravel.stepping import End, Step

Result = TypeVar("Result")


class Ask(Protocol):
    """How a client asks its server."""

    def __call__(self, call: Call[Result], /) -> Result:
        """What the call comes to."""


class ClientStepper:
    """Walks through one run of a job; the guest is run again by the server. A context manager.

    The server ends it ten minutes after it was asked last; whatever is asked of it then raises `NotFound`.

    Attributes:
        runs: the job's runs, as they were when it was opened.
        run: the one that it is in.
        here: where it stands.
    """

    def __init__(self, do: Ask, opened: StepperShape) -> None:
        self._do = do
        self._job_id = opened.job_id
        self._stepper = opened.stepper
        self.runs: tuple[RunOfJob, ...] = tuple(opened.runs)
        self.here: Step | End
        self._stand(asked.standing_of(opened.position))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """See `Stepper.close`."""
        self._do(asked.closed(self._job_id, self._stepper))

    @property
    def first(self) -> int:
        """See `Stepper.first`."""
        return self._standing.first

    @property
    def last(self) -> int:
        """See `Stepper.last`."""
        return self._standing.last

    def enter(self, run: int) -> Step | End:
        """See `Stepper.enter`."""
        if not 1 <= run <= len(self.runs):
            raise CannotStep(str(self._job_id), f"it has runs 1 to {len(self.runs)}, not {run}")
        return self._go(run, 0)

    def at(self, call: int) -> Step | End:
        """See `Stepper.at`."""
        return self._go(self.run.run, call)

    def forward(self, calls: int = 1) -> Step | End:
        """See `Stepper.forward`."""
        return self.here if self._is_at_end else self.at(self.here.call + calls)

    def back(self, calls: int = 1) -> Step | End:
        """See `Stepper.back`."""
        return self.at(self.here.call + self._is_at_end - calls)

    def calls(self) -> Iterator[RecordedCall]:
        """See `Stepper.calls`; read in pages."""
        first: int | None = 0
        while first is not None:
            page, first = self._do(asked.listed(self._job_id, self._stepper, self.run.run, first))
            yield from page

    def find(self, wanted: Callable[[RecordedCall], bool], *, backward: bool = False) -> int | None:
        """See `Stepper.find`."""
        here = self.here.call + (self._is_at_end and backward)
        return find_call(self.calls(), here, wanted, backward=backward)

    def run_of(self, sequence: int) -> tuple[int, int] | None:
        """See `Stepper.run_of`."""
        try:
            return self._do(asked.run_of(self._job_id, self._stepper, sequence))
        except CannotStep:
            return None

    def sequence(self) -> int:
        """See `Stepper.sequence`."""
        return self._state()[0]

    def state(self) -> JobState:
        """See `Stepper.state`."""
        return self._state()[1]

    def guest_state(self) -> Payload:
        """See `Stepper.guest_state`."""
        return self._state()[2]

    @property
    def _is_at_end(self) -> bool:
        from perdure.runtime.timetravel.stepping import End  # noqa: PLC0415  # loaded by now

        return isinstance(self.here, End)

    def _state(self) -> tuple[int, JobState, Payload]:
        call = asked.END if self._is_at_end else self.here.call
        return self._do(asked.state(self._job_id, self._stepper, self.run.run, call))

    def _go(self, run: int, call: int) -> Step | End:
        return self._stand(self._do(asked.standing(self._job_id, self._stepper, run, call)))

    def _stand(self, standing: asked.Standing) -> Step | End:
        self._standing = standing
        self.run = self.runs[standing.run - 1]
        self.here = standing.here
        return self.here
