"""Operations that the host calls, and with them the configuration of extensions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from perdure.runtime.config.operations import Configuration
from perdure.runtime.facade.parts import Parts
from perdure.runtime.identifiers import DEFAULT_LIBRARY


class OperationFacade(Parts):
    """What `Runtime` does with operations."""

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
        """Call an operation, as a guest would: the same validation, budgets, events and metrics.

        Args:
            method: ``query:notes.search``, ``action:notes.create``, with or without a wire suffix.
            request: the operation's input: a struct, anything JSON can say, or JSON as bytes.
            library_id: the library to work in.
            extension: act for this extension, within its permissions and budgets; None acts for the host itself.
            caller: who calls, for the log.
            effect_key: an action's name for its effect; a new one if None.
            timeout: seconds until it is given up; None, and at most, what the operation may take.

        Returns:
            The answer, in the operation's output type. An action's outcome is durable by then.

        Raises:
            OperationError: it was refused or failed; the error has the code.
            InvalidPayload: the request cannot be said in JSON.
            StoreError: the outcome could not be recorded.
            UnknownExtension: ``extension`` is not installed.
        """
        self._check()
        if extension is not None:
            self._extensions.ensure_loaded(extension)
        return self._calls.call(
            method,
            request,
            caller=caller,
            extension=extension,
            library_id=library_id,
            effect_key=effect_key,
            timeout=timeout,
        )

    async def call_async(self, method: str, request: object = None, **options: Any) -> Any:
        """`call` for an event loop: it waits on a thread of the loop's default executor."""
        return await asyncio.to_thread(self.call, method, request, **options)

    def publish(self, topic: str, data: object = None, *, library_id: UUID = DEFAULT_LIBRARY) -> None:
        """Tell the extensions that subscribed in a library that something happened. Durable.

        Args:
            topic: like ``invoice.paid``; segments of ``[a-z0-9_]`` with dots in between.
            data: anything JSON can say, in at most 64 KiB.
            library_id: where it happened.

        Raises:
            OperationError, InvalidPayload, StoreError: as for `call`; nothing was published.
        """
        self.call("action:events.publish", {"topic": topic, "data": data}, library_id=library_id)

    # --- configuration ------------------------------------------------------------------------------------------------

    def config(self, extension: str, *, library_id: UUID | None = None) -> Configuration:
        """An extension's configuration: what holds in a library, or, with None, what is set for all of them.

        Raises:
            UnknownExtension: it is not installed.
            StoreError: the call could not be recorded.
        """
        return self._configure("query:config.get", extension, library_id, {})

    def configure(
        self,
        extension: str,
        config: Mapping[str, Any] | None,
        *,
        library_id: UUID | None = None,
        if_revision: int | None = None,
    ) -> Configuration:
        """Set an extension's configuration in a library or, with None, for all of them. Durable.

        Args:
            extension: whose.
            config: takes the place of all that was set before there; None forgets it.
            library_id: where; what is set in a library is laid over what is set for all.
            if_revision: set it only if the revision is still this one.

        Raises:
            UnknownExtension: it is not installed.
            OperationError: the configuration does not fit the manifest's ``config_schema`` (``invalid_payload``, with
                the JSON paths), or the revision is another (``failed``).
        """
        request = {"config": None if config is None else dict(config), "if_revision": if_revision}
        return self._configure("action:config.set", extension, library_id, request)

    def _configure(
        self, method: str, extension: str, library_id: UUID | None, request: dict[str, Any]
    ) -> Configuration:
        self._check()
        self._extensions.state(extension)
        request = {**request, "extension": extension, "everywhere": library_id is None}
        answer: Configuration = self.call(method, request, library_id=library_id or DEFAULT_LIBRARY)
        return answer
