"""The options that take something away from what an extension asks for."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

import msgspec
import typer

from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.runtime.budgets.budgets import Budget, Budgets
from perdure.runtime.grants import Grant, checked_grant
from perdure.runtime.http.hosts import HostRules
from perdure.runtime.manifest import ManifestPermissions
from perdure.runtime.permissions import LibraryEntries, MethodEntries, is_method_entry

Allow = Annotated[
    list[str] | None,
    typer.Option(
        "--allow", metavar="METHOD", help="Grant only these operations, like query:vdfs. or action:vdfs.write_sidecar."
    ),
]
Deny = Annotated[
    list[str] | None,
    typer.Option("--deny", metavar="METHOD", help="Grant all but these operations; they stay denied."),
]
Host = Annotated[list[str] | None, typer.Option("--host", metavar="HOST", help="Grant only these hosts.")]
NoNetwork = Annotated[bool, typer.Option("--no-network", metavar="", help="Grant no host.")]
Libraries = Annotated[list[UUID] | None, typer.Option("--library", metavar="UUID", help="Grant only these libraries.")]
Requests = Annotated[
    int | None,
    typer.Option("--requests-per-minute", metavar="N", min=1, max=1_000_000, help="Calls of operations in a minute."),
]
Jobs = Annotated[
    int | None, typer.Option("--concurrent-jobs", metavar="N", min=1, max=10_000, help="Jobs that run at once.")
]
Memory = Annotated[int | None, typer.Option("--memory", metavar="MB", min=1, max=4_096, help="MiB of memory of a job.")]

_MIB: Final = 1024 * 1024


class Narrowing(msgspec.Struct, frozen=True, kw_only=True):
    """What the options say. `apply` takes it away from a grant."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    no_network: bool = False
    libraries: tuple[UUID, ...] = ()
    requests_per_minute: int | None = None
    concurrent_jobs: int | None = None
    memory_mb: int | None = None

    def apply(self, grant: Grant, asked: ManifestPermissions) -> Grant:
        """``grant`` with less in it.

        Raises:
            CommandError: an option names what is not asked for, so that somebody must have misspelt it.
        """
        methods, denied = self._methods(grant, asked)
        return checked_grant(
            msgspec.structs.replace(
                grant,
                methods=methods,
                denied=denied,
                hosts=self._hosts(grant, asked),
                libraries=self._libraries(grant, asked),
                budgets=self._budgets(grant.budgets if grant.budgets is not None else Budgets()),
            )
        )

    def _methods(self, grant: Grant, asked: ManifestPermissions) -> tuple[tuple[str, ...], tuple[str, ...]]:
        wanted = MethodEntries(asked.methods)
        for option, entries in (("--allow", self.allow), ("--deny", self.deny)):
            for entry in entries:
                if not is_method_entry(entry):
                    raise _bad(option, entry, "it is no operation like query:ai.ocr, nor a beginning like query:ai.")
                if not wanted.meets(entry):
                    raise _bad(option, entry, f"the extension does not ask for it, but for {_listed(asked.methods)}")
        methods = MethodEntries(grant.methods)
        if self.allow:
            methods = methods.narrowed(MethodEntries(self.allow))
        denied = MethodEntries((*grant.denied, *self.deny))
        # What is denied as a whole is simply not granted.
        left = tuple(entry for entry in methods.entries if not denied.covers(entry))
        return left, tuple(entry for entry in denied.entries if entry in grant.denied or wanted.meets(entry))

    def _hosts(self, grant: Grant, asked: ManifestPermissions) -> tuple[str, ...]:
        if self.no_network:
            return ()
        rules = HostRules.of(asked.network_access)
        for entry in self.hosts:
            try:
                found = rules.narrowed(HostRules.of((entry,)))
            except ValueError as error:
                raise _bad("--host", entry, str(error)) from None
            if not found.entries:
                raise _bad("--host", entry, f"the extension does not ask for it, but for {_listed(rules.entries)}")
        granted = HostRules.of(grant.hosts)
        return granted.narrowed(HostRules.of(self.hosts)).entries if self.hosts else grant.hosts

    def _libraries(self, grant: Grant, asked: ManifestPermissions) -> tuple[str, ...]:
        if not self.libraries:
            return grant.libraries
        wanted = LibraryEntries(asked.libraries)
        for library in self.libraries:
            if not wanted.allows(library):
                raise _bad("--library", str(library), f"the extension does not ask for it, but for {asked.libraries}")
        return LibraryEntries(map(str, self.libraries)).entries

    def _budgets(self, budgets: Budgets) -> Budgets:
        limits = {
            "requests_per_minute": self.requests_per_minute,
            "concurrent_jobs": self.concurrent_jobs,
            "memory_bytes": self.memory_mb * _MIB if self.memory_mb is not None else None,
        }
        changed: dict[str, Budget] = {
            name: msgspec.structs.replace(budgets.of(name), limit=limit)
            for name, limit in limits.items()
            if limit is not None
        }
        return msgspec.structs.replace(budgets, **changed)


def narrowing(
    allow: list[str] | None,
    deny: list[str] | None,
    hosts: list[str] | None,
    no_network: bool,
    libraries: list[UUID] | None,
    requests: int | None,
    jobs: int | None,
    memory: int | None,
) -> Narrowing:
    """What the options of a command say.

    Raises:
        CommandError: they contradict each other.
    """
    if hosts and no_network:
        raise CommandError("--host and --no-network contradict each other; leave one out", ExitCode.USAGE)
    return Narrowing(
        allow=tuple(allow or ()),
        deny=tuple(deny or ()),
        hosts=tuple(hosts or ()),
        no_network=no_network,
        libraries=tuple(libraries or ()),
        requests_per_minute=requests,
        concurrent_jobs=jobs,
        memory_mb=memory,
    )


def _bad(option: str, entry: str, reason: str) -> CommandError:
    return CommandError(f"{option} {entry}: {reason}", ExitCode.USAGE)


def _listed(entries: tuple[str, ...]) -> str:
    return ", ".join(entries[:10]) + (" …" if len(entries) > 10 else "") if entries else "none"
