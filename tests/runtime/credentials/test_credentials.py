"""Credentials: stored, got, listed, deleted; an extension sees its own, in one library, and nobody else's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from tests.support.manual_clock import ManualClock
from tests.support.secret_calls import calls_of, install_calls, run_calls

from perdure.runtime import Runtime, RuntimeSettings
from perdure.runtime.credentials import capacity
from perdure.runtime.errors import OperationError
from perdure.runtime.secrets.errors import KeyDestroyed, KeyMissing
from perdure.runtime.secrets.keychain import Keychain
from perdure.runtime.secrets.sealing import open_recorded
from perdure.store.events import CALLS_STREAM, HostActionAnswered, HostQueryAnswered, RowWrite, Sealed

STORE, GET, LIST, DELETE = (
    "action:credentials.store",
    "query:credentials.get",
    "query:credentials.list",
    "action:credentials.delete",
)
API_KEY = {"type": "api_key", "key": "k-123"}
BASIC = {"type": "basic", "username": "ann", "password": "p-456"}
OAUTH = {"type": "oauth2", "access_token": "a-789", "refresh_token": "r-012", "scopes": ["read"]}
OTHER_LIBRARY = UUID(int=7)


def plain(credential: Any) -> dict[str, Any]:
    """A credential's fields that are not their default."""
    fields = msgspec.json.decode(msgspec.json.encode(credential))
    return {name: value for name, value in fields.items() if value not in (None, (), []) and name != "client_auth"}


def store(runtime: Runtime, name: str, credential: dict[str, Any], **options: Any) -> bool:
    options.setdefault("extension", "notes")
    answer = runtime.call(STORE, {"name": name, "credential": credential}, **options)
    return bool(answer.replaced)


def get(runtime: Runtime, name: str, **options: Any) -> dict[str, Any]:
    options.setdefault("extension", "notes")
    return plain(runtime.call(GET, {"name": name}, **options).credential)


def delete(runtime: Runtime, name: str, **options: Any) -> bool:
    options.setdefault("extension", "notes")
    return bool(runtime.call(DELETE, {"name": name}, **options).deleted)


def names(runtime: Runtime, **options: Any) -> list[str]:
    options.setdefault("extension", "notes")
    return [one.name for one in runtime.call(LIST, {}, **options).credentials]


def refusal(call: Any, *args: Any, **options: Any) -> str:
    with pytest.raises(OperationError) as caught:
        call(*args, **options)
    return caught.value.code


@pytest.mark.parametrize("credential", [API_KEY, BASIC, OAUTH])
def test_what_is_stored_is_got(runtime: Runtime, credential: dict[str, Any]) -> None:
    assert store(runtime, "one", credential) is False
    assert get(runtime, "one") == credential
    assert store(runtime, "one", API_KEY) is True
    assert get(runtime, "one") == API_KEY
    assert delete(runtime, "one") is True
    assert delete(runtime, "one") is False
    assert refusal(get, runtime, "one") == "not_found"
    assert store(runtime, "one", credential) is False
    assert get(runtime, "one") == credential


def test_they_are_there_after_a_restart(tmp_path: Path) -> None:
    with Runtime.open(tmp_path / "data") as runtime:
        install_calls(runtime, tmp_path)
        store(runtime, "one", OAUTH)
    with Runtime.open(tmp_path / "data") as runtime:
        assert get(runtime, "one") == OAUTH
        assert names(runtime) == ["one"]


def test_a_list_is_in_pages_and_opens_nothing(runtime: Runtime, clock: ManualClock) -> None:
    for number in range(7):
        store(runtime, f"n{number}", OAUTH | {"expires_at": 5_000_000_000 + number})
    page = runtime.call(LIST, {"limit": 3}, extension="notes")
    found = page.credentials
    while page.next is not None:
        page = runtime.call(LIST, {"limit": 3, "after": page.next}, extension="notes")
        found += page.credentials
    assert [(one.name, one.type, one.expires_at) for one in found] == [
        (f"n{number}", "oauth2", 5_000_000_000 + number) for number in range(7)
    ]
    assert {one.stored_at for one in found} == {clock.now() // 1_000_000}


def test_an_extension_sees_its_own(runtime: Runtime) -> None:
    store(runtime, "one", API_KEY)
    store(runtime, "one", BASIC, extension="photos")
    store(runtime, "other", BASIC, library_id=OTHER_LIBRARY)
    assert get(runtime, "one") == API_KEY
    assert get(runtime, "one", extension="photos") == BASIC
    assert names(runtime) == ["one"]
    assert names(runtime, library_id=OTHER_LIBRARY) == ["other"]
    assert refusal(get, runtime, "other") == "not_found"
    assert refusal(get, runtime, "one", library_id=OTHER_LIBRARY) == "not_found"
    assert refusal(get, runtime, "other", extension="photos") == "not_found"
    assert delete(runtime, "other", extension="photos") is False
    assert delete(runtime, "one", extension="photos") is True
    assert get(runtime, "one") == API_KEY


@pytest.mark.parametrize(
    ("method", "more"),
    [(STORE, {"credential": API_KEY}), (GET, {}), (DELETE, {}), (LIST, None), ("action:credentials.refresh", {})],
)
def test_an_extension_cannot_name_another(runtime: Runtime, method: str, more: dict[str, Any] | None) -> None:
    store(runtime, "one", BASIC, extension="photos")
    request = {"extension": "photos", **({"name": "one", **more} if more is not None else {})}
    assert refusal(runtime.call, method, request, extension="notes") == "permission_denied"
    assert get(runtime, "one", extension="photos") == BASIC


def test_the_host_says_whose_it_means(runtime: Runtime) -> None:
    request = {"name": "one", "credential": API_KEY}
    assert refusal(runtime.call, STORE, request) == "invalid_payload"
    runtime.call(STORE, {**request, "extension": "notes"})
    assert get(runtime, "one") == API_KEY
    assert plain(runtime.call(GET, {"name": "one", "extension": "notes"}).credential) == API_KEY
    assert runtime.call(DELETE, {"name": "one", "extension": "notes"}).deleted


@pytest.mark.parametrize("name", ["", "a\0b", "a\nb", "a\n", "\x7f", "x" * 101, 5, None, ["one"]])
def test_names_that_cannot_be(runtime: Runtime, name: Any) -> None:
    assert refusal(store, runtime, name, API_KEY) == "invalid_payload"
    assert names(runtime) == []


def test_what_is_too_long_for_a_row(runtime: Runtime) -> None:
    request = {"name": "𝄞" * 100, "credential": API_KEY, "extension": "x" * 200}
    assert refusal(runtime.call, STORE, request) == "invalid_payload"
    for extension in ("x" * 500, "a\0b"):
        assert refusal(runtime.call, LIST, {"extension": extension}) == "invalid_payload"


@pytest.mark.parametrize("name", ["ünï", "a/../b", "x" * 100, " ", "a'b", "../master"])
def test_names_that_can_be(runtime: Runtime, name: str) -> None:
    store(runtime, name, API_KEY)
    assert names(runtime) == [name]
    assert get(runtime, name) == API_KEY


@pytest.mark.parametrize(
    "credential",
    [
        {},
        {"type": "none"},
        {"type": "api_key"},
        {"type": "api_key", "key": ""},
        {"type": "api_key", "key": "s3cret", "kye": "s3cret"},
        {"type": "oauth2", "access_token": "s3cret", "expires_at": "s3cret"},
        {"type": "oauth2", "access_token": "s3cret", "token_url": "ftp://s3cret"},
        {"type": "oauth2", "access_token": "s3cret", "token_url": "https://s3cret:s3cret@example.com"},
        {"type": "basic", "username": "s3cret"},
        {"type": "s3cret"},
        {"type": "api_key", "key": ["s3cret"]},
    ],
)
def test_what_is_no_credential_is_refused_without_repeating_it(runtime: Runtime, credential: dict[str, Any]) -> None:
    with pytest.raises(OperationError) as caught:
        store(runtime, "one", credential)
    assert caught.value.code == "invalid_payload"
    assert "s3cret" not in str(caught.value)
    assert names(runtime) == []


def test_an_extension_may_have_so_many(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "MAX_CREDENTIALS", 3)
    for number in range(3):
        store(runtime, f"n{number}", API_KEY, library_id=UUID(int=number))
    assert refusal(store, runtime, "more", API_KEY) == "failed"
    store(runtime, "n0", BASIC)  # one that is there
    store(runtime, "more", API_KEY, extension="photos")
    delete(runtime, "n0")
    store(runtime, "more", API_KEY)


# --- what the log keeps -----------------------------------------------------------------------------------------------


def host_calls(runtime: Runtime) -> list[HostActionAnswered | HostQueryAnswered]:
    found = [stored.event for stored in runtime.store.read(CALLS_STREAM)]
    return [event for event in found if isinstance(event, HostActionAnswered | HostQueryAnswered)]


def test_calls_of_a_guest_are_kept_sealed_and_can_be_opened_bit_by_bit(runtime: Runtime, tmp_path: Path) -> None:
    payload = b'{ "name":"one",  "credential":{"key":"k-\\u00e9","type":"api_key"}}'
    install_calls(runtime, tmp_path, (STORE, payload), (GET, b'{"name": "one"}'))
    stored, got = calls_of(run_calls(runtime))
    assert isinstance(stored.payload, Sealed)
    assert json.loads(stored.payload.shown) == {
        "name": "one",
        "credential": {"type": "api_key", "key": "[sensitive]"},
    }
    assert open_recorded(runtime.keychain, runtime.store.blobs, stored.payload) == payload
    assert isinstance(got.answer, Sealed)
    answer = open_recorded(runtime.keychain, runtime.store.blobs, got.answer)
    assert json.loads(answer) == {"credential": {"type": "api_key", "key": "k-é"}}
    assert stored.payload.key == got.answer.key


def test_deleting_erases_what_the_log_keeps_and_not_that_it_was(runtime: Runtime, tmp_path: Path) -> None:
    store(runtime, "kept", BASIC)
    store(runtime, "one", API_KEY)
    get(runtime, "one")
    store(runtime, "one", OAUTH)
    copies = {path.name: path.read_bytes() for path in (tmp_path / "data" / "keys").iterdir()}
    delete(runtime, "one")
    calls = host_calls(runtime)
    assert [(call.method, call.extension, call.code) for call in calls] == [
        (STORE, "notes", ""),
        (STORE, "notes", ""),
        (GET, "notes", ""),
        (STORE, "notes", ""),
        (DELETE, "notes", ""),
    ]
    sealed = [side for call in calls for side in (call.payload, call.answer) if isinstance(side, Sealed)]
    assert len(sealed) == 4
    assert [json.loads(side.shown).get("name") for side in sealed] == ["kept", "one", None, "one"]
    # With all keys of the folder there are, the master key among them.
    left = Keychain.of_folder(tmp_path / "data")
    for keychain in (runtime.keychain, left):
        blobs = runtime.store.blobs
        assert json.loads(open_recorded(keychain, blobs, sealed[0]))["credential"] == BASIC
        for side in sealed[1:]:
            with pytest.raises(KeyDestroyed):
                open_recorded(keychain, blobs, side)
    # And with the log alone, where nothing says that the key was destroyed.
    (tmp_path / "data" / "keys" / "destroyed").unlink()
    for side in sealed[1:]:
        with pytest.raises(KeyMissing):
            open_recorded(Keychain.of_folder(tmp_path / "data"), runtime.store.blobs, side)
    assert f"credential-{sealed[1].key}" in copies  # it was there


def test_a_credential_that_is_stored_again_keeps_its_history(runtime: Runtime) -> None:
    store(runtime, "one", API_KEY)
    store(runtime, "one", BASIC)
    first, second = (call.payload for call in host_calls(runtime))
    assert isinstance(first, Sealed)
    assert isinstance(second, Sealed)
    assert first.key == second.key
    opened = open_recorded(runtime.keychain, runtime.store.blobs, first)
    assert json.loads(opened)["credential"] == API_KEY


def test_rows_cannot_be_exchanged(runtime: Runtime, tmp_path: Path) -> None:
    store(runtime, "one", API_KEY)
    store(runtime, "two", BASIC)
    one, two = runtime.store.rows(b"credentials\0")
    runtime.store.append_batch([], riders=[RowWrite(two.key, one.value)])
    assert get(runtime, "one") == API_KEY
    assert refusal(get, runtime, "two") == "unavailable"


def test_without_the_master_key_calls_are_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Runtime.open(data) as runtime:
        install_calls(runtime, tmp_path)
        store(runtime, "one", API_KEY)
    master = (data / "keys" / "master").read_bytes()
    (data / "keys" / "master").unlink()
    with Runtime.open(data) as runtime:
        assert refusal(get, runtime, "one") == "unavailable"
        assert refusal(store, runtime, "two", BASIC) == "unavailable"
        assert names(runtime) == ["one"]
    (data / "keys" / "master").write_bytes(master)
    (data / "keys" / "master").chmod(0o600)
    with Runtime.open(data) as runtime:
        assert get(runtime, "one") == API_KEY


def test_a_master_key_can_be_exchanged_while_jobs_run(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Runtime.open(data) as runtime:
        install_calls(runtime, tmp_path)
        store(runtime, "one", API_KEY)
        runtime.rotate_master_key()
        assert get(runtime, "one") == API_KEY
        store(runtime, "two", BASIC)
        runtime.rotate_master_key(b"k" * 32)

    with Runtime.open(data, settings=RuntimeSettings(master_key=b"k" * 32)) as runtime:
        assert get(runtime, "one") == API_KEY
        assert get(runtime, "two") == BASIC
    with Runtime.open(data) as runtime:
        assert refusal(get, runtime, "one") == "unavailable"
