"""Extensions, for clients."""

from __future__ import annotations

from pathlib import Path

import msgspec

from perdure.api import extensions
from perdure.api.consent import ConsentNeeded, digest_of
from perdure.api.errors import BadRequest, Forbidden
from perdure.api.extensions import (
    AcceptUpdate,
    ChangeExtension,
    ConsentAnswer,
    Extension,
    GrantPermissions,
    Hosts,
    InstallExtension,
    ListExtensions,
    OneExtension,
    PermissionsShape,
    SetUpgradePolicy,
    UnloadExtension,
    extension_of,
)
from perdure.api.twins import twin_of
from perdure.runtime.budgets.account import BudgetState
from perdure.runtime.consent import Consent, ConsentRequest
from perdure.runtime.grants import Grant
from perdure.runtime.upgrades import UpgradeReport
from perdure.server.access.authorising import is_for, require_all_libraries, require_extension
from perdure.server.access.caller import Caller
from perdure.server.engine.engine import Engine
from perdure.server.engine.handlers import Handlers


def add_handlers(handlers: Handlers) -> None:
    """The family's."""
    handlers.add(extensions.LIST, list_extensions)
    handlers.add(extensions.GET, get_extension)
    handlers.add(extensions.INSTALL, install)
    handlers.add(extensions.UNINSTALL, uninstall)
    handlers.add(extensions.LOAD, load)
    handlers.add(extensions.UNLOAD, unload)
    handlers.add(extensions.FORGET_PUBLISHER, forget_publisher)
    handlers.add(extensions.REQUEST, installed_request)
    handlers.add(extensions.UPDATE, consent_request)
    handlers.add(extensions.ACCEPT_UPDATE, accept_update)
    handlers.add(extensions.DECLINE_UPDATE, decline_update)
    handlers.add(extensions.GRANT, grant)
    handlers.add(extensions.PERMISSIONS, permissions)
    handlers.add(extensions.HOSTS, hosts)
    handlers.add(extensions.BUDGETS, budgets)
    handlers.add(extensions.UPGRADES, upgrades)
    handlers.add(extensions.SET_UPGRADE_POLICY, set_upgrade_policy)


def list_extensions(engine: Engine, caller: Caller, request: ListExtensions) -> list[Extension]:
    """See `Runtime.extensions`; a caller sees those that it is for."""
    found = engine.runtime.extensions()
    return [extension_of(one) for one in found if caller.extensions is None or one.extension in caller.extensions]


def get_extension(engine: Engine, caller: Caller, request: OneExtension) -> Extension:
    """See `Runtime.inspect`."""
    return extension_of(engine.runtime.inspect(request.extension))


def install(engine: Engine, caller: Caller, request: InstallExtension) -> Extension:
    """See `Runtime.install`."""
    require_all_libraries(caller)
    if (request.package is None) == (request.path is None):
        raise BadRequest("name a package that was uploaded, or a path; one of the two", "package")
    if request.path is not None:
        return _install(engine, caller, request, own_path(caller, request.path))
    with engine.uploads.using(request.package or "") as upload:
        require_extension(caller, upload.extension)
        return _install(engine, caller, request, upload.path)


def own_path(caller: Caller, path: str) -> Path:
    """A path of this machine.

    Raises:
        Forbidden: it is not for this caller to name one.
        BadRequest: it is relative: nobody knows to what.
    """
    if not caller.is_owner:
        raise Forbidden("paths of the server's machine; upload it: POST /v1/packages")
    if not Path(path).is_absolute():
        raise BadRequest("the path has to be absolute", "path")
    return Path(path)


def _install(engine: Engine, caller: Caller, request: InstallExtension, path: Path) -> Extension:
    info = engine.runtime.install(
        path,
        consent=_consent(request),
        by=caller.acting(request.by),
        upgrade=request.upgrade,
        accept_publisher=request.accept_publisher,
        unsigned=request.unsigned,
    )
    return extension_of(info)


def _consent(request: InstallExtension) -> Consent | None:
    answer = request.consent
    if answer is None and not request.ask:
        return None

    def consent(asked: ConsentRequest) -> Grant | None:
        digest = digest_of(asked)
        if answer is None or answer.digest not in (None, digest):
            raise ConsentNeeded(asked, digest)  # nobody has been asked, or not this
        return _granted(answer, asked)

    return consent


def _granted(answer: ConsentAnswer, asked: ConsentRequest) -> Grant | None:
    return asked.as_asked() if answer.as_asked else answer.grant


def uninstall(engine: Engine, caller: Caller, request: OneExtension) -> None:
    """See `Runtime.uninstall`."""
    require_all_libraries(caller)
    engine.runtime.uninstall(request.extension)


def load(engine: Engine, caller: Caller, request: OneExtension) -> Extension:
    """See `Runtime.load`."""
    require_all_libraries(caller)
    return extension_of(engine.runtime.load(request.extension))


def unload(engine: Engine, caller: Caller, request: UnloadExtension) -> None:
    """See `Runtime.unload`."""
    require_all_libraries(caller)
    engine.runtime.unload(request.extension, stop_jobs=request.stop_jobs, timeout=request.timeout)


def forget_publisher(engine: Engine, caller: Caller, request: ChangeExtension) -> None:
    """See `Runtime.forget_publisher`."""
    require_all_libraries(caller)
    engine.runtime.forget_publisher(request.extension, by=caller.acting(request.by))


def installed_request(engine: Engine, caller: Caller, request: OneExtension) -> ConsentRequest:
    """See `Runtime.installed_request`."""
    return engine.runtime.installed_request(request.extension)


def consent_request(engine: Engine, caller: Caller, request: OneExtension) -> ConsentRequest:
    """See `Runtime.consent_request`."""
    return engine.runtime.consent_request(request.extension)


def accept_update(engine: Engine, caller: Caller, request: AcceptUpdate) -> Extension:
    """See `Runtime.accept_update`."""
    require_all_libraries(caller)
    by = caller.acting(request.by)
    return extension_of(engine.runtime.accept_update(request.extension, request.grant, by=by, upgrade=request.upgrade))


def decline_update(engine: Engine, caller: Caller, request: ChangeExtension) -> Extension:
    """See `Runtime.decline_update`."""
    require_all_libraries(caller)
    return extension_of(engine.runtime.decline_update(request.extension, by=caller.acting(request.by)))


def grant(engine: Engine, caller: Caller, request: GrantPermissions) -> Extension:
    """See `Runtime.grant`."""
    require_all_libraries(caller)
    return extension_of(engine.runtime.grant(request.extension, request.grant, by=caller.acting(request.by)))


def permissions(engine: Engine, caller: Caller, request: OneExtension) -> PermissionsShape:
    """See `Runtime.permissions`. One at a time: it reads the histories of all the extension's jobs."""
    with engine.reporting:
        return twin_of(engine.runtime.permissions(request.extension), PermissionsShape)


def hosts(engine: Engine, caller: Caller, request: OneExtension) -> Hosts:
    """See `Runtime.hosts_of`."""
    return Hosts(hosts=list(engine.runtime.hosts_of(request.extension).entries))


def budgets(engine: Engine, caller: Caller, request: OneExtension) -> list[BudgetState]:
    """See `Runtime.budgets`."""
    return engine.runtime.budgets(request.extension)


def upgrades(engine: Engine, caller: Caller, request: OneExtension) -> UpgradeReport:
    """See `Runtime.upgrades`; a caller sees the jobs of its libraries."""
    runtime = engine.runtime
    report = runtime.upgrades(request.extension)
    if caller.libraries is None:
        return report
    jobs = (job for job in report.jobs if is_for(caller, report.extension, runtime.store.job(job.job_id).library_id))
    return msgspec.structs.replace(report, jobs=tuple(jobs))


def set_upgrade_policy(engine: Engine, caller: Caller, request: SetUpgradePolicy) -> Extension:
    """See `Runtime.set_upgrade_policy`."""
    require_all_libraries(caller)
    by = caller.acting(request.by)
    return extension_of(engine.runtime.set_upgrade_policy(request.extension, request.upgrade, by=by))
