"""The counter on the bindings that componentize-py makes of the WIT package, with nothing between."""

import json
import traceback
from typing import Any

import wit_world
from componentize_py_types import Err
from wit_world.imports import host
from wit_world.imports.types import Failure, Interrupt, JobType, LogLevel, RunError_Failed, RunError_Interrupted


class WitWorld(wit_world.WitWorld):  # type: ignore[misc]  # it has no types outside of a build
    def describe(self) -> list[JobType]:
        return [JobType("counter", True)]

    def initialise(self) -> None:
        pass

    def clean_up(self) -> None:
        pass

    def run(self, job: str, context: Any, state: str | None) -> str:
        try:
            return counter(read(state))
        except Err:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, it is the job's failure
            host.log(LogLevel.ERROR, str(error))
            failure = Failure(type(error).__name__, str(error), traceback.format_exc())
            raise Err(RunError_Failed(failure)) from None


def read(text: str | None) -> dict[str, int]:
    given = json.loads(text) if text else {}
    if not isinstance(given, dict):
        raise TypeError("bad state: it is no object")
    state = {"current": given.get("current", 0), "target": given.get("target", 0)}
    for name, value in state.items():
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"bad state: {name} must be an integer")
    return state


def write(state: dict[str, int]) -> str:
    return json.dumps(state, separators=(",", ":"))


def save(text: str) -> bool:
    try:
        host.checkpoint(text)
    except Err:
        return False
    return True


# the job
def counter(state: dict[str, int]) -> str:
    while state["current"] < state["target"]:
        if host.check_interrupt() is not Interrupt.PROCEED:
            save(write(state))
            raise Err(RunError_Interrupted())
        state["current"] += 1
        fraction = state["current"] / state["target"]
        host.report_progress(fraction, f"Counted {state['current']}/{state['target']}")
        host.increment_items(1)
        host.increment_bytes(8)
        save(write(state))
    return write(state)


# the end of the job
