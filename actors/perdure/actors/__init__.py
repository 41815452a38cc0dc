"""perdure.actors: the actors that run jobs, and the protocols of what they run.

Nothing here knows of WebAssembly, manifests or Prometheus.
"""

from perdure.actors.clock import Clock, SystemClock
from perdure.actors.errors import (
    ActorError,
    ActorRestarted,
    ExtensionBusy,
    LaneBroken,
    SystemStopped,
)
from perdure.actors.extension_actor import ExtensionCode
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
from perdure.actors.messages import OperationCall
from perdure.actors.operations import OperationFailed, Operations, failure_answer
from perdure.actors.supervisor import RestartLimit
from perdure.actors.system import ActorSystem, SystemSettings

__all__ = [
    "HOST_FUNCTIONS",
    "ActorError",
    "ActorHooks",
    "ActorRestarted",
    "ActorSystem",
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
    "Interrupt",
    "JobMeter",
    "LaneBroken",
    "OperationCall",
    "OperationFailed",
    "Operations",
    "RestartLimit",
    "StopGuest",
    "SystemClock",
    "SystemSettings",
    "SystemStopped",
    "failure_answer",
]
