"""``perdure extensions install``: a version of an extension, with what it asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perdure.cli.any_runtime import AnyRuntime
from perdure.cli.consent_prompt import ConsentPrompt, Yes, consent_needed, who
from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.extensions_commands import show_extension
from perdure.cli.invocation import BUSY_FOR_NEW, Invocation
from perdure.cli.narrowing import Allow, Deny, Host, Jobs, Libraries, Memory, NoNetwork, Requests, narrowing
from perdure.cli.project_builds import built_if_project
from perdure.cli.terminal_text import printable
from perdure.cli.upgrade_policies import Policy, chosen_policies, say_upgrades
from perdure.runtime.errors import ConsentRequired
from perdure.runtime.extension_info import ExtensionInfo
from perdure.runtime.packages.fingerprint import fingerprint
from perdure.runtime.packages.package_reader import SUFFIX
from perdure.runtime.packages.pinning import ANY_PUBLISHER, PublisherRules, checked_rules
from perdure.runtime.packages.version_source import read_version

VersionPath = Annotated[
    str,
    typer.Argument(
        metavar="FILE|DIR",
        help=f"A package ({SUFFIX}), the folder with manifest.json and the module, or a project, which is built first.",
    ),
]
AcceptPublisher = Annotated[
    str | None,
    typer.Option(
        "--accept-publisher",
        metavar="FINGERPRINT",
        help="Take it from this publisher only, also in the place of the one who signed the versions before.",
    ),
]
Unsigned = Annotated[
    bool,
    typer.Option("--unsigned", metavar="", help="Take it without a signature, although the versions before had one."),
]


def install(
    invocation: Invocation,
    path: VersionPath,
    allow: Allow = None,
    deny: Deny = None,
    host: Host = None,
    no_network: NoNetwork = False,
    library: Libraries = None,
    requests_per_minute: Requests = None,
    concurrent_jobs: Jobs = None,
    memory: Memory = None,
    policy: Policy = None,
    accept_publisher: AcceptPublisher = None,
    unsigned: Unsigned = False,
    yes: Yes = False,
) -> None:
    """Install an extension from a package or its folder, or a new version of it, with what it asks for.

    It shows who signed the package and what the extension asks for, and asks; the options take away from that. From
    the first package on, later versions have to come from the same publisher. A new version that asks for more than
    was granted waits for consent if nobody can be asked. Before a new version of an extension with jobs, 'perdure
    extensions rehearse FILE|DIR' shows what they would do with it.
    """
    upgrade = chosen_policies(policy)
    less = narrowing(allow, deny, host, no_network, library, requests_per_minute, concurrent_jobs, memory)
    rules = checked_rules(accept_publisher, unsigned)
    if not Path(path).exists():
        raise CommandError(
            f"{path} is not a folder, and no package is there; name the folder that holds manifest.json, or a "
            f"{SUFFIX} file",
            ExitCode.BAD_EXTENSION,
        )
    path = built_if_project(invocation, path)
    with invocation.runtime(busy=BUSY_FOR_NEW) as runtime:
        prompt = ConsentPrompt(invocation, less, yes=yes)
        info = install_version(invocation, runtime, path, prompt, upgrade, rules)
        if not waits_for_consent(info, path):
            runtime.load(info.extension)  # so that its jobs are known, and listed
            say_upgrades(invocation, runtime.upgrades(info.extension))
    show_extension(invocation, info.extension)
    if info.update is not None and waits_for_consent(info, path):
        raise CommandError(
            f"{info.extension} {info.update.version} asks for more than was granted, and waits; {info.version} "
            f"goes on; perdure extensions rehearse {info.extension} shows what its jobs would do, "
            f"perdure extensions update {info.extension} installs it" + (", with the --policy" * bool(upgrade)),
            ExitCode.CONSENT,
        )


def install_version(
    invocation: Invocation,
    runtime: AnyRuntime,
    path: str,
    prompt: ConsentPrompt,
    upgrade: dict[str, str] | None = None,
    rules: PublisherRules = ANY_PUBLISHER,
) -> ExtensionInfo:
    """Install what is at ``path``; where nobody can agree, a new version that asks for more has to wait.

    ``upgrade`` are policies, as for `Runtime.install`; ``rules`` say whose version is taken.

    Raises:
        CommandError: a first version asks for permissions, and there is nobody to agree.
        ConsentDeclined: the person did not agree.
    """
    before = {known.extension: known.publisher for known in runtime.extensions()}
    try:
        info = runtime.install(
            path,
            consent=prompt if prompt.can_answer else None,
            by=who(),
            upgrade=upgrade,
            accept_publisher=rules.accept,
            unsigned=rules.unsigned,
        )
    except ConsentRequired as error:
        prompt(error.request)  # shows what it asks for
        raise consent_needed(error.request) from None
    for warning in info.warnings:
        invocation.output.say(f"warning: {printable(warning)}")
    publisher = info.publisher
    if publisher is not None and before.get(info.extension) != publisher:
        invocation.output.say(
            f"versions of {info.extension} have to be signed by {printable(publisher.name)} from now on: "
            f"{fingerprint(publisher.key)}"
        )
    if prompt.ignored:
        invocation.output.say(
            f"it asks for nothing new, so nothing was narrowed; perdure extensions grant {info.extension}"
        )
    return info


def waits_for_consent(info: ExtensionInfo, path: str) -> bool:
    """Whether the version at ``path`` is not the one that is installed but one that waits."""
    return info.update is not None and info.update.manifest == read_version(path).extension.manifest != info.manifest
