"""``--otel``: traces of what jobs do, sent where OpenTelemetry's variables say."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING

from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from perdure.actors.hooks import ActorHooks


@contextlib.contextmanager
def tracing(wanted: bool) -> Iterator[tuple[ActorHooks, ...]]:
    """The hooks that make traces, none unless wanted; what is not sent yet is sent at the end.

    Raises:
        CommandError: what sends them is not installed.
    """
    if not wanted:
        yield ()
        return
    try:
        from perdure.tracing import TraceHooks, exporting_provider  # noqa: PLC0415  # only then it has to be there
    except ImportError as error:
        raise CommandError(f"--otel needs {error.name}: pip install 'perdure[otel]'", ExitCode.USAGE) from None
    provider = exporting_provider(version("perdure"))
    try:
        yield (TraceHooks(provider),)
    finally:
        provider.shutdown()
