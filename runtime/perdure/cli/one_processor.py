"""``PERDURE_ONE_PROCESSOR``: whether the threads of jobs may be kept on one processor, ``yes`` or ``no`` (ADR 0028)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode

VARIABLE: Final = "PERDURE_ONE_PROCESSOR"
_MEANINGS: Final = {"yes": True, "no": False}


def one_processor(environment: Mapping[str, str] = os.environ) -> bool:
    """What the variable says; True if it is not set.

    Raises:
        CommandError: it says neither.
    """
    try:
        return _MEANINGS[environment.get(VARIABLE) or "yes"]
    except KeyError:
        raise CommandError(f"{VARIABLE} must be yes or no", ExitCode.USAGE) from None
