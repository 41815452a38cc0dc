"""``perdure doctor``: what a person wants to know when something does not work."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from perdure.cli.boundary_choice import boundary_choice
from perdure.cli.error_codes import error_line
from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.filesystem import WARNINGS, file_system, free_bytes, is_writable, usage
from perdure.cli.foreground import SWITCH_INTERVAL
from perdure.cli.invocation import Invocation
from perdure.cli.master_key_file import master_key
from perdure.cli.publisher_commands import key_json
from perdure.cli.publisher_key_file import publisher_key_path
from perdure.cli.terminal_text import counted, printable, size
from perdure.runtime import installed_extensions
from perdure.runtime.operations.catalogue import catalogue
from perdure.runtime.packages.errors import PublisherKeyError, PublisherKeyMissing
from perdure.runtime.packages.publisher_key import read_key
from perdure.runtime.secrets.errors import SecretsError
from perdure.runtime.secrets.keychain import Keychain
from perdure.runtime.secrets.master_key import SOURCES
from perdure.runtime.wasm.address_space import most_guests
from perdure.runtime.wasm.boundary.choice import COMPONENTS, MODULES
from perdure.runtime.wasm.errors import BoundaryUnavailable
from perdure.store.errors import StoreError, StoreMissing
from perdure.store.events import RUNTIME_STREAM
from perdure.store.lmdb_environment import FORMAT
from perdure.store.lmdb_store import LmdbEventStore
from perdure.store.runtime_state import RuntimeState
from perdure.toolchain.builders import builder_of
from perdure.toolchain.project import LANGUAGE_NAMES, Language

PACKAGES: Final = (
    "perdure",
    "wasmtime",
    "lmdb",
    "pykka",
    "msgspec",
    "prometheus-client",
    "cryptography",
    "keyring",
    "typer",
    "rich",
    "platformdirs",
)
_STYLES: Final = {"ok": "green", "note": "cyan", "warning": "yellow", "problem": "bold red"}
_TROUBLE: Final = ("warning", "problem")
LEAST_GUESTS: Final = 64  # as many jobs run at once if nothing else is said
LEAST_FREE: Final = 256 << 20  # bytes; below this the log will not grow much further


class Finding(msgspec.Struct, frozen=True):
    """One line of the report; ``level`` is ok, warning or problem, or note for what may well be missing."""

    name: str
    text: str
    level: str = "ok"


class Diagnosis(msgspec.Struct):
    """What was found: facts for programs, findings for people."""

    facts: dict[str, Any] = {}
    findings: list[Finding] = []

    def note(self, name: str, text: str, level: str = "ok") -> None:
        """Add a finding."""
        self.findings.append(Finding(name, text, level))

    @property
    def problems(self) -> list[Finding]:
        """What has to be mended."""
        return [finding for finding in self.findings if finding.level == "problem"]


def doctor(invocation: Invocation) -> None:
    """Show versions, the data folder and its log, and what is wrong with them."""
    diagnosis = diagnose(invocation)
    output = invocation.output
    if invocation.json:
        problems = [msgspec.structs.asdict(finding) for finding in diagnosis.findings if finding.level in _TROUBLE]
        output.json({**diagnosis.facts, "findings": problems, "healthy": not diagnosis.problems})
    else:
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column(style="bold", no_wrap=True)
        grid.add_column(overflow="fold")
        for finding in diagnosis.findings:
            grid.add_row(Text(finding.level, _STYLES[finding.level]), finding.name, printable(finding.text))
        output.show(grid)
    if diagnosis.problems:
        output.error(f"{counted(len(diagnosis.problems), 'problem')}: {diagnosis.problems[0].text}")
        raise typer.Exit(ExitCode.STORE)


def diagnose(invocation: Invocation) -> Diagnosis:
    """Look at everything; nothing is changed."""
    diagnosis = Diagnosis({}, [])
    _versions(diagnosis)
    _guests(diagnosis)
    _folder(invocation, diagnosis)
    _keys(invocation, diagnosis)
    _publisher(diagnosis)
    _log(invocation, diagnosis)
    _operations(diagnosis)
    _toolchains(diagnosis)
    return diagnosis


def _versions(diagnosis: Diagnosis) -> None:
    found = {name: _version(name) for name in PACKAGES}
    diagnosis.facts["python"] = platform.python_version()
    diagnosis.facts["platform"] = platform.platform()
    diagnosis.facts["versions"] = found
    diagnosis.facts["switch_interval"] = {"default": sys.getswitchinterval(), "while_jobs_run": SWITCH_INTERVAL}
    diagnosis.note("perdure", f"{found['perdure']} on Python {platform.python_version()}, {platform.platform()}")
    diagnosis.note("packages", ", ".join(f"{name} {found[name]}" for name in PACKAGES[1:]))
    diagnosis.note(
        "switch interval", f"{sys.getswitchinterval() * 1000:g} ms, {SWITCH_INTERVAL * 1000:g} ms while jobs run"
    )


def _guests(diagnosis: Diagnosis) -> None:
    """How guests are reached, and for how many of them there is room."""
    try:
        choice = boundary_choice()
        used = {"modules": MODULES.of(choice).name, "components": COMPONENTS.of(choice).name}
    except (CommandError, BoundaryUnavailable) as error:
        diagnosis.facts["boundary"] = None
        diagnosis.note("guests", error_line(error), "problem")
        return
    room = most_guests()
    diagnosis.facts["boundary"] = {"choice": choice, **used}
    diagnosis.facts["most_guests"] = room
    names = ", ".join(f"{what} {name}" for what, name in used.items())
    diagnosis.note("guests", f"boundary of {names}; room for {room:,} at once")
    for refusal in dict.fromkeys(filter(None, (MODULES.refusal, COMPONENTS.refusal))):
        diagnosis.note("boundary", f"the slower one is used: {refusal}", "warning")
    if room < LEAST_GUESTS:
        text = f"the process may address so little (ulimit -v) that only {counted(room, 'job')} can run at once"
        diagnosis.note("address space", text, "warning")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _folder(invocation: Invocation, diagnosis: Diagnosis) -> None:
    folder = invocation.data
    facts = diagnosis.facts
    facts["data"] = str(folder)
    facts["exists"], facts["writable"] = folder.is_dir(), is_writable(folder)
    facts["file_system"], facts["free_bytes"] = file_system(folder), free_bytes(folder)
    state = "" if facts["exists"] else ", not made yet"
    if facts["writable"]:
        diagnosis.note("data folder", f"{folder}{state}")
    else:
        diagnosis.note(
            "data folder", f"{folder} cannot be written to by this user; choose another with --data", "problem"
        )
    kind = facts["file_system"]
    if kind in WARNINGS:
        diagnosis.note("file system", f"{kind}: {WARNINGS[kind]}", "warning")
    else:
        diagnosis.note("file system", kind or "not known on this platform")
    free = f"{size(facts['free_bytes'])} free"
    if facts["free_bytes"] < LEAST_FREE:
        diagnosis.note("disk", f"only {free}; jobs stop when it is full", "warning")
    else:
        diagnosis.note("disk", free)
    pid = facts["held_by"] = invocation.holder()
    server = ", a server, which takes commands" if invocation.is_served else ""
    diagnosis.note("in use", f"by process {pid}{server}" if pid is not None else "by no process")
    for name in ("log", "blobs", "cache"):
        used = usage(folder / name)
        facts[name] = {"files": used.files, "bytes": used.bytes}
        diagnosis.note(name, f"{size(used.bytes)} in {counted(used.files, 'file')}")


def _keys(invocation: Invocation, diagnosis: Diagnosis) -> None:
    facts: dict[str, Any] = {"master_key": None, "kept_in": None, "credentials": 0, "passphrases": []}
    diagnosis.facts["keys"] = facts
    try:
        keychain = Keychain.of_folder(invocation.data, master_key())
        record = keychain.master_record()
        facts["credentials"] = len(keychain.credential_keys())
        if record is None:
            diagnosis.note("master key", "none yet: no secret was stored")
            return
        facts["master_key"], facts["kept_in"] = record.id, record.source
        facts["passphrases"] = keychain.locks.extensions()
        keychain.check_master()
    except (SecretsError, StoreError, CommandError) as error:
        diagnosis.note("master key", error_line(error), "problem")
        return
    credentials = counted(facts["credentials"], "credential")
    diagnosis.note("master key", f"{record.id}, kept in {SOURCES[record.source]}; {credentials}")
    if facts["passphrases"]:
        diagnosis.note("passphrases", f"of the credentials of {', '.join(map(printable, facts['passphrases']))}")


def _publisher(diagnosis: Diagnosis) -> None:
    """The key that packages are signed with; most users have none, and need none."""
    path = publisher_key_path(None)
    diagnosis.facts["publisher"] = None
    try:
        key = read_key(path)
    except PublisherKeyMissing:
        return
    except PublisherKeyError as error:
        diagnosis.note("publisher's key", error_line(error), "warning")
        return
    diagnosis.facts["publisher"] = key_json(key, path)
    diagnosis.note("publisher's key", f"{key.name}, {key.fingerprint}, in {path}; is there a copy elsewhere?")


def _log(invocation: Invocation, diagnosis: Diagnosis) -> None:
    diagnosis.facts["log_format"] = {"known": FORMAT}
    try:
        with invocation.read() as store:
            _log_facts(store, diagnosis)
    except StoreMissing:
        diagnosis.note("events", "none: nothing has run in this folder yet")
    except StoreError as error:
        diagnosis.note("events", error_line(error), "problem")


def _log_facts(store: LmdbEventStore, diagnosis: Diagnosis) -> None:
    facts = diagnosis.facts
    used, _ = store.map_usage()  # the size of a reader's own map says nothing of the writer's
    facts["log_format"]["found"] = FORMAT  # another one is refused
    facts["map"] = {"used_bytes": used}
    facts["events"] = store.position()
    diagnosis.note("events", f"{store.position():,}, log format {FORMAT}, {size(used)} of the map used")
    readers = store.reader_pids()
    stale = sorted({pid for pid in readers if not _lives(pid)})
    facts["readers"] = {"slots_taken": len(readers), "stale_pids": stale}
    if stale:
        text = f"{counted(len(stale), 'process', 'processes')} died while reading: {', '.join(map(str, stale))}"
        diagnosis.note(
            "readers", f"{text}; the next process that opens the folder for writing frees their slots", "warning"
        )
    else:
        diagnosis.note("readers", counted(len(readers), "slot taken", "slots taken"))
    counts = {str(status): count for status, count in store.count_unfinished().items()}
    facts["unfinished_jobs"] = counts
    waiting = ", ".join(f"{count:,} {status}" for status, count in counts.items() if count)
    if waiting and facts["held_by"] is None:
        diagnosis.note("unfinished", f"{waiting}; 'perdure resume' lets them go on", "warning")
    else:
        diagnosis.note("unfinished", waiting or "no jobs")
    extensions = installed_extensions(store)
    facts["extensions"] = {state.extension: state.version for state in extensions}
    diagnosis.note("extensions", ", ".join(f"{state.extension} {state.version}" for state in extensions) or "none")
    runtime = store.state(RUNTIME_STREAM)
    if isinstance(runtime, RuntimeState):
        facts["opens"], facts["crashes"] = runtime.opens, runtime.crashes
        crashes = f", {runtime.crashes:,} of them ended without closing" if runtime.crashes else ""
        diagnosis.note("opened", f"{counted(runtime.opens, 'time')} so far{crashes}")


def _operations(diagnosis: Diagnosis) -> None:
    operations, broken = catalogue()
    diagnosis.facts["operations"] = len(operations)
    diagnosis.facts["broken_operations"] = msgspec.to_builtins(broken)
    diagnosis.note("operations", f"{len(operations)}; 'perdure operations list' names them")
    for one in broken:
        diagnosis.note("operations", str(one), "warning")


def _toolchains(diagnosis: Diagnosis) -> None:
    """What authors need to build extensions; who writes none needs none of it."""
    facts = diagnosis.facts["toolchains"] = {}
    for language in Language:
        tools = builder_of(language).tools()
        facts[str(language)] = {
            "usable": all(tool.usable for tool in tools),
            "tools": [
                {
                    "name": tool.name,
                    "version": tool.version or None,
                    "path": str(tool.path) if tool.path is not None else None,
                    "problem": tool.problem or None,
                    "install": tool.install,
                }
                for tool in tools
            ],
        }
        missing = [f"{tool.name} {tool.problem}; install it: {tool.install}" for tool in tools if not tool.usable]
        found = [f"{tool.name} {tool.version} ({tool.path})" for tool in tools if tool.usable]
        diagnosis.note(f"for {LANGUAGE_NAMES[language]}", "; ".join((*missing, *found)), "note" if missing else "ok")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
