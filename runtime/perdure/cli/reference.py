"""``docs/cli.md``, made from the commands themselves: ``python -m perdure.cli.reference > docs/cli.md``."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Any, Final

import typer

from perdure.cli.app import app
from perdure.cli.exit_codes import MEANINGS

INTRODUCTION: Final = """\
# The command line

Made by `python -m perdure.cli.reference > docs/cli.md`; do not edit it by hand.

```
perdure run examples/counter counter --state '{"target": 2000}'
perdure resume
perdure jobs list
```

## For all commands

| option | |
| --- | --- |
| `--data DIR` | the data folder; else `PERDURE_DATA`, else this user's place (on Linux `~/.local/share/perdure`) |
| `--json` | results as JSON: one document, or one line an event (`jobs watch`, `log tail`, `log history`) |
| `--debug` | a traceback when something goes wrong |

They may stand before the command or after it. Results go to standard output, everything else (progress, hints, errors)
to standard error. On a terminal progress is a bar, elsewhere a plain line each 10 % or 5 seconds, with `--json`
nothing. An error is one line that begins with `perdure:` and says what to do.

Commands that read work while another process runs jobs: `jobs list`, `show` and `watch`, `extensions list`, `inspect`
and `permissions`, `log`, `doctor`; `operations` needs no data folder. One process at a time works on a data folder.
If that is a server (`perdure serve`), every command that acts goes through it by itself, over the Unix socket in the
folder: it says and does what it would without a server, and leaves with the same codes. The jobs of `run`, `resume`,
`jobs fork`, `retry` and `resolve` run on the server then: Ctrl-C only ends the wait, and they go on. What was asked for
while the server ended leaves with 16.

If it is a process that takes no commands (`perdure run`, `perdure dev`, a program of your own), they say which, and
leave with 4; so do, beside a server too, `log upgrade`, and `log compact`, which needs that no other process even
reads. `log backup` does not mind whoever works.

An extension that asks for operations or the network is installed when somebody agrees: at the terminal, or with `--yes`
([permissions.md](permissions.md)).

SIGINT (Ctrl-C) and SIGTERM stop `run` and `resume` in an orderly way: jobs stop at their next check, and
`perdure resume` lets them go on. After `kill -9` it does that too, from their last checkpoints. A server stops its jobs
when it is stopped, and lets them go on when it is started again.

Times are in this machine's time zone for people, in UTC in JSON.

## A job in JSON

| field | |
| --- | --- |
| `job_id`, `job_type`, `extension`, `version`, `library_id` | what it is |
| `module` | the SHA-256 of its code |
| `status` | `queued`, `running`, `paused`, `suspended`, `backoff`, `completed`, `failed`, `cancelled` |
| `progress`, `message` | a fraction from 0 to 1, and what the guest last said |
| `items`, `bytes`, `warnings`, `checkpoints` | what it counted; work that was done again counts once |
| `fuel`, `fuel_superseded` | work in wasmtime's units, and that of work which was done again later |
| `attempts`, `failures`, `retry_at` | how often it was started, how often it failed, when it is tried again |
| `error` | null, or `kind`, `message`, `blame`, `limit`, `backtrace`, `data` |
| `checkpoint` | null, or where a resume would go on: `sequence`, `time`, `progress`, `message`, the counters there |
| `timings` | `dispatched`, `started`, `ended`, `updated`, and `running_seconds` of the last attempt |
| `resumable`, `pause_requested`, `cancel_requested` | what may and what will become of it |
| `sequence` | that of its last event |

`jobs show` adds `export`, `limits`, `retry`, the first `state`, and the checkpoint's `state`. `resume` and `jobs list`
print an array of jobs, `run` and the other commands one job.
"""


def reference() -> str:
    """The page."""
    lines = [INTRODUCTION, "## Exit codes", "", "| code | meaning |", "| --- | --- |"]
    lines += [f"| {int(code)} | {meaning} |" for code, meaning in MEANINGS.items()]
    lines.append("")
    for path, command in _commands(typer.main.get_command(app), "perdure"):
        lines += _section(path, command)
    return "\n".join(lines).rstrip() + "\n"


def _commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
        return
    for name, child in children.items():
        yield from _commands(child, f"{path} {name}")


def _section(path: str, command: Any) -> Iterator[str]:
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    options = [param for param in command.params if param.param_type_name == "option" and param.name not in _COMMON]
    usage = " ".join((path, *(param.metavar for param in arguments), *(["[OPTIONS]"] if options else [])))
    yield from (f"## `{path}`", "", "```", usage, "```", "", inspect.cleandoc(command.help or ""), "")
    if arguments or options:
        yield from ("| | |", "| --- | --- |")
        yield from (f"| `{param.metavar.strip('[]')}` | {param.help} |" for param in arguments)
        yield from (_option(param) for param in options)
        yield ""


_COMMON: Final = frozenset({"data", "as_json", "debug", "help"})


def _option(param: Any) -> str:
    names = ", ".join(f"`{name}{f' {param.metavar}' if param.metavar else ''}`" for name in param.opts)
    names += "".join(f", `{name}`" for name in param.secondary_opts)
    has_default = param.default is not None and param.default is not False and param.show_default
    default = f" Default: {_shown(param)}." if has_default else ""
    return f"| {names.replace('|', chr(92) + '|')} | {param.help}{default} |"


def _shown(param: Any) -> str:
    return f"`{param.opts[0]}`" if param.default is True else f"`{param.default}`"


if __name__ == "__main__":
    sys.stdout.write(reference())
