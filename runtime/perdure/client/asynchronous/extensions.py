"""Extensions: installing and loading them, their upgrades, what they may do and use."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from perdure.api.consent import ConsentNeeded
from perdure.api.extensions import ConsentAnswer
from perdure.client.asynchronous.calling import Calling
from perdure.client.calls import extensions as calls
from perdure.client.version_file import version_file
from perdure.runtime.budgets.account import BudgetState
from perdure.runtime.consent import Consent, ConsentRequest
from perdure.runtime.grants import Grant
from perdure.runtime.http.hosts import HostRules
from perdure.runtime.packages.pinning import checked_rules
from perdure.runtime.upgrades import UpgradeReport

if TYPE_CHECKING:
    from perdure.runtime.extension_info import ExtensionInfo
    from perdure.runtime.permission_use import PermissionsReport


class ExtensionMethods(Calling):
    """What `AsyncClient` does with extensions. ``by`` says for whom the client acts; the log names its token first."""

    async def install(
        self,
        path: str | os.PathLike[str],
        *,
        consent: Consent | None = None,
        by: str = "python",
        upgrade: Mapping[str, str] | None = None,
        accept_publisher: str | None = None,
        unsigned: bool = False,
    ) -> ExtensionInfo:
        """See `Runtime.install`; ``path`` is of this machine, and ``consent`` is asked here."""
        checked_rules(accept_publisher, unsigned)
        version = await self._handed_over(Path(path))
        answer: ConsentAnswer | None = None
        while True:
            call = calls.install(
                version,
                ask=consent is not None,
                consent=answer,
                by=by,
                upgrade=upgrade,
                accept_publisher=accept_publisher,
                unsigned=unsigned,
            )
            try:
                return await self._do(call)
            except ConsentNeeded as needed:
                if consent is None:
                    raise
                said = await asyncio.to_thread(consent, needed.request)  # a person may take an hour
                answer = calls.answer_of(said, needed.digest)

    async def _handed_over(self, path: Path) -> dict[str, str]:
        """A version of this machine as the server finds it: by its path where that is the same machine's."""
        if self.address.data is not None:
            return {"path": str(path.absolute())}
        content = await asyncio.to_thread(version_file, path)
        return {"package": await self._do(calls.upload(path, content))}

    async def reload(self, extension: str, path: str | os.PathLike[str] | None = None) -> ExtensionInfo:
        """See `Runtime.reload`; ``path`` is of this machine."""
        if path is not None:
            await self.install(path)
        return await self._do(calls.load(extension))

    async def uninstall(self, extension: str) -> None:
        """See `Runtime.uninstall`."""
        await self._do(calls.uninstall(extension))

    async def forget_publisher(self, extension: str, *, by: str = "python") -> None:
        """See `Runtime.forget_publisher`."""
        await self._do(calls.forget_publisher(extension, by))

    async def load(self, extension: str) -> ExtensionInfo:
        """See `Runtime.load`."""
        return await self._do(calls.load(extension))

    async def unload(self, extension: str, *, stop_jobs: bool = False, timeout: float | None = None) -> None:
        """See `Runtime.unload`."""
        await self._do(calls.unload(extension, stop_jobs, timeout))

    async def extensions(self) -> list[ExtensionInfo]:
        """See `Runtime.extensions`; a token that is for some extensions only sees those."""
        return await self._do(calls.every())

    async def inspect(self, extension: str) -> ExtensionInfo:
        """See `Runtime.inspect`."""
        return await self._do(calls.inspect(extension))

    # --- upgrades -----------------------------------------------------------------------------------------------------

    async def consent_request(self, extension: str) -> ConsentRequest:
        """See `Runtime.consent_request`."""
        return await self._do(calls.consent_request(extension))

    async def installed_request(self, extension: str) -> ConsentRequest:
        """See `Runtime.installed_request`."""
        return await self._do(calls.installed_request(extension))

    async def accept_update(
        self,
        extension: str,
        grant: Grant | None = None,
        *,
        by: str = "python",
        upgrade: Mapping[str, str] | None = None,
    ) -> ExtensionInfo:
        """See `Runtime.accept_update`."""
        return await self._do(calls.accept_update(extension, grant, by, upgrade))

    async def decline_update(self, extension: str, *, by: str = "python") -> ExtensionInfo:
        """See `Runtime.decline_update`."""
        return await self._do(calls.decline_update(extension, by))

    async def set_upgrade_policy(
        self, extension: str, upgrade: Mapping[str, str], *, by: str = "python"
    ) -> ExtensionInfo:
        """See `Runtime.set_upgrade_policy`."""
        return await self._do(calls.set_upgrade_policy(extension, upgrade, by))

    async def upgrades(self, extension: str) -> UpgradeReport:
        """See `Runtime.upgrades`."""
        return await self._do(calls.upgrades(extension))

    # --- permissions and budgets --------------------------------------------------------------------------------------

    async def grant(self, extension: str, grant: Grant, *, by: str = "python") -> ExtensionInfo:
        """See `Runtime.grant`."""
        return await self._do(calls.grant(extension, grant, by))

    async def permissions(self, extension: str) -> PermissionsReport:
        """See `Runtime.permissions`."""
        return await self._do(calls.permissions(extension))

    async def hosts_of(self, extension: str) -> HostRules:
        """See `Runtime.hosts_of`."""
        return await self._do(calls.hosts_of(extension))

    async def budgets(self, extension: str) -> list[BudgetState]:
        """See `Runtime.budgets`."""
        return await self._do(calls.budgets(extension))
