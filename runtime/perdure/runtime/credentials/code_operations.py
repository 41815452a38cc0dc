"""``credentials.totp``: a code of the moment, from a seed that need not leave the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec

from perdure.actors.clock import Clock
from perdure.actors.operations import OperationFailed
from perdure.runtime.credentials.calls import answered, opened, stored_row
from perdure.runtime.credentials.credential import Login
from perdure.runtime.credentials.one_time_code import BadSeed, one_time_code, parse_seed
from perdure.runtime.credentials.operations import GetCredential
from perdure.runtime.credentials.records import Sealer
from perdure.runtime.credentials.share_operations import readable_place
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Sensitive, query


class CodeOfTheMoment(msgspec.Struct, frozen=True):
    """A code of so many digits, and for how many milliseconds more it is valid."""

    code: Annotated[str, Sensitive]
    valid_for_ms: int
    digits: int

    def __repr__(self) -> str:
        return "CodeOfTheMoment(…)"


class CodeOperations:
    """The handler. ``clock`` is the time that codes go by, ``sealer`` the one of all operations on credentials."""

    def __init__(self, clock: Clock, sealer: Sealer) -> None:
        self._clock = clock
        self._sealer = sealer

    @query("credentials.totp")
    def totp(self, context: CallContext, request: GetCredential) -> CodeOfTheMoment:
        """The code that a login asks for beside its password (TOTP, RFC 6238); its seed stays on the host."""
        now = self._clock.now()
        place = readable_place(context, request.name, request.extension, request.owner, now / 1_000_000)
        with answered(context):
            credential = opened(context, self._sealer, place, stored_row(context, place))
        if not isinstance(credential, Login) or credential.totp is None:
            raise OperationFailed("failed", "the credential has no seed for codes")
        try:
            settings = parse_seed(credential.totp)
        except BadSeed as error:
            raise OperationFailed("failed", f"totp: {error}") from None
        code = one_time_code(settings, now // 1000)
        return CodeOfTheMoment(code.code, code.valid_for_ms, settings.digits)


def code_operations(clock: Clock, sealer: Sealer) -> Sequence[Callable[..., Any]]:
    """The handlers to register; see `CodeOperations`."""
    return (CodeOperations(clock, sealer).totp,)
