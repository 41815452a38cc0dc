"""What stopped a guest from within a host call, when the guest has come to its end."""

from __future__ import annotations

import logging
from typing import NoReturn

from perdure.actors.guest import StopGuest
from perdure.runtime.guests.failure import GuestFault, Killed, host_error
from perdure.runtime.wasm.boundary.protocol import LostFailure

_log = logging.getLogger("perdure.guest")


def raise_lost(lost: LostFailure, function: str, *, is_killed: bool) -> NoReturn:
    """Raise what a guest ended by of whose failure nothing is known but that it failed, in ``function``.

    Raises:
        Killed: that will have been it.
        GuestFault: the host is to blame, which lost the reason.
    """
    if is_killed:
        raise Killed from lost
    _log.error("the guest failed in %s, why is lost", function, exc_info=lost)
    raise GuestFault(host_error(lost, function)) from lost


def raise_if_stopped(cause: BaseException | None, function: str) -> None:
    """Raise what a host call was stopped by; it explains the trap, or the return, that followed.

    Raises:
        GuestFault: the guest is to blame, or the host failed in ``function``.
        BaseException: ``cause``, if it is no error of the host: `StopGuest`, `Killed`, `KeyboardInterrupt`.
    """
    if cause is None:
        return
    if isinstance(cause, Exception) and not isinstance(cause, (GuestFault, Killed, StopGuest)):
        _log.error("the host failed in %s", function, exc_info=cause)
        raise GuestFault(host_error(cause, function)) from cause
    raise cause
