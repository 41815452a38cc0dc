"""Erasing what an extension, or everybody in a library, called with secrets: for good, the chain and seals whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from uuid import UUID

import msgspec
import pytest
from tests.runtime.credentials.test_credentials import API_KEY, get, refusal, store
from tests.runtime.secrets.crash import Crash, dying_at
from tests.support.acme import install_acme
from tests.support.gate import Gate
from tests.support.secret_calls import calls_of, install_calls, run_calls
from tests.support.waiting import TIMEOUT, eventually

from perdure.runtime import ErasureRefused, KeyDestroyed, Runtime, grant_as_asked
from perdure.runtime.operations import CallContext, Effect, Sensitive, action
from perdure.runtime.seals.checking import SealWitness
from perdure.runtime.secrets import keychain
from perdure.runtime.secrets.sealing import open_recorded
from perdure.store import LmdbEventStore, check
from perdure.store.events import (
    CALLS_STREAM,
    RUNTIME_STREAM,
    CallEvent,
    HostActionAnswered,
    KeysErased,
    Recorded,
    Sealed,
)
from perdure.store.failpoints import KEY_NAMES, SEAL_NAMES

ONE, TWO = UUID(int=1), UUID(int=2)
FAILPOINTS = [*(name for name in SEAL_NAMES if name.startswith("erase.")), *KEY_NAMES[3:]]
TELL = "action:secrets.tell"


class Told(msgspec.Struct):
    what: Annotated[str, Sensitive]


@action("secrets.tell", effect=Effect.IDEMPOTENT)
def tell(context: CallContext, request: Told) -> Told:
    """Take a secret, and answer with it."""
    return request


def open_runtime(folder: Path) -> Runtime:
    return Runtime.open(folder / "data", consent=grant_as_asked, operations=[tell])


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    with open_runtime(tmp_path) as runtime:
        install_calls(runtime, tmp_path, (TELL, b'{"what": "of the job"}'))
        yield runtime


def say(runtime: Runtime, what: str, library: UUID, extension: str | None = "notes") -> None:
    runtime.call(TELL, {"what": what}, library_id=library, extension=extension)


def readable(runtime: Runtime) -> list[str]:
    """What was told, in the order of the log, or that it is erased."""
    found: list[str] = []
    for event in (stored.event for stored in runtime.store.read(CALLS_STREAM)):
        if isinstance(event, HostActionAnswered) and event.method == TELL:
            payload, answer = opened(runtime, event.payload), opened(runtime, event.answer)
            assert payload == answer
            found.append(payload)
    return found


def opened(runtime: Runtime, side: Recorded) -> str:
    assert isinstance(side, Sealed)
    try:
        return str(msgspec.json.decode(open_recorded(runtime.keychain, runtime.store.blobs, side))["what"])
    except KeyDestroyed:
        return "erased"


def erasures(runtime: Runtime) -> list[KeysErased]:
    return [s.event for s in runtime.store.read(RUNTIME_STREAM) if isinstance(s.event, KeysErased)]


def everything(runtime: Runtime) -> None:
    """One secret of the extension in each library, one of the host in the first, and a credential in each."""
    say(runtime, "one", ONE)
    say(runtime, "two", TWO)
    say(runtime, "host", ONE, None)
    store(runtime, "key", API_KEY, library_id=ONE)
    store(runtime, "key", API_KEY, library_id=TWO)


def test_a_library(runtime: Runtime) -> None:
    everything(runtime)
    seal = runtime.seal()
    plan = runtime.erasure(library_id=ONE)
    done = runtime.erase(library_id=ONE, by="somebody")
    assert done == plan
    assert [place.name for place in done.credentials] == ["key"]
    assert readable(runtime) == ["erased", "two", "erased"]
    assert refusal(get, runtime, "key", library_id=ONE) == "not_found"
    assert get(runtime, "key", library_id=TWO) == API_KEY
    (event,) = erasures(runtime)
    assert (event.extension, event.library_id, event.keys, event.by) == (None, ONE, done.keys, "somebody")
    assert runtime.seal().statement.previous == seal.statement.digest
    report = check(runtime.store, SealWitness(keychain=runtime.keychain))
    assert (report.problems, report.seals) == ([], 2)
    # What is called from now on is sealed with a new key, and kept.
    say(runtime, "again", ONE)
    store(runtime, "key", API_KEY, library_id=ONE)
    assert readable(runtime) == ["erased", "two", "erased", "again"]
    assert get(runtime, "key", library_id=ONE) == API_KEY
    runtime.erase(library_id=ONE)
    assert readable(runtime) == ["erased", "two", "erased", "erased"]


def test_an_extension(runtime: Runtime) -> None:
    everything(runtime)
    done = runtime.erase(extension="notes")
    assert {place.library_id for place in done.credentials} == {ONE, TWO}
    assert readable(runtime) == ["erased", "erased", "host"]
    say(runtime, "again", ONE)
    assert readable(runtime) == ["erased", "erased", "host", "again"]


def test_an_extension_in_a_library(runtime: Runtime) -> None:
    everything(runtime)
    runtime.erase(extension="notes", library_id=ONE)
    assert readable(runtime) == ["erased", "two", "host"]
    assert get(runtime, "key", library_id=TWO) == API_KEY


def test_it_says_of_whom(runtime: Runtime) -> None:
    with pytest.raises(ValueError, match="of an extension"):
        runtime.erase()


def test_where_there_is_nothing_nothing_is_recorded(runtime: Runtime) -> None:
    for options in ({"extension": "nobody"}, {"library_id": UUID(int=9)}):
        assert runtime.erase(**options).keys == ()
    assert erasures(runtime) == []


def test_a_job_that_has_not_ended_keeps_it_from_happening(runtime: Runtime, tmp_path: Path) -> None:
    install_acme(runtime, tmp_path)
    with Gate(runtime) as gate:
        acmes = {"name": "key", "extension": "acme"}
        runtime.call("action:credentials.store", {**acmes, "credential": API_KEY}, library_id=ONE)
        job = runtime.dispatch("acme:gate", library_id=ONE)
        arrived = gate.arrival()
        for options in ({"extension": "acme"}, {"library_id": ONE}):
            with pytest.raises(ErasureRefused) as caught:
                runtime.erase(**options)
            assert caught.value.jobs == (job.state.job_id,)
        assert runtime.erase(extension="acme", library_id=TWO).keys == ()
        assert runtime.call("query:credentials.get", acmes, library_id=ONE)
        arrived.let_go()
        job.wait(TIMEOUT)
        assert len(runtime.erase(extension="acme").credentials) == 1
        assert refusal(runtime.call, "query:credentials.get", acmes, library_id=ONE) == "not_found"


def test_a_jobs_calls_cannot_be_opened_any_more(runtime: Runtime) -> None:
    job = run_calls(runtime)
    (call,) = calls_of(job)
    assert open_recorded(runtime.keychain, runtime.store.blobs, call.payload) == b'{"what": "of the job"}'
    runtime.erase(library_id=job.state.library_id)
    for side in (call.payload, call.answer):
        with pytest.raises(KeyDestroyed):
            open_recorded(runtime.keychain, runtime.store.blobs, side)
    assert check(runtime.store).clean


@pytest.mark.parametrize("failpoint", FAILPOINTS)
def test_a_death_is_finished_by_the_next_one(failpoint: str, tmp_path: Path) -> None:
    with open_runtime(tmp_path) as runtime:
        install_calls(runtime, tmp_path)
        everything(runtime)
        with dying_at(failpoint), pytest.raises(Crash):
            runtime.erase(library_id=ONE)
    with open_runtime(tmp_path) as runtime:
        if failpoint == "erase.before_append":
            assert readable(runtime) == ["one", "two", "host"]
            assert get(runtime, "key", library_id=ONE) == API_KEY
            runtime.erase(library_id=ONE)
        assert readable(runtime) == ["erased", "two", "erased"]
        assert refusal(get, runtime, "key", library_id=ONE) == "not_found"
        assert get(runtime, "key", library_id=TWO) == API_KEY
        assert len(erasures(runtime)) == 1
        assert check(runtime.store).clean
        left = {path.name for path in (tmp_path / "data" / "keys").iterdir()}
        assert not [name for name in left for key in erasures(runtime)[0].keys if name.endswith(key)]


def test_an_old_copy_of_the_keys_brings_nothing_back(tmp_path: Path) -> None:
    keys, copy = tmp_path / "data" / "keys", tmp_path / "copy"
    with open_runtime(tmp_path) as runtime:
        install_calls(runtime, tmp_path)
        everything(runtime)
        shutil.copytree(keys, copy)
        runtime.erase(extension="notes")
    shutil.rmtree(keys)
    shutil.copytree(copy, keys)
    with open_runtime(tmp_path) as runtime:
        assert readable(runtime) == ["erased", "erased", "host"]
        assert refusal(get, runtime, "key", library_id=TWO) == "not_found"


def test_a_stolen_folder_tells_nothing(tmp_path: Path) -> None:
    secret = "a-very-particular-secret"
    with open_runtime(tmp_path) as runtime:
        install_calls(runtime, tmp_path)
        say(runtime, secret, ONE)
        wrapped = [path.read_bytes() for path in (tmp_path / "data" / "keys").glob("library-*")]
        runtime.erase(library_id=ONE)
    contents = [path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert not [1 for content in contents if secret.encode() in content]
    assert not [1 for content in contents for file in wrapped if file in content]
    with LmdbEventStore.open_readonly(tmp_path / "data") as log:
        assert check(log).clean


# --- a key for each library ------------------------------------------------------------------------------------------


def library_keys(folder: Path) -> int:
    return len(list((folder / "data" / "keys").glob("library-*")))


def test_refused_calls_make_no_keys(runtime: Runtime, tmp_path: Path) -> None:
    say(runtime, "one", ONE)
    before = library_keys(tmp_path)
    unknown = ("action:no.such", {"what": "x"})
    for number in range(5):
        assert refusal(runtime.call, *unknown, library_id=UUID(int=100 + number), extension="notes") == "unknown_method"
    assert library_keys(tmp_path) == before
    # In a library that has a key, also what was refused goes with it.
    assert refusal(runtime.call, *unknown, library_id=ONE, extension="notes")
    eventually(lambda: runtime.keychain.payload_key("notes", ONE) in refused_with(runtime))  # a refusal is buffered


def refused_with(runtime: Runtime) -> set[str]:
    """The keys that the payloads of calls of no operation are sealed with."""
    events = (stored.event for stored in runtime.store.read(CALLS_STREAM))
    calls = (event for event in events if isinstance(event, CallEvent) and event.method == "action:no.such")
    return {call.payload.key for call in calls if isinstance(call.payload, Sealed)}


def test_an_extension_has_so_many_keys_and_no_more(
    runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keychain, "MAX_LIBRARY_KEYS", 3)
    for number in range(6):
        say(runtime, f"{number}", UUID(int=number))
    assert library_keys(tmp_path) == 3
    assert readable(runtime) == [f"{number}" for number in range(6)]
    runtime.erase(library_id=UUID(int=5))  # sealed with the extension's own key
    assert readable(runtime)[5] == "5"
    runtime.erase(library_id=UUID(int=0))
    assert readable(runtime) == ["erased", "1", "2", "3", "4", "5"]
    say(runtime, "new", UUID(int=6))
    assert library_keys(tmp_path) == 3
    runtime.erase(extension="notes")
    assert set(readable(runtime)) == {"erased"}
    assert library_keys(tmp_path) == 0
