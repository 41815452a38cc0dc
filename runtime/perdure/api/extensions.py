"""Extensions over HTTP: installed, loaded, granted, upgraded, and what they may do and use."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec import Meta

from perdure.api.endpoint import Endpoint
from perdure.api.scopes import Scope
from perdure.api.twins import twin_of
from perdure.runtime.budgets.account import BudgetState
from perdure.runtime.consent import ConsentRequest
from perdure.runtime.extension_info import ExtensionInfo
from perdure.runtime.grants import Grant
from perdure.runtime.manifest import Manifest, ManifestPermissions, UpgradePolicy
from perdure.runtime.packages.fingerprint import fingerprint
from perdure.runtime.upgrades import UpgradeReport

if TYPE_CHECKING:
    from perdure.runtime.permission_use import PermissionsReport

ExtensionId = Annotated[str, Meta(min_length=1, max_length=255, description="An extension's id.")]
By = Annotated[
    str | None,
    Meta(description="The person or program for which the client acts, as it says; the log names the client first."),
]
Seconds = Annotated[float, Meta(ge=0, le=86_400, description="Seconds.")]
Policies = Annotated[
    dict[str, UpgradePolicy], Meta(description="What becomes of unfinished jobs, by job type; * is for all others.")
]


class JobTypeShape(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of job that an extension offers: what people dispatch, and the function that runs it."""

    name: str
    export: str
    resumable: bool


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Who signed a version. Keys and digests in hexadecimal digits; ``fingerprint`` is ``key`` in words."""

    package: str
    key: str
    name: str
    earlier: list[str]
    accepted: bool
    by: str
    fingerprint: str = ""


class Publisher(msgspec.Struct, frozen=True, kw_only=True):
    """Who has to sign the next version."""

    key: str
    name: str
    package: str
    pinned_at: datetime
    by: str
    fingerprint: str = ""


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """A version that waits for consent."""

    version: str
    manifest: Manifest
    module: str
    module_bytes: int
    proposed_at: datetime


class Extension(msgspec.Struct, frozen=True, kw_only=True):
    """An extension as it is now; see `perdure.runtime.ExtensionInfo`.

    ``loaded`` is whether its module is in use in the server's process; ``enabled`` is false after an unload.
    """

    extension: str
    version: str
    enabled: bool
    loaded: bool
    module: str
    module_bytes: int
    job_types: list[JobTypeShape]
    manifest: Manifest
    warnings: list[str]
    grant: Grant | None
    granted_at: datetime | None
    granted_by: str
    update: Update | None
    provenance: Provenance | None
    publisher: Publisher | None


def extension_of(info: ExtensionInfo) -> Extension:
    """An extension, for the wire."""
    found = twin_of(info, Extension)
    provenance, publisher = found.provenance, found.publisher
    if provenance is not None and info.provenance is not None:
        provenance = msgspec.structs.replace(provenance, fingerprint=fingerprint(info.provenance.key))
    if publisher is not None and info.publisher is not None:
        publisher = msgspec.structs.replace(publisher, fingerprint=fingerprint(info.publisher.key))
    return msgspec.structs.replace(found, provenance=provenance, publisher=publisher)


def info_of(extension: Extension) -> ExtensionInfo:
    """The extension that `extension_of` was given."""
    return twin_of(extension, ExtensionInfo)


class UseCount(msgspec.Struct, frozen=True, kw_only=True):
    """How often something was used, and when last."""

    count: int
    last: datetime | None


class EntryUseShape(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a manifest or a grant; ``kind`` is ``method``, ``library`` or ``host``."""

    kind: str
    entry: str
    asked: bool
    granted: bool
    use: UseCount


class RefusedShape(msgspec.Struct, frozen=True, kw_only=True):
    """Calls that were refused for one reason."""

    method: str
    code: str
    use: UseCount


class PermissionsShape(msgspec.Struct, frozen=True, kw_only=True):
    """An extension's permissions, and what it did with them; see `perdure.runtime.PermissionsReport`.

    What is ``asked`` and ``granted``, and has a count of 0, is granted and was never used.
    """

    extension: str
    version: str
    asked: ManifestPermissions
    grant: Grant | None
    granted_at: datetime | None
    granted_by: str
    entries: list[EntryUseShape]
    operations: dict[str, UseCount]
    refused: list[RefusedShape]
    requests_per_minute: int
    concurrent_jobs: int
    unread: int
    folded: int
    suggested: dict[str, Any]


def permissions_of(shape: PermissionsShape) -> PermissionsReport:
    """The report that was made a shape of."""
    from perdure.runtime.permission_use import PermissionsReport  # noqa: PLC0415  # as above

    return twin_of(shape, PermissionsReport)


class Hosts(msgspec.Struct, frozen=True, kw_only=True):
    """The hosts that an extension may reach, as in a manifest's ``network_access``."""

    hosts: list[str]


# --- requests --------------------------------------------------------------------------------------------------------


class ListExtensions(msgspec.Struct, frozen=True, kw_only=True):
    """All of them, by id; a token that is for some extensions only sees those."""


class OneExtension(msgspec.Struct, frozen=True, kw_only=True):
    """Which extension."""

    extension: ExtensionId


class ConsentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a person answers to what a version asks for.

    Attributes:
        grant: what it may do; null declines.
        as_asked: grant what it asks for, whatever that is.
        digest: of the request that the person saw, as `ConsentNeeded` has it. If the version asks for something else by
            now, the person is asked again.
    """

    grant: Grant | None = None
    as_asked: bool = False
    digest: str | None = None


class InstallExtension(msgspec.Struct, frozen=True, kw_only=True):
    """Install a version: a ``package`` that was uploaded, or a ``path`` of the server's machine, for its owner only.

    Attributes:
        package: the id of an upload (`POST /v1/packages`), which may be a package or a folder.
        path: a package or a folder.
        ask: where consent is needed, say what for (`ConsentNeeded`, 409), also for an update, which would else wait.
        consent: the answer to that.
        upgrade: what becomes of unfinished jobs of other versions.
        accept_publisher: the fingerprint of who has to have signed it.
        unsigned: take a version without a signature, although the extension is pinned to a publisher.
    """

    package: str | None = None
    path: str | None = None
    ask: bool = False
    consent: ConsentAnswer | None = None
    upgrade: Policies | None = None
    accept_publisher: str | None = None
    unsigned: bool = False
    by: By = None


class ChangeExtension(msgspec.Struct, frozen=True, kw_only=True):
    """Which extension, and who wants it."""

    extension: ExtensionId
    by: By = None


class UnloadExtension(msgspec.Struct, frozen=True, kw_only=True):
    """Switch an extension off: wait ``timeout`` seconds for its jobs, or stop them."""

    extension: ExtensionId
    stop_jobs: bool = False
    timeout: Seconds | None = None


class GrantPermissions(msgspec.Struct, frozen=True, kw_only=True):
    """Set what an extension may do, of what its manifest asks for."""

    extension: ExtensionId
    grant: Grant
    by: By = None


class AcceptUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """Install the version that waits for consent; without a ``grant`` it gets what it asks for."""

    extension: ExtensionId
    grant: Grant | None = None
    upgrade: Policies | None = None
    by: By = None


class SetUpgradePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Say what becomes of unfinished jobs that do not run the installed version; takes the place of what was set."""

    extension: ExtensionId
    upgrade: Policies
    by: By = None


LIST: Final = Endpoint(
    "extensions.list", "GET", "/v1/extensions", Scope.READ, ListExtensions, list[Extension], "List the extensions"
)
GET: Final = Endpoint(
    "extensions.get", "GET", "/v1/extensions/{extension}", Scope.READ, OneExtension, Extension, "One extension"
)
INSTALL: Final = Endpoint(
    "extensions.install",
    "POST",
    "/v1/extensions",
    Scope.ADMIN,
    InstallExtension,
    Extension,
    "Install a version of an extension, and load it",
    acts=True,
)
UNINSTALL: Final = Endpoint(
    "extensions.uninstall",
    "DELETE",
    "/v1/extensions/{extension}",
    Scope.ADMIN,
    OneExtension,
    type(None),
    "Remove an extension; its history stays",
    acts=True,
    status=204,
)
LOAD: Final = Endpoint(
    "extensions.load",
    "POST",
    "/v1/extensions/{extension}/load",
    Scope.ADMIN,
    OneExtension,
    Extension,
    "Load an extension, or load it anew",
    acts=True,
)
UNLOAD: Final = Endpoint(
    "extensions.unload",
    "POST",
    "/v1/extensions/{extension}/unload",
    Scope.ADMIN,
    UnloadExtension,
    type(None),
    "Switch an extension off",
    acts=True,
    status=204,
)
FORGET_PUBLISHER: Final = Endpoint(
    "extensions.forget_publisher",
    "DELETE",
    "/v1/extensions/{extension}/publisher",
    Scope.ADMIN,
    ChangeExtension,
    type(None),
    "Let anybody publish the next version",
    acts=True,
    status=204,
)
REQUEST: Final = Endpoint(
    "extensions.request",
    "GET",
    "/v1/extensions/{extension}/request",
    Scope.READ,
    OneExtension,
    ConsentRequest,
    "What the installed version asks for",
)
UPDATE: Final = Endpoint(
    "extensions.update",
    "GET",
    "/v1/extensions/{extension}/update",
    Scope.READ,
    OneExtension,
    ConsentRequest,
    "What the version that waits for consent asks for",
)
ACCEPT_UPDATE: Final = Endpoint(
    "extensions.accept_update",
    "POST",
    "/v1/extensions/{extension}/update/accept",
    Scope.ADMIN,
    AcceptUpdate,
    Extension,
    "Install the version that waits for consent",
    acts=True,
)
DECLINE_UPDATE: Final = Endpoint(
    "extensions.decline_update",
    "POST",
    "/v1/extensions/{extension}/update/decline",
    Scope.ADMIN,
    ChangeExtension,
    Extension,
    "Drop the version that waits for consent",
    acts=True,
)
GRANT: Final = Endpoint(
    "extensions.grant",
    "PUT",
    "/v1/extensions/{extension}/grant",
    Scope.ADMIN,
    GrantPermissions,
    Extension,
    "Set what an extension may do",
    acts=True,
)
PERMISSIONS: Final = Endpoint(
    "extensions.permissions",
    "GET",
    "/v1/extensions/{extension}/permissions",
    Scope.READ,
    OneExtension,
    PermissionsShape,
    "What an extension may do, and what of it was ever used",
)
HOSTS: Final = Endpoint(
    "extensions.hosts",
    "GET",
    "/v1/extensions/{extension}/hosts",
    Scope.READ,
    OneExtension,
    Hosts,
    "The hosts that an extension may reach",
)
BUDGETS: Final = Endpoint(
    "extensions.budgets",
    "GET",
    "/v1/extensions/{extension}/budgets",
    Scope.READ,
    OneExtension,
    list[BudgetState],
    "An extension's budgets at this moment",
)
UPGRADES: Final = Endpoint(
    "extensions.upgrades",
    "GET",
    "/v1/extensions/{extension}/upgrades",
    Scope.READ,
    OneExtension,
    UpgradeReport,
    "What becomes of the unfinished jobs of other versions",
)
SET_UPGRADE_POLICY: Final = Endpoint(
    "extensions.set_upgrade_policy",
    "PUT",
    "/v1/extensions/{extension}/upgrade-policy",
    Scope.ADMIN,
    SetUpgradePolicy,
    Extension,
    "Say what becomes of the unfinished jobs of other versions",
    acts=True,
)

ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    LIST,
    GET,
    INSTALL,
    UNINSTALL,
    LOAD,
    UNLOAD,
    FORGET_PUBLISHER,
    REQUEST,
    UPDATE,
    ACCEPT_UPDATE,
    DECLINE_UPDATE,
    GRANT,
    PERMISSIONS,
    HOSTS,
    BUDGETS,
    UPGRADES,
    SET_UPGRADE_POLICY,
)
