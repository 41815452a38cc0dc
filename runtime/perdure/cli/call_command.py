"""``perdure call``: call an operation."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
import typer

from perdure.cli.any_runtime import AnyRuntime
from perdure.cli.call_input import ask_for_secrets, read_input, request_of, secrets_in_arguments
from perdure.cli.consent_prompt import is_interactive
from perdure.cli.error_codes import exit_code
from perdure.cli.invocation import BUSY_FOR_NEW, Invocation
from perdure.cli.passphrases import PassphraseFile, Passphrases
from perdure.cli.terminal_text import pretty_json, printable
from perdure.cli.unlocking import unlock_for_jobs
from perdure.runtime import DEFAULT_LIBRARY, OperationError, Runtime
from perdure.runtime.operations.catalogue import catalogue
from perdure.runtime.operations.declaration import Operation
from perdure.runtime.permissions import operation_name

Method = Annotated[
    str, typer.Argument(metavar="METHOD", help="The operation, like query:test.ping; see 'perdure operations list'.")
]
Input = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[JSON|@FILE|-|NAME=VALUE...]",
        help="The input: JSON, a file with JSON, - for standard input, or fields: NAME=VALUE, NAME=@FILE for a file's "
        "contents, NAME=@@TEXT for a text that begins with @. Arguments can be seen by other users: leave a secret "
        "out to be asked for it, or give it from a file or standard input.",
        show_default=False,
    ),
]
Library = Annotated[UUID, typer.Option("--library", metavar="UUID", help="The library to work in.", show_default=False)]
As = Annotated[
    str | None,
    typer.Option("--as", metavar="EXT", help="Call for this extension, within its permissions and budgets."),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        min=0.001,
        max=86_400,
        help="How long to wait; at most the operation's limit.",
    ),
]
EffectKey = Annotated[
    str | None,
    typer.Option("--effect-key", metavar="KEY", help="An action's name for its effect: one key, one effect."),
]

# What locked credentials are asked for with; what is said about the lock itself is not among it.
_FAMILY: Final = re.compile(r"(query|action):credentials\.(?!lock|unlock|set_passphrase|remove_passphrase)")


def call(
    invocation: Invocation,
    method: Method,
    words: Input = None,
    library: Library = DEFAULT_LIBRARY,
    act_as: As = None,
    timeout: Timeout = None,
    effect_key: EffectKey = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Call an operation, and print its answer.

    It is checked, counted and recorded like a call of an extension. A refusal is one line on standard error, with
    --json an object with error, code and retry_after_ms, and leaves with the code of its own that is listed above.
    """
    given = read_input(words or [])
    with invocation.runtime(busy=BUSY_FOR_NEW) as runtime:
        request = given if isinstance(given, bytes) else _request(invocation, runtime, method, given)
        if _FAMILY.match(method) and (owner := act_as or _extension_in(request)):
            unlock_for_jobs(invocation, runtime, [owner], Passphrases(invocation, passphrase_file))
        try:
            answer = runtime.call(
                method,
                request,
                library_id=library,
                extension=act_as,
                caller="cli",
                effect_key=effect_key,
                timeout=timeout,
            )
        except OperationError as error:
            _refused(invocation, runtime, error)
            raise
    if invocation.json or not invocation.output.results.is_terminal:
        invocation.output.json(answer)
    else:
        invocation.output.show(pretty_json(msgspec.to_builtins(answer)))


def _extension_in(request: bytes | dict[str, Any]) -> str | None:
    """Whose credentials the host means; None if it does not say, or not so that it could be understood."""
    if isinstance(request, bytes):
        try:
            request = msgspec.json.decode(request)
        except (msgspec.MsgspecError, RecursionError):
            return None
    extension = request.get("extension") if isinstance(request, dict) else None
    return extension if isinstance(extension, str) else None


def _request(invocation: Invocation, runtime: AnyRuntime, method: str, fields: dict[str, str]) -> dict[str, Any]:
    operation = next((one for one in _operations(runtime) if one.name == operation_name(method)), None)
    schema = operation.schemas()[0] if operation is not None else {}
    for field in secrets_in_arguments(fields, schema):
        invocation.output.say(
            f"warning: {printable(field)} is a secret, and other users can read arguments; leave it out to be asked"
        )
    request = request_of(fields, schema)
    return ask_for_secrets(request, schema) if is_interactive(invocation) else request


def _operations(runtime: AnyRuntime) -> Iterable[Operation]:
    """What may be called; a server is of the same installation."""
    return runtime.operations if isinstance(runtime, Runtime) else catalogue()[0]


def _refused(invocation: Invocation, runtime: AnyRuntime, error: OperationError) -> None:
    """With --json: the answer that an extension would get, on standard error. Else a hint, if there is one."""
    if invocation.json:
        answer: dict[str, Any] = {"error": error.message, "code": error.code}
        if error.retry_after_ms is not None:
            answer["retry_after_ms"] = error.retry_after_ms
        invocation.output.note(printable(msgspec.json.encode(answer).decode()))
        raise typer.Exit(exit_code(error))
    if error.code == "unknown_method":
        names = [str(operation.name) for operation in _operations(runtime)]
        if near := difflib.get_close_matches(error.method, names, n=3):
            invocation.output.say(f"there is {', '.join(near)}; perdure operations list")
