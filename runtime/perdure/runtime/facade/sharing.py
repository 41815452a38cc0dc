"""Folders of this machine that extensions may read."""

from __future__ import annotations

import os
from pathlib import Path

from perdure.runtime.facade.operations import OperationFacade
from perdure.runtime.files.operations import FolderShared, FolderUnshared, Share, SharesListed


class SharingFacade(OperationFacade):
    """What `Runtime` does with shared folders."""

    def share_folder(self, extension: str, name: str, path: str | os.PathLike[str], *, caller: str = "python") -> Path:
        """Let an extension read a folder, with all that is below it, under a name; another of this name ends. Durable.

        Args:
            extension: with whom; it need not be installed yet.
            name: letters, digits and ``_.-``; files are then ``name/relative/path`` for the extension.
            path: the folder; it stays where it is, and is never written to.
            caller: who shares, for the log.

        Returns:
            The folder, symbolic links resolved.

        Raises:
            OperationError: there is no such folder (``not_found``), or it is perdure's own (``failed``).
            StoreError: it could not be recorded.
        """
        request = {"extension": extension, "name": name, "path": str(Path(path).expanduser().absolute())}
        answer: FolderShared = self.call("action:files.share", request, caller=caller)
        return Path(answer.path)

    def unshare_folder(self, extension: str, name: str | None = None, *, caller: str = "python") -> int:
        """End a share, or all of an extension's; returns how many ended. Durable."""
        request = {"extension": extension, "name": name}
        answer: FolderUnshared = self.call("action:files.unshare", request, caller=caller)
        return answer.removed

    def shared_with(self, extension: str) -> list[Share]:
        """The folders that are shared with an extension, by name."""
        answer: SharesListed = self.call("query:files.shares", {"extension": extension})
        return answer.shares

    def _end_shares(self, extension: str) -> None:
        if self.shared_with(extension):
            self.unshare_folder(extension)
