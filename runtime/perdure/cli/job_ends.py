"""What a command that waited for jobs says at the end, and the exit code it leaves with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

import typer

from perdure.cli.event_text import error_text
from perdure.cli.exit_codes import ExitCode
from perdure.cli.foreground import Stopped, code_for
from perdure.cli.invocation import Invocation
from perdure.cli.job_json import job_json
from perdure.cli.job_view import job_table, show_end
from perdure.cli.job_words import attention
from perdure.cli.terminal_text import counted, printable
from perdure.runtime.job_past import suspension_reason
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status


def report_ends(
    invocation: Invocation, job_ids: Sequence[UUID], stopped: Stopped, *, as_list: bool, refused: bool = False
) -> None:
    """Say what became of the jobs, as the log has it, and leave.

    Args:
        invocation: the command's; its runtime is closed by now.
        job_ids: the jobs that were waited for.
        stopped: the signal that ended the wait, if one did.
        as_list: with ``--json``, an array of jobs instead of one.
        refused: whether some of the jobs could not go on because of their extension.

    Raises:
        typer.Exit: always, unless all is well.
    """
    with invocation.read() as store:
        states = [store.job(job_id) for job_id in job_ids]
        reasons = {state.job_id: suspension_reason(store, state) for state in states}
    output = invocation.output
    if invocation.json:
        output.json([job_json(state) for state in states] if as_list else job_json(states[0]))
    elif len(states) == 1:
        show_end(output, states[0])
    else:
        output.show(job_table(states, output.results.width))
    for state in states:
        if state.status is Status.FAILED and state.error is not None:
            output.error(
                f"job {state.job_id} failed: {error_text(state.error)}; "
                f"see 'perdure jobs show {state.job_id}', try again with 'perdure jobs retry {state.job_id}'"
            )
    code = stopped.code or (ExitCode.BAD_EXTENSION if refused else code_for(states))
    _say_what_is_left(invocation, states, stopped, reasons)
    if code is not ExitCode.DONE:
        raise typer.Exit(code)


def _say_what_is_left(
    invocation: Invocation, states: Sequence[JobState], stopped: Stopped, reasons: Mapping[UUID, str]
) -> None:
    left = [state for state in states if not state.finished]
    if not left:
        return
    if stopped.name is not None:
        what = "the job goes on" if len(left) == 1 else f"{counted(len(left), 'job')} go on"
        if invocation.is_served and (pid := invocation.holder()) is not None:
            where = f"in process {pid}: 'perdure jobs watch {left[0].job_id}' shows it"
            invocation.output.say(f"nobody waits here any more; {what} {where}")
        else:
            invocation.output.say(f"stopped; {what} with 'perdure resume'")
        return
    for state in left:
        if state.status is Status.ATTENTION:
            invocation.output.say(attention(state))
        if reason := reasons[state.job_id]:
            invocation.output.say(f"job {state.job_id} is suspended: {printable(reason)}")
        if state.status is Status.PAUSED:
            invocation.output.say(f"job {state.job_id} is paused; 'perdure jobs resume {state.job_id}' lets it go on")
