"""The flag ``--perdure-sandbox`` of pytest: jobs of `perdure_sdk.testing` run in the sandbox.

pytest loads this wherever perdure is installed, so nothing is imported before the flag is given.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

_open = contextlib.ExitStack()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the flag."""
    parser.getgroup("perdure").addoption(
        "--perdure-sandbox",
        action="store_true",
        help="run jobs (perdure_sdk.testing.run_job) in the sandbox: builds the extension, takes some 20 seconds",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Have jobs run in the sandbox, if that was asked for."""
    if config.getoption("--perdure-sandbox"):
        from perdure_sdk.sandbox import Sandbox  # noqa: PLC0415  # see above
        from perdure_sdk.testing import running_by  # noqa: PLC0415  # see above

        _open.enter_context(running_by(_open.enter_context(Sandbox())))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close the sandbox, whatever was asked for."""
    _open.close()
