"""The command line: its commands, its entry point, and the boundary where errors become one line and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from perdure.cli.commands import COMMANDS
from perdure.cli.errors import OutputClosed
from perdure.cli.exit_codes import ExitCode
from perdure.cli.invocation import DataOption, DebugOption, Invocation, JsonOption, remember
from perdure.cli.lazy_commands import LazyCommands


class PerdureGroup(TyperGroup):
    """The whole command line. Its errors end here: one line on standard error, and a code of `ExitCode`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = LazyCommands(COMMANDS)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command and leave with its exit code."""
        invocation = Invocation()
        try:
            with invocation.output.logging(lambda: invocation.debug):
                code = super().main(
                    args,
                    "perdure",
                    complete_var,
                    standalone_mode=False,
                    windows_expand_args=False,
                    obj=invocation,
                    **extra,
                )
                invocation.output.flush()
        except OutputClosed:
            invocation.output.forget_results()
            sys.exit(ExitCode.OUTPUT_CLOSED)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # the boundary: nobody else is left to tell
            from perdure.cli.error_codes import error_line, exit_code  # noqa: PLC0415  # it knows the errors of all parts

            if invocation.debug:
                import traceback  # noqa: PLC0415  # few ask for it

                traceback.print_exc()
            if line := error_line(error):
                invocation.output.error(line)
            sys.exit(exit_code(error))
        sys.exit(code if isinstance(code, int) else ExitCode.DONE)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that the arguments name."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise OutputClosed from None


app = typer.Typer(
    name="perdure",
    cls=PerdureGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Run WebAssembly extensions as durable jobs: they survive the death of the process that runs them.",
    epilog="Exit codes and examples: docs/cli.md.",
)


def _print_version(asked: bool) -> None:
    if asked:
        from perdure.runtime.version import perdure_version  # noqa: PLC0415  # nothing else needs it

        typer.echo(f"perdure {perdure_version()}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    data: DataOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
    version: Annotated[
        bool, typer.Option("--version", metavar="", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    remember(context, data, as_json, debug)


def main() -> None:
    """The ``perdure`` command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that cannot show a character must not end a command.
            stream.reconfigure(errors="backslashreplace")
    typer.main.get_command(app)()
