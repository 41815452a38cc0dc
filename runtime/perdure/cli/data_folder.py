"""Where the data is: ``--data``, else ``PERDURE_DATA``, else the platform's place for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import platformdirs

from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode

VARIABLE: Final = "PERDURE_DATA"


def data_folder(option: str | None, environment: Mapping[str, str] = os.environ) -> Path:
    """The data folder, absolute; it need not exist.

    Raises:
        CommandError: the path is something else than a folder.
    """
    chosen = option or environment.get(VARIABLE)
    folder = Path(chosen).expanduser().absolute() if chosen else platformdirs.user_data_path("perdure", appauthor=False)
    if folder.exists() and not folder.is_dir():
        raise CommandError(f"{folder} is not a folder; name one with --data or {VARIABLE}", ExitCode.USAGE)
    return folder
