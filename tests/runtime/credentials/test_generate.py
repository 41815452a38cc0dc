"""Passwords that the host makes, rotates and remembers, and the codes of a login: no guest sees what it need not."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.credentials.test_credentials import API_KEY, OAUTH, delete, get, host_calls, names, refusal, store
from tests.support.manual_clock import ManualClock
from tests.support.secret_calls import install_calls

from perdure.runtime import Runtime
from perdure.runtime.credentials import capacity
from perdure.runtime.secrets.errors import KeyDestroyed
from perdure.runtime.secrets.sealing import open_recorded
from perdure.store.events import RowWrite, Sealed

GENERATE, ROTATE = "action:credentials.generate", "action:credentials.rotate"
HISTORY, TOTP = "query:credentials.history", "query:credentials.totp"
SEED = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # of RFC 6238
LOGIN = {
    "type": "login",
    "username": "ann",
    "password": "p-456",
    "urls": ["https://example.com"],
    "notes": "n-789",
    "totp": SEED,
    "fields": {"PIN": "1234"},
}


def generate(runtime: Runtime, name: str, **request: Any) -> Any:
    return runtime.call(GENERATE, {"name": name, **request}, extension="notes")


def rotate(runtime: Runtime, name: str, **request: Any) -> Any:
    return runtime.call(ROTATE, {"name": name, **request}, extension="notes")


def earlier(runtime: Runtime, name: str) -> list[Any]:
    answer = runtime.call(HISTORY, {"name": name, "extension": "notes"})
    return [getattr(one.credential, "password", None) or one.credential.key for one in answer.earlier]


def test_a_password_is_made_and_stored(runtime: Runtime) -> None:
    made = generate(runtime, "one", username="ann", urls=["https://example.com"], recipe={"type": "words", "count": 5})
    assert (made.generated, made.entropy_bits) == (True, 55)
    got = get(runtime, "one")
    assert (got["type"], got["username"], got["urls"]) == ("login", "ann", ["https://example.com"])
    assert got["password"].count("-") == 4
    assert generate(runtime, "two").entropy_bits > 120
    assert len(get(runtime, "two")["password"]) == 20


@pytest.mark.parametrize(("kind", "field"), [("api_key", "key"), ("basic", "password")])
def test_other_types(runtime: Runtime, kind: str, field: str) -> None:
    generate(runtime, "one", type=kind, recipe={"type": "characters", "length": 40, "classes": ["digits"]})
    assert get(runtime, "one")[field].isdigit()
    assert refusal(generate, runtime, "two", type=kind, urls=["https://example.com"]) == "invalid_payload"
    assert names(runtime) == ["one"]


def test_one_that_is_there_stays(runtime: Runtime) -> None:
    store(runtime, "one", API_KEY)
    made = generate(runtime, "one")
    assert (made.generated, made.entropy_bits) == (False, None)
    assert get(runtime, "one") == API_KEY


@pytest.mark.parametrize(
    "recipe",
    [
        {"type": "characters", "length": 7},
        {"type": "characters", "length": 129},
        {"type": "characters", "classes": []},
        {"type": "characters", "classes": ["emoji"]},
        {"type": "characters", "alphabet": "aa"},
        {"type": "words", "count": 3},
        {"type": "words", "separator": "\n"},
        {"type": "dice"},
        {"length": 20},
    ],
)
def test_recipes_that_are_none(runtime: Runtime, recipe: Any) -> None:
    assert refusal(generate, runtime, "one", recipe=recipe) == "invalid_payload"
    assert names(runtime) == []
    assert runtime.keychain.credential_keys() == []


def test_an_extension_may_have_so_many(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "MAX_CREDENTIALS", 2)
    generate(runtime, "one")
    store(runtime, "two", API_KEY)
    assert refusal(generate, runtime, "three") == "failed"
    delete(runtime, "two")
    assert generate(runtime, "three").generated


def test_those_of_a_folder_without_a_count_are_counted(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        store(runtime, name, API_KEY)
    forget_count(runtime)
    monkeypatch.setattr(capacity, "MAX_CREDENTIALS", 3)
    generate(runtime, "three")
    assert refusal(generate, runtime, "four") == "failed"


def forget_count(runtime: Runtime) -> None:
    # As a release before the count left it: an outcome whose effect deletes the row.
    call = host_calls(runtime)[0]
    row = runtime.store.rows(b"credential-count\0")[0].key
    runtime._system.append("calls", [type(call)(**{**_fields(call), "writes": (RowWrite(row, None),)})])
    assert runtime.store.rows(b"credential-count\0") == []


def _fields(event: Any) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__struct_fields__}


def test_a_rotation_keeps_all_else_and_the_last_five(runtime: Runtime, clock: ManualClock) -> None:
    store(runtime, "one", LOGIN)
    passwords = ["p-456"]
    for number in range(1, 8):
        clock.advance(60)
        answer = rotate(runtime, "one")
        assert answer.kept == min(number, 5)
        got = get(runtime, "one")
        assert {**got, "password": ""} == {**LOGIN, "password": ""}
        passwords.append(got["password"])
    assert len(set(passwords)) == 8
    assert earlier(runtime, "one") == passwords[-2:1:-1]
    found = runtime.call(HISTORY, {"name": "one", "extension": "notes"}).earlier
    assert [one.replaced_at for one in found] == [clock.now() // 1_000_000 - 60 * n for n in range(5)]


def test_a_rotation_goes_by_the_recipe_of_the_last_time(runtime: Runtime) -> None:
    generate(runtime, "one", type="api_key", recipe={"type": "characters", "length": 30, "classes": ["digits"]})
    assert rotate(runtime, "one").entropy_bits == pytest.approx(30 * math.log2(10))
    assert rotate(runtime, "one", recipe={"type": "words", "count": 4}).entropy_bits == 44
    assert rotate(runtime, "one").entropy_bits == 44
    assert get(runtime, "one")["key"].count("-") == 3


def test_what_cannot_be_rotated(runtime: Runtime) -> None:
    store(runtime, "token", OAUTH)
    assert refusal(rotate, runtime, "token") == "failed"
    assert refusal(rotate, runtime, "none") == "not_found"
    assert get(runtime, "token") == OAUTH


def test_the_history_is_for_the_host_only(runtime: Runtime) -> None:
    store(runtime, "one", LOGIN)
    rotate(runtime, "one")
    assert refusal(runtime.call, HISTORY, {"name": "one"}, extension="notes") == "permission_denied"


def test_deleting_erases_the_earlier_ones_too(runtime: Runtime) -> None:
    store(runtime, "one", LOGIN)
    rotate(runtime, "one")
    runtime.call(HISTORY, {"name": "one", "extension": "notes"})
    delete(runtime, "one")
    assert runtime.store.rows(b"credential-earlier\0") == []
    assert refusal(runtime.call, HISTORY, {"name": "one", "extension": "notes"}) == "not_found"
    sealed = [side for call in host_calls(runtime) for side in (call.payload, call.answer) if isinstance(side, Sealed)]
    assert len(sealed) == 2
    for side in sealed:
        with pytest.raises(KeyDestroyed):
            open_recorded(runtime.keychain, runtime.store.blobs, side)
    store(runtime, "one", API_KEY)
    assert earlier(runtime, "one") == []


def test_they_are_there_after_a_restart(tmp_path: Path) -> None:
    with Runtime.open(tmp_path / "data") as runtime:
        install_calls(runtime, tmp_path)
        generate(runtime, "one")
        first = get(runtime, "one")["password"]
        rotate(runtime, "one")
    with Runtime.open(tmp_path / "data") as runtime:
        assert earlier(runtime, "one") == [first]


# --- codes ------------------------------------------------------------------------------------------------------------


def totp(runtime: Runtime, name: str, **options: Any) -> Any:
    return runtime.call(TOTP, {"name": name}, extension="notes", **options)


@pytest.mark.parametrize(
    ("seed", "at", "code", "left"),
    [
        (SEED, 59, "287082", 1000),
        (f"otpauth://totp/x?secret={SEED}&digits=8", 1111111111, "14050471", 29_000),
        (f"otpauth://totp/x?secret={SEED}&digits=8&period=60", 59, "84755224", 1000),
    ],
)
def test_a_code_of_the_moment(tmp_path: Path, seed: str, at: int, code: str, left: int) -> None:
    clock = ManualClock(at * 1_000_000)
    with Runtime.in_memory(clock=clock) as runtime:
        install_calls(runtime, tmp_path)
        store(runtime, "one", {**LOGIN, "totp": seed})
        answer = totp(runtime, "one")
        assert (answer.code, answer.valid_for_ms, answer.digits) == (code, left, len(code))
        assert code not in repr(answer)
        clock.advance(left / 1000)
        assert totp(runtime, "one").code != code


def test_logins_without_codes(runtime: Runtime) -> None:
    store(runtime, "key", API_KEY)
    store(runtime, "none", {"type": "login"})
    store(runtime, "bad", {**LOGIN, "totp": "s3cret!"})
    assert [refusal(totp, runtime, name) for name in ("key", "none", "bad", "not there")] == ["failed"] * 3 + [
        "not_found"
    ]


def test_a_login_is_recorded_without_anything_of_it(runtime: Runtime) -> None:
    store(runtime, "one", LOGIN)
    get(runtime, "one")
    totp(runtime, "one")
    shown = b"".join(
        side.shown for call in host_calls(runtime) for side in (call.payload, call.answer) if isinstance(side, Sealed)
    )
    assert not [
        word for word in (b"ann", b"p-456", b"example", b"n-789", b"PIN", b"1234", SEED.encode()) if word in shown
    ]
