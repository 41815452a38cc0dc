"""A process whose job uses a locked credential, and that dies by SIGKILL at the moment which its arguments name."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Final

import msgspec
from tests.support.secret_calls import install_calls

from perdure.runtime import Runtime, RuntimeSettings
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import query
from perdure.runtime.secrets.passphrase import Argon2Parameters
from perdure.store import failpoints

PASSPHRASE: Final = "correct horse battery"
MOMENTS: Final = ("in the call after it", "action.before_outcome", "action.after_outcome")
QUICK: Final = RuntimeSettings(passphrase_work=Argon2Parameters(memory_kib=64, passes=1, lanes=1))
_CALLS: Final = (
    ("query:credentials.get", b'{"name": "one"}'),
    ("action:credentials.store", b'{"name": "two", "credential": {"type": "api_key", "key": "k-of-the-job"}}'),
    ("query:test.die", b"{}"),
)


class _Nothing(msgspec.Struct):
    pass


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@query("test.die")
def die(context: CallContext, request: _Nothing) -> _Nothing:
    """End the process; where nobody registers this, its caller is told so, and goes on."""
    _die()
    return request


def main(folder: Path, moment: str) -> None:
    """Die there."""
    with Runtime.open(folder / "data", settings=QUICK, operations=[die]) as runtime:
        install_calls(runtime, folder, *_CALLS)
        owner = {"extension": "notes"}
        runtime.call("action:credentials.set_passphrase", {**owner, "passphrase": PASSPHRASE})
        runtime.call("action:credentials.unlock", {**owner, "passphrase": PASSPHRASE})
        key = {"type": "api_key", "key": "k-123"}
        runtime.call("action:credentials.store", {**owner, "name": "one", "credential": key})
        if moment in failpoints.ACTION_NAMES:
            failpoints.arm(moment, _die)
        runtime.dispatch("notes:calls").wait(60)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
