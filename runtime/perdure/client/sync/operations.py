"""Operations that the host calls, and the configuration of extensions."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import UUID

from perdure.client.calls import folders as folder_calls
from perdure.client.calls import operations as calls
from perdure.client.sync.calling import Calling
from perdure.runtime.config.operations import Configuration
from perdure.runtime.files.operations import Share
from perdure.runtime.identifiers import DEFAULT_LIBRARY


class OperationMethods(Calling):
    """What `Client` does with operations, and with shared folders."""

    _own: calls.AnswerTypes = MappingProxyType({})

    def know(self, *operations: Callable[..., Any]) -> None:
        """Let answers of the program's own operations be of their types; without this they are as JSON has them.

        Raises:
            BadOperation: one of the handlers is not what an operation must be.
        """
        self._own = {**self._own, **calls.own_types(operations)}

    def call(
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
        return self._do(
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
        """See `Runtime.call_async`."""
        return await asyncio.to_thread(self.call, method, request, **options)

    def publish(self, topic: str, data: object = None, *, library_id: UUID = DEFAULT_LIBRARY) -> None:
        """See `Runtime.publish`."""
        self._do(calls.publish(topic, data, library_id))

    def config(self, extension: str, *, library_id: UUID | None = None) -> Configuration:
        """See `Runtime.config`."""
        return self._do(calls.config(extension, library_id))

    def configure(
        self,
        extension: str,
        config: Mapping[str, Any] | None,
        *,
        library_id: UUID | None = None,
        if_revision: int | None = None,
    ) -> Configuration:
        """See `Runtime.configure`."""
        return self._do(calls.configure(extension, config, library_id, if_revision))

    # --- shared folders -----------------------------------------------------------------------------------------------

    def share_folder(self, extension: str, name: str, path: str | os.PathLike[str], *, caller: str = "python") -> Path:
        """See `Runtime.share_folder`; the folder is one of the server's machine."""
        return self._do(folder_calls.share(extension, name, path, caller))

    def unshare_folder(self, extension: str, name: str | None = None, *, caller: str = "python") -> int:
        """See `Runtime.unshare_folder`."""
        return self._do(folder_calls.unshare(extension, name, caller))

    def shared_with(self, extension: str) -> list[Share]:
        """See `Runtime.shared_with`."""
        return self._do(folder_calls.shared_with(extension))
