"""A PostgreSQL of one's own: a cluster in a folder, listening on the loopback interface alone, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.disk import SCRATCH
from bench.peers.processes import end_group, free_port, start_group
from bench.peers.turn import wait_until

_DEBIAN: Final = Path("/usr/lib/postgresql")
_USER: Final = "postgres"  # who the server runs as if root asks: it refuses to run as root


def programs() -> Path | None:
    """The folder with ``initdb`` and ``postgres``: of Debian's newest version, or in the search path."""
    debian = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda file: int(file.parts[-3].partition(".")[0]))
    found = debian[-1] if debian else shutil.which("initdb")
    return None if found is None else Path(found).parent


def version() -> str:
    """``PostgreSQL 15.18``; empty where there is none."""
    folder = programs()
    if folder is None:
        return ""
    said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False).stdout
    return f"PostgreSQL {said.split()[2]}" if len(said.split()) > 2 else "PostgreSQL"


def missing() -> str:
    """Why it cannot be run here."""
    if programs() is None:
        return "PostgreSQL is not installed: Debian's package is postgresql"
    if os.geteuid() == 0 and _owner() is None:
        return f"PostgreSQL does not run as root, and there is no user {_USER}"
    return ""


def _owner() -> str | None:
    try:
        pwd.getpwnam(_USER)
    except KeyError:
        return None
    return _USER


@contextmanager
def cluster(folder: Path, found: Path) -> Iterator[str]:
    """A server on a new cluster in ``folder``, with PostgreSQL's own settings; yields its address (SQLAlchemy's)."""
    user = _owner() if os.geteuid() == 0 else None
    data, port = folder / "postgres", free_port()
    data.mkdir()
    if user is not None:
        shutil.chown(data, user)
        for parent in data.parents:  # the run's own folders are nobody else's, and it has to pass through them
            if parent.name.startswith(SCRATCH):
                parent.chmod(0o711)
        folder.chmod(0o711)
    errors = folder / "postgres.errors"
    initdb = [str(found / "initdb"), "-D", str(data), "-U", _USER, "-A", "trust", "--no-instructions"]
    subprocess.run(initdb, check=True, user=user, cwd=data, stdout=subprocess.DEVNULL)
    options = {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": ""}
    command = [str(found / "postgres"), "-D", str(data)]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    server = start_group(command, errors, folder / "postgres.output", user)
    ready = [str(found / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    try:
        wait_until(lambda: subprocess.run(ready, check=False).returncode == 0, "PostgreSQL answers", pause=0.05)
        yield f"postgresql://{_USER}@127.0.0.1:{port}/postgres"
    finally:
        end_group(server)
