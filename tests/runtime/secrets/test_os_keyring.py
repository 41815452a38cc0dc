"""A real Secret Service, gnome-keyring on a bus of its own: unlocked it keeps the master key, else nobody is asked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[3]
UNLOCKED: Final = "printf password | gnome-keyring-daemon --unlock --components=secrets >&2; "
LOCKED: Final = "gnome-keyring-daemon --start --components=secrets >&2; "
NO_KEYRING: Final = ""

PROGRAM: Final = """
import sys
from pathlib import Path
from perdure.runtime.secrets.errors import SecretsError
from perdure.runtime.secrets.keychain import Keychain

for step in sys.argv[2:]:
    chain = Keychain.of_folder(Path(sys.argv[1]))
    try:
        if step == "rotate":
            chain.rotate()
        chain.new_credential_key("notes")
        print(chain.master_record().source)
    except SecretsError as error:
        print(type(error).__name__, error)
"""


def run(folder: Path, before: str, *steps: str, **environment: str) -> list[str]:
    """What the program says with a bus of its own, on which ``before`` was done."""
    home = folder / "home"
    (home / "run").mkdir(parents=True, mode=0o700, exist_ok=True)
    words = [sys.executable, "-c", PROGRAM, str(folder / "data"), *steps]
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON_KEYRING", "DBUS_"))}
    done = subprocess.run(
        ["dbus-run-session", "--", "sh", "-c", before + '"$@"', "sh", *words],
        env={**plain, "HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run"), **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_an_unlocked_keyring_keeps_the_master_key(tmp_path: Path) -> None:
    assert run(tmp_path, UNLOCKED, "use", "use", "rotate", "use") == ["keyring"] * 4
    # Another session, the same keyring.
    assert run(tmp_path, UNLOCKED, "use") == ["keyring"]
    # Without it there is no way, and no new key.
    before = {path.name: path.read_bytes() for path in (tmp_path / "data" / "keys").iterdir()}
    for keyring, reason in ((LOCKED, "locked"), (NO_KEYRING, "the keyring")):
        (said,) = run(tmp_path, keyring, "use", **({"PATH": str(no_daemons(tmp_path))} if not keyring else {}))
        assert said.startswith("MasterKeyUnavailable")
        assert reason in said
    assert {path.name: path.read_bytes() for path in (tmp_path / "data" / "keys").iterdir()} == before


def no_daemons(folder: Path) -> Path:
    """A PATH with what starts the program and nothing else."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    for name in ("sh", "dbus-daemon", "dbus-run-session"):
        (programs / name).unlink(missing_ok=True)
        (programs / name).symlink_to(f"/usr/bin/{name}")
    return programs


@pytest.mark.parametrize(
    ("before", "environment"),
    [(LOCKED, {}), (UNLOCKED, {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"})],
    ids=["locked", "switched off"],
)
def test_a_keyring_that_would_ask_or_is_switched_off_is_not_used(
    before: str, environment: dict[str, str], tmp_path: Path
) -> None:
    assert run(tmp_path, before, "use", "use", **environment) == ["file", "file"]
