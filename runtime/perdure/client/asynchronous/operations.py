"""Operations that the host calls, and the configuration of extensions."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import UUID

from perdure.client.asynchronous.calling import Calling
from perdure.client.calls import folders as folder_calls
from perdure.client.calls import operations as calls
from perdure.runtime.config.operations import Configuration
from perdure.runtime.files.operations import Share
from perdure.runtime.identifiers import DEFAULT_LIBRARY


class OperationMethods(Calling):
    """What `AsyncClient` does with operations, and with shared folders."""

    _own: calls.AnswerTypes = MappingProxyType({})

    def know(self, *operations: Callable[..., Any]) -> None:
        """Let answers of the program's own operations be of their types; without this they are as JSON has them.

        Raises:
            BadOperation: one of the handlers is not what an operation must be.
        """
        self._own = {**self._own, **calls.own_types(operations)}

    async def call(
        self,
        method: str,
        request: object = None,
        *,
        library_id: UUID = DEFAULT_LIBRARY,
        extension: str | None = None,
        caller: str = "python",
        effect_key: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """See `Runtime.call`; ``caller`` says for whom the client acts. Calls of the host itself need scope admin."""
        return await self._do(
            calls.call(
                method,
                request,
                library_id=library_id,
                extension=extension,
                caller=caller,
                effect_key=effect_key,
                timeout=timeout,
                own=self._own,
            )
        )

    async def call_async(self, method: str, request: object = None, **options: Any) -> Any:
        """The same: here every method is one of an event loop."""
        return await self.call(method, request, **options)

    async def publish(self, topic: str, data: object = None, *, library_id: UUID = DEFAULT_LIBRARY) -> None:
        """See `Runtime.publish`."""
        await self._do(calls.publish(topic, data, library_id))

    async def config(self, extension: str, *, library_id: UUID | None = None) -> Configuration:
        """See `Runtime.config`."""
        return await self._do(calls.config(extension, library_id))

    async def configure(
        self,
        extension: str,
        config: Mapping[str, Any] | None,
        *,
        library_id: UUID | None = None,
        if_revision: int | None = None,
    ) -> Configuration:
        """See `Runtime.configure`."""
        return await self._do(calls.configure(extension, config, library_id, if_revision))

    # --- shared folders -----------------------------------------------------------------------------------------------

    async def share_folder(
        self, extension: str, name: str, path: str | os.PathLike[str], *, caller: str = "python"
    ) -> Path:
        """See `Runtime.share_folder`; the folder is one of the server's machine."""
        return await self._do(folder_calls.share(extension, name, path, caller))

    async def unshare_folder(self, extension: str, name: str | None = None, *, caller: str = "python") -> int:
        """See `Runtime.unshare_folder`."""
        return await self._do(folder_calls.unshare(extension, name, caller))

    async def shared_with(self, extension: str) -> list[Share]:
        """See `Runtime.shared_with`."""
        return await self._do(folder_calls.shared_with(extension))
