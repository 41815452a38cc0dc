"""The vault as it is built: installed in a data folder that every test has a copy of."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.support.command_line import CommandLine
from tests.support.guest_builds import copied_data, install
from tests.support.python_builds import ROOT, built_python
from tests.support.zig_tools import once

from perdure.runtime import Runtime, grant_as_asked

EXAMPLE = ROOT / "examples" / "vault"


@pytest.fixture(scope="session")
def vault_folder() -> Path:
    """The extension's folder; it is shared, so it must not be changed."""
    return built_python(EXAMPLE)


@pytest.fixture(scope="session")
def vault_data(vault_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which it is installed; shared, to be copied."""

    def make(stage: Path) -> None:
        with Runtime.open(stage / "data", consent=grant_as_asked) as runtime:
            install(runtime, vault_folder)

    return once(tmp_path_factory, "data-vault", make) / "data"


@pytest.fixture
def perdure(vault_data: Path, tmp_path: Path) -> CommandLine:
    """Commands on a data folder of the test's own, in which the vault is installed."""
    return CommandLine(copied_data(vault_data, tmp_path / "data"))


def with_network(extension: Path, folder: Path, *hosts: str) -> Path:
    """A copy of the extension that asks for other hosts, as somebody with a mirror of the service builds it."""
    shutil.copytree(extension, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["permissions"]["network_access"] = list(hosts)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
