"""What an extension shares with others, and they with it, ends when it is uninstalled."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from perdure.actors.errors import SystemStopped
from perdure.runtime.credentials.share_operations import END_SHARES, EndShares
from perdure.runtime.credentials.shares import has_shares, sharing_extensions
from perdure.runtime.errors import PerdureError
from perdure.runtime.extension_info import installed_extensions
from perdure.store.errors import StoreError
from perdure.store.event_store import EventStore

logger = logging.getLogger(__name__)

CALLER: Final = "runtime"  # in the log


class ShareEnds:
    """Ends shares. ``call`` is `perdure.runtime.Runtime.call`."""

    def __init__(self, store: EventStore, call: Callable[..., Any]) -> None:
        self._store = store
        self._call = call

    def forget(self, extension: str) -> None:
        """End those of an extension that is uninstalled, if it has any. What fails, the next open does. Durable."""
        try:
            while has_shares(self._store, extension):
                self._call(END_SHARES, EndShares(extension=extension), caller=CALLER)
        except (PerdureError, SystemStopped, StoreError, TimeoutError) as error:
            logger.warning("what %s shares could not be ended: %s", extension, error)

    def recover(self) -> None:
        """The same for all that are not installed, after a crash in the middle of an uninstall. Durable."""
        if sharing := sharing_extensions(self._store):
            for extension in sorted(sharing - {state.extension for state in installed_extensions(self._store)}):
                self.forget(extension)
