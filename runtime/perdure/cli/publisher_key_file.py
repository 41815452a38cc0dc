"""Where the publisher's key is: ``--key``, else ``PERDURE_PUBLISHER_KEY_FILE``, else this user's folder of settings.

Never in a data folder: that is a host's, and is backed up and handed on as one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import platformdirs
import typer

VARIABLE: Final = "PERDURE_PUBLISHER_KEY_FILE"
_FILE: Final = "publisher.key"

KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="FILE",
        help=f"The file of the publisher's key; else {VARIABLE}, else this user's own.",
        show_default=False,
    ),
]


def publisher_key_path(option: str | None, environment: Mapping[str, str] = os.environ) -> Path:
    """The file of the publisher's key; it need not be there."""
    chosen = option or environment.get(VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    return own_key_path()


def own_key_path() -> Path:
    """This user's own key: the only one that is made without being asked for."""
    # A folder of its own: the one for settings may be open to others.
    return platformdirs.user_config_path("perdure", appauthor=False) / "publisher" / _FILE
