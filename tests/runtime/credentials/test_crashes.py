"""A process dies between a credential's key and its row, either way: the next one finds it and mends it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from tests.runtime.credentials.test_credentials import API_KEY, get, host_calls, refusal, store
from tests.support.credential_process import CredentialProcess
from tests.support.secret_calls import install_calls

from perdure.runtime import Runtime
from perdure.runtime.credentials.records import read_row
from perdure.runtime.secrets.errors import KeyDestroyed
from perdure.runtime.secrets.sealing import open_recorded
from perdure.store.events import HostActionAnswered, Sealed

COMMIT: Final = ("commit.before_plan", "commit.before_write", "commit.before_sync", "commit.after_sync", "answer.after")
WRITES: Final = ("keys.before_write", "keys.before_rename", "keys.after_write")
DESTROYS: Final = ("keys.before_overwrite", "keys.after_overwrite", "keys.after_unlink")


@pytest.fixture(scope="module")
def process() -> Iterator[CredentialProcess]:
    with CredentialProcess("die_each") as process:
        process.expect("ready")
        yield process


def open_again(folder: Path) -> Runtime:
    """The next process. Whatever the one before left, keys and rows belong together."""
    runtime = Runtime.open(folder / "data")
    rows = [read_row(row.value).key for row in runtime.store.rows(b"credentials\0")]
    assert sorted(rows) == runtime.keychain.credential_keys()
    files = [path.name for path in (folder / "data" / "keys").iterdir()] if (folder / "data" / "keys").exists() else []
    assert not [name for name in files if name.startswith(".new-")]
    install_calls(runtime, folder)
    return runtime


# The first three keys that are written are the master's, the extension's or the host's, and the credential's.
@pytest.mark.parametrize(
    ("failpoint", "hit"), [*((name, 1) for name in COMMIT), *((name, hit) for name in WRITES for hit in (1, 2, 3, 4))]
)
def test_a_death_while_storing(failpoint: str, hit: int, process: CredentialProcess, tmp_path: Path) -> None:
    process.die(tmp_path / "data", "store", failpoint, hit)
    with open_again(tmp_path) as runtime:
        if failpoint in ("commit.after_sync", "answer.after"):
            assert get(runtime, "one") == API_KEY
        else:
            assert refusal(get, runtime, "one") == "not_found"
            assert runtime.keychain.credential_keys() == []
        store(runtime, "one", API_KEY)
        assert get(runtime, "one") == API_KEY


@pytest.mark.parametrize("failpoint", [*DESTROYS, *COMMIT])
def test_a_death_while_deleting(failpoint: str, process: CredentialProcess, tmp_path: Path) -> None:
    process.die(tmp_path / "data", "delete", failpoint)
    # The key is the first to go, so what was asked for has happened, whatever follows.
    with open_again(tmp_path) as runtime:
        assert refusal(get, runtime, "one") == "not_found"
        assert runtime.store.rows(b"credentials\0") == []
        # The refused query is in the log at some moment within 20 ms.
        calls = [call for call in host_calls(runtime) if isinstance(call, HostActionAnswered)]
        assert [call.method for call in calls] == ["action:credentials.store", "action:credentials.delete"]
        finished_before = failpoint in ("commit.after_sync", "answer.after")
        assert calls[1].caller == ("python" if finished_before else "recovery")
        assert isinstance(calls[0].payload, Sealed)
        with pytest.raises(KeyDestroyed):
            open_recorded(runtime.keychain, runtime.store.blobs, calls[0].payload)
        store(runtime, "one", API_KEY)
        assert get(runtime, "one") == API_KEY


@pytest.mark.parametrize("failpoint", ["keys.before_overwrite", "keys.after_overwrite", "keys.after_unlink"])
def test_a_death_while_mending(failpoint: str, process: CredentialProcess, tmp_path: Path) -> None:
    process.die(tmp_path / "data", "store", "commit.before_write")  # leaves a key without a row
    process.die(tmp_path / "data", "open", failpoint)
    with open_again(tmp_path) as runtime:
        assert refusal(get, runtime, "one") == "not_found"
        assert runtime.keychain.credential_keys() == []
