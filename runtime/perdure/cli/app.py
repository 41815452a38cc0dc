"""The command line: its commands, its entry point, and the boundary where errors become one line and an exit code."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from perdure.cli import (
    budgets_command,
    credentials_commands,
    extensions_commands,
    folder_commands,
    jobs_commands,
    keys_commands,
    library_commands,
    lock_commands,
    log_commands,
    operations_commands,
    permissions_commands,
    publisher_commands,
    seal_commands,
    upkeep_commands,
)
from perdure.cli.build_command import build
from perdure.cli.call_command import call
from perdure.cli.check_command import check
from perdure.cli.config_command import config
from perdure.cli.dev_command import dev
from perdure.cli.diff_command import diff
from perdure.cli.doctor import doctor
from perdure.cli.erase_command import erase
from perdure.cli.errors import OutputClosed, error_line, exit_code
from perdure.cli.exit_codes import ExitCode
from perdure.cli.fold_command import fold
from perdure.cli.fork_command import fork
from perdure.cli.invocation import DataOption, DebugOption, Invocation, JsonOption, command, group, remember
from perdure.cli.new_command import new
from perdure.cli.pack_command import pack
from perdure.cli.rehearse_command import rehearsal
from perdure.cli.resolve_command import resolve
from perdure.cli.resume_command import resume
from perdure.cli.run_command import run
from perdure.cli.serve_command import serve
from perdure.cli.step_command import step
from perdure.cli.verify_command import verify
from perdure.runtime import perdure_version


class PerdureGroup(TyperGroup):
    """The whole command line. Its errors end here: one line on standard error, and a code of `ExitCode`."""

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
            if invocation.debug:
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


command(app, "new")(new)
command(app, "build")(build)
command(app, "pack")(pack)
command(app, "run")(run)
command(app, "resume")(resume)
command(app, "dev")(dev)
command(app, "serve")(serve)
extensions = group(app, "extensions", "List, install, inspect and remove extensions, and say what they may do.")
command(extensions, "list")(extensions_commands.list_extensions)
command(extensions, "install")(extensions_commands.install)
command(extensions, "inspect")(extensions_commands.inspect)
command(extensions, "rehearse")(rehearsal)
command(extensions, "update")(permissions_commands.update)
command(extensions, "grant")(permissions_commands.grant)
command(extensions, "permissions")(permissions_commands.permissions)
command(extensions, "budgets")(budgets_command.budgets)
command(extensions, "config")(config)
command(extensions, "remove")(extensions_commands.remove)
operations = group(app, "operations", "List and show the operations that may be called.")
folders = group(app, "folders", "Let extensions read folders of this machine.")
command(folders, "share")(folder_commands.share)
command(folders, "list")(folder_commands.list_shares)
command(folders, "unshare")(folder_commands.unshare)
library = group(app, "library", "Look into a library, and get what is in it.")
command(library, "list")(library_commands.list_entries)
command(library, "get")(library_commands.get)

command(operations, "list")(operations_commands.list_operations)
command(operations, "show")(operations_commands.show)
command(operations, "client")(operations_commands.client)
command(app, "call")(call)
jobs = group(app, "jobs", "List, show and watch jobs, and act on them.")
command(jobs, "list")(jobs_commands.list_jobs)
command(jobs, "show")(jobs_commands.show)
command(jobs, "fork")(fork)
command(jobs, "step")(step)
command(jobs, "watch")(jobs_commands.watch)
command(jobs, "pause")(jobs_commands.pause)
command(jobs, "resume")(jobs_commands.resume)
command(jobs, "cancel")(jobs_commands.cancel)
command(jobs, "retry")(jobs_commands.retry)
command(jobs, "resolve")(resolve)
command(jobs, "fold")(fold)
log = group(app, "log", "Read the events, and check them.")
command(log, "tail")(log_commands.tail)
command(log, "history")(log_commands.show_history)
command(log, "diff")(diff)
command(log, "export")(log_commands.export)
command(log, "check")(check)
command(log, "backup")(upkeep_commands.backup)
command(log, "restore")(upkeep_commands.restore)
command(log, "compact")(upkeep_commands.compact)
command(log, "upgrade")(upkeep_commands.upgrade)
command(log, "seal")(seal_commands.seal)
credentials = group(app, "credentials", "See which credentials there are, and who did what with them.")
command(credentials, "list")(credentials_commands.list_credentials)
command(credentials, "audit")(credentials_commands.audit)
command(credentials, "passphrase")(lock_commands.passphrase)
command(credentials, "unlock")(lock_commands.unlock)
keys = group(app, "keys", "Look after the keys that seal secrets.")
command(keys, "rotate")(keys_commands.rotate)
command(keys, "public")(seal_commands.public)
command(keys, "erase")(erase)
publisher = group(keys, "publisher", "Make, show and rotate the key with which you sign packages.")
command(publisher, "new")(publisher_commands.new)
command(publisher, "show")(publisher_commands.show)
command(publisher, "export")(publisher_commands.export)
command(publisher, "rotate")(publisher_commands.rotate)
command(app, "verify")(verify)
command(app, "doctor")(doctor)


def main() -> None:
    """The ``perdure`` command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that cannot show a character must not end a command.
            stream.reconfigure(errors="backslashreplace")
    typer.main.get_command(app)()
