"""Extensions: installed, loaded, granted, upgraded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perdure.api import extensions, packages
from perdure.api.extensions import (
    AcceptUpdate,
    ChangeExtension,
    ConsentAnswer,
    GrantPermissions,
    InstallExtension,
    ListExtensions,
    OneExtension,
    SetUpgradePolicy,
    UnloadExtension,
    info_of,
    permissions_of,
)
from perdure.api.packages import UploadPackage
from perdure.client.calls.call import Call
from perdure.client.calls.said import LONG, said
from perdure.runtime.budgets.account import BudgetState
from perdure.runtime.consent import ConsentRequest
from perdure.runtime.errors import InvalidGrant
from perdure.runtime.grants import Grant, checked_grant
from perdure.runtime.http.hosts import HostRules
from perdure.runtime.manifest import UpgradePolicy
from perdure.runtime.upgrades import UpgradeReport, checked_policies

if TYPE_CHECKING:
    from perdure.runtime.extension_info import ExtensionInfo
    from perdure.runtime.permission_use import PermissionsReport


def upload(path: Path, content: bytes) -> Call[str]:
    """Hand a version over; errors call it by its path. The result is the id that the server gave it."""
    return Call(
        packages.UPLOAD, UploadPackage(name=str(path)[-4096:]), lambda kept: str(kept.package), LONG, content=content
    )


def install(
    version: Mapping[str, str],
    *,
    ask: bool,
    consent: ConsentAnswer | None,
    by: str,
    upgrade: Mapping[str, str] | None,
    accept_publisher: str | None,
    unsigned: bool,
) -> Call[ExtensionInfo]:
    """Install it; ``version`` is ``{"package": ID}`` or ``{"path": PATH}``."""
    request = InstallExtension(
        **version,
        ask=ask,
        consent=consent,
        upgrade=policies(upgrade),
        accept_publisher=accept_publisher,
        unsigned=unsigned,
        by=said(by),
    )
    return Call(extensions.INSTALL, request, info_of, LONG)


def answer_of(answer: object, digest: str) -> ConsentAnswer:
    """What a consent said, for the server.

    Raises:
        InvalidGrant: that is no grant.
    """
    if answer is not None and not isinstance(answer, Grant):
        raise InvalidGrant("", answer, "a Grant, or None to decline")
    return ConsentAnswer(grant=checked_grant(answer) if answer is not None else None, digest=digest)


def policies(upgrade: Mapping[str, str] | None) -> dict[str, UpgradePolicy] | None:
    """Policies as the server takes them.

    Raises:
        InvalidUpgradePolicy: there is no such policy.
    """
    if upgrade is None:
        return None
    return {name: UpgradePolicy(policy) for name, policy in checked_policies("", upgrade).items()}


def uninstall(extension: str) -> Call[None]:
    """Remove it."""
    return Call(extensions.UNINSTALL, OneExtension(extension=extension), _nothing, LONG)


def forget_publisher(extension: str, by: str) -> Call[None]:
    """Let anybody publish the next version."""
    return Call(extensions.FORGET_PUBLISHER, ChangeExtension(extension=extension, by=said(by)), _nothing)


def load(extension: str) -> Call[ExtensionInfo]:
    """Load it, or load it anew."""
    return Call(extensions.LOAD, OneExtension(extension=extension), info_of, LONG)


def unload(extension: str, stop_jobs: bool, timeout: float | None) -> Call[None]:
    """Switch it off."""
    request = UnloadExtension(extension=extension, stop_jobs=stop_jobs, timeout=timeout)
    return Call(extensions.UNLOAD, request, _nothing, LONG)


def every() -> Call[list[ExtensionInfo]]:
    """All of them."""
    return Call(extensions.LIST, ListExtensions(), lambda found: [info_of(one) for one in found])


def inspect(extension: str) -> Call[ExtensionInfo]:
    """One of them."""
    return Call(extensions.GET, OneExtension(extension=extension), info_of)


def consent_request(extension: str) -> Call[ConsentRequest]:
    """What the version that waits asks for."""
    return Call(extensions.UPDATE, OneExtension(extension=extension), _as_it_is)


def installed_request(extension: str) -> Call[ConsentRequest]:
    """What the installed version asks for."""
    return Call(extensions.REQUEST, OneExtension(extension=extension), _as_it_is)


def accept_update(
    extension: str, grant: Grant | None, by: str, upgrade: Mapping[str, str] | None
) -> Call[ExtensionInfo]:
    """Install the version that waits."""
    checked = checked_grant(grant) if grant is not None else None
    request = AcceptUpdate(extension=extension, grant=checked, upgrade=policies(upgrade), by=said(by))
    return Call(extensions.ACCEPT_UPDATE, request, info_of, LONG)


def decline_update(extension: str, by: str) -> Call[ExtensionInfo]:
    """Drop it."""
    return Call(extensions.DECLINE_UPDATE, ChangeExtension(extension=extension, by=said(by)), info_of)


def set_upgrade_policy(extension: str, upgrade: Mapping[str, str], by: str) -> Call[ExtensionInfo]:
    """Say what becomes of unfinished jobs of other versions."""
    request = SetUpgradePolicy(extension=extension, upgrade=policies(upgrade) or {}, by=said(by))
    return Call(extensions.SET_UPGRADE_POLICY, request, info_of, LONG)


def upgrades(extension: str) -> Call[UpgradeReport]:
    """What becomes of them."""
    return Call(extensions.UPGRADES, OneExtension(extension=extension), _as_it_is)


def grant(extension: str, granted: Grant, by: str) -> Call[ExtensionInfo]:
    """Set what it may do."""
    if not isinstance(granted, Grant):
        raise InvalidGrant("", granted, "a Grant")
    request = GrantPermissions(extension=extension, grant=checked_grant(granted), by=said(by))
    return Call(extensions.GRANT, request, info_of)


def permissions(extension: str) -> Call[PermissionsReport]:
    """What it may do, and did."""
    return Call(extensions.PERMISSIONS, OneExtension(extension=extension), permissions_of, LONG)


def hosts_of(extension: str) -> Call[HostRules]:
    """The hosts that it may reach."""
    return Call(extensions.HOSTS, OneExtension(extension=extension), lambda found: HostRules.of(found.hosts))


def budgets(extension: str) -> Call[list[BudgetState]]:
    """Its budgets."""
    return Call(extensions.BUDGETS, OneExtension(extension=extension), _as_it_is)


def _as_it_is(found: Any) -> Any:
    return found


def _nothing(found: object) -> None:
    return None
