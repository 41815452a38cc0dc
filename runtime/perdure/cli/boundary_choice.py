"""``PERDURE_BOUNDARY``: the boundary to guests that commands use: ``auto``, ``raw`` or ``stock`` (ADR 0024)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final, get_args

from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.runtime.wasm.boundary.names import BoundaryChoice

VARIABLE: Final = "PERDURE_BOUNDARY"


def boundary_choice(environment: Mapping[str, str] = os.environ) -> BoundaryChoice:
    """What the variable says; ``auto`` if it is not set.

    Raises:
        CommandError: it names none.
    """
    said = environment.get(VARIABLE) or "auto"
    choices: tuple[BoundaryChoice, ...] = get_args(BoundaryChoice)
    for choice in choices:
        if choice == said:
            return choice
    raise CommandError(f"{VARIABLE} must be one of {', '.join(choices)}", ExitCode.USAGE)
