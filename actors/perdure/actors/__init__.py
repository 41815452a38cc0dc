"""perdure.actors: the actors that run jobs, and the protocols of what they run.

Nothing here knows of WebAssembly, manifests or Prometheus.
"""

from typing import TYPE_CHECKING

from perdure.store.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from perdure.actors.cancel_token import CancelToken
    from perdure.actors.clock import Clock, SystemClock
    from perdure.actors.errors import (
        ActorError,
        ActorRestarted,
        ExtensionBusy,
        LaneBroken,
        SystemStopped,
    )
    from perdure.actors.extension_actor import ExtensionCode
    from perdure.actors.group_commit import Riders
    from perdure.actors.guest import (
        Exit,
        Guest,
        GuestFactory,
        GuestHost,
        GuestLoadFailed,
        GuestResult,
        GuestSpec,
        Interrupt,
        StopGuest,
    )
    from perdure.actors.hooks import HOST_FUNCTIONS, ActorHooks, Gauges, JobMeter
    from perdure.actors.messages import BudgetUse, OperationCall, OperationDone
    from perdure.actors.operations import Admission, Hold, OperationFailed, Operations, Outcome, failure_answer
    from perdure.actors.supervisor import RestartLimit
    from perdure.actors.system import ActorSystem, SystemSettings
else:
    __getattr__ = lazy_exports(
        __name__,
        {
            "perdure.actors.cancel_token": "CancelToken",
            "perdure.actors.clock": "Clock SystemClock",
            "perdure.actors.errors": "ActorError ActorRestarted ExtensionBusy LaneBroken SystemStopped",
            "perdure.actors.extension_actor": "ExtensionCode",
            "perdure.actors.guest": (
                "Exit Guest GuestFactory GuestHost GuestLoadFailed GuestResult GuestSpec Interrupt StopGuest"
            ),
            "perdure.actors.hooks": "HOST_FUNCTIONS ActorHooks Gauges JobMeter",
            "perdure.actors.group_commit": "Riders",
            "perdure.actors.messages": "BudgetUse OperationCall OperationDone",
            "perdure.actors.operations": "Admission Hold OperationFailed Operations Outcome failure_answer",
            "perdure.actors.supervisor": "RestartLimit",
            "perdure.actors.system": "ActorSystem SystemSettings",
        },
    )

__all__ = [
    "HOST_FUNCTIONS",
    "ActorError",
    "ActorHooks",
    "ActorRestarted",
    "ActorSystem",
    "Admission",
    "BudgetUse",
    "CancelToken",
    "Clock",
    "Exit",
    "ExtensionBusy",
    "ExtensionCode",
    "Gauges",
    "Guest",
    "GuestFactory",
    "GuestHost",
    "GuestLoadFailed",
    "GuestResult",
    "GuestSpec",
    "Hold",
    "Interrupt",
    "JobMeter",
    "LaneBroken",
    "OperationCall",
    "OperationDone",
    "OperationFailed",
    "Operations",
    "Outcome",
    "RestartLimit",
    "Riders",
    "StopGuest",
    "SystemClock",
    "SystemSettings",
    "SystemStopped",
    "failure_answer",
]
