"""One extension reads another one's credential: only if that one, or the host, said so, and as long as it holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.runtime.credentials.test_credentials import (
    API_KEY,
    BASIC,
    OTHER_LIBRARY,
    delete,
    get,
    host_calls,
    refusal,
    store,
)
from tests.support.manual_clock import ManualClock
from tests.support.secret_calls import install_calls

from perdure.runtime import Runtime
from perdure.runtime.credentials import share_operations
from perdure.runtime.secrets.errors import KeyDestroyed
from perdure.runtime.secrets.sealing import open_recorded
from perdure.store.events import Sealed

SHARE, UNSHARE, SHARES = "action:credentials.share", "action:credentials.unshare", "query:credentials.shares"
GET, TOTP = "query:credentials.get", "query:credentials.totp"


def share(runtime: Runtime, name: str = "one", reader: str = "photos", **options: Any) -> bool:
    until = {"until": options.pop("until")} if "until" in options else {}
    options.setdefault("extension", "notes")
    return bool(runtime.call(SHARE, {"name": name, "with": reader, **until}, **options).changed)


def unshare(runtime: Runtime, name: str = "one", reader: str = "photos") -> bool:
    return bool(runtime.call(UNSHARE, {"name": name, "with": reader}, extension="notes").removed)


def read(runtime: Runtime, name: str = "one", owner: str = "notes", extension: str = "photos", **options: Any) -> Any:
    return runtime.call(GET, {"name": name, "owner": owner}, extension=extension, **options).credential


def shares(runtime: Runtime, extension: str, **request: Any) -> list[tuple[str, str, str]]:
    answer = runtime.call(SHARES, request, extension=extension)
    return [(one.owner, one.name, one.reader) for one in answer.shares]


def rows(runtime: Runtime) -> int:
    return sum(len(runtime.store.rows(table)) for table in (b"credential-shares\0", b"credential-readers\0"))


@pytest.fixture(autouse=True)
def stored(runtime: Runtime) -> None:
    store(runtime, "one", API_KEY)


def test_nothing_is_shared_that_nobody_shared(runtime: Runtime) -> None:
    said = set()
    for name in ("one", "none", "\x20"):
        for owner in ("notes", "nobody", "x" * 480, "a\0b"):
            with pytest.raises(Exception, match="does not share") as caught:
                read(runtime, name, owner)
            said.add(str(caught.value))
    assert len(said) == 1  # also not whether there is one


def test_what_is_shared_is_read_by_whom_it_is_shared_with(runtime: Runtime) -> None:
    assert share(runtime) is True
    assert share(runtime) is False
    assert read(runtime).key == API_KEY["key"]
    assert refusal(get, runtime, "one", extension="photos") == "not_found"
    assert get(runtime, "one") == API_KEY
    store(runtime, "one", BASIC)
    assert read(runtime).password == BASIC["password"]
    assert unshare(runtime) is True
    assert unshare(runtime) is False
    assert refusal(read, runtime) == "permission_denied"
    assert rows(runtime) == 0


def test_a_share_is_of_one_credential_in_one_library_for_one_reader(runtime: Runtime, tmp_path: Path) -> None:
    install_calls(runtime, tmp_path, extension="third")
    store(runtime, "two", API_KEY)
    store(runtime, "one", API_KEY, library_id=OTHER_LIBRARY)
    share(runtime)
    assert refusal(read, runtime, "two") == "permission_denied"
    assert refusal(read, runtime, library_id=OTHER_LIBRARY) == "permission_denied"
    assert refusal(read, runtime, extension="third") == "permission_denied"
    # It is for reading.
    for method in ("action:credentials.delete", "action:credentials.rotate", SHARE, UNSHARE):
        request = {"name": "one", "extension": "notes", **({"with": "third"} if "share" in method else {})}
        assert refusal(runtime.call, method, request, extension="photos") == "permission_denied"
    assert refusal(share, runtime, "one", "third", extension="photos") == "not_found"


def test_it_ends_with_its_time(runtime: Runtime, clock: ManualClock) -> None:
    now = clock.now() // 1_000_000
    share(runtime, until=now + 60)
    assert read(runtime).key == API_KEY["key"]
    clock.advance(59)
    assert read(runtime).key == API_KEY["key"]
    clock.advance(1)
    assert refusal(read, runtime) == "permission_denied"
    assert shares(runtime, "notes") == shares(runtime, "photos", direction="received") == []
    assert unshare(runtime) is False
    assert share(runtime, until=now + 120) is True
    assert read(runtime).key == API_KEY["key"]
    assert share(runtime) is True  # without an end
    clock.advance(10_000)
    assert read(runtime).key == API_KEY["key"]


def test_it_ends_with_the_credential_and_erases_what_was_read(runtime: Runtime) -> None:
    share(runtime)
    read(runtime)
    delete(runtime, "one")
    assert refusal(read, runtime) == "permission_denied"
    assert rows(runtime) == 0
    (answer,) = [call.answer for call in host_calls(runtime) if call.method == GET and not call.code]
    assert isinstance(answer, Sealed)
    with pytest.raises(KeyDestroyed):
        open_recorded(runtime.keychain, runtime.store.blobs, answer)
    store(runtime, "one", BASIC)
    assert refusal(read, runtime) == "permission_denied"


@pytest.mark.parametrize("gone", ["notes", "photos"])
def test_it_ends_when_either_is_uninstalled(runtime: Runtime, gone: str, tmp_path: Path) -> None:
    store(runtime, "theirs", API_KEY, extension="photos")
    share(runtime)
    share(runtime, "theirs", "notes", extension="photos")
    runtime.uninstall(gone)
    assert rows(runtime) == 0
    install_calls(runtime, tmp_path, extension=gone)
    assert refusal(read, runtime) == "permission_denied"
    assert refusal(read, runtime, "theirs", "photos", extension="notes") == "permission_denied"


def test_an_uninstall_that_was_broken_off_is_finished_by_the_next_open(tmp_path: Path) -> None:
    with Runtime.open(tmp_path / "other") as runtime:
        for extension in ("notes", "photos"):
            install_calls(runtime, tmp_path, extension=extension)
        store(runtime, "one", API_KEY)
        share(runtime)
        runtime._extensions.uninstall("photos")  # and no more of it
        assert rows(runtime) == 2
    with Runtime.open(tmp_path / "other") as runtime:
        assert rows(runtime) == 0


def test_who_shares_what_with_whom_is_listed(runtime: Runtime, tmp_path: Path) -> None:
    install_calls(runtime, tmp_path, extension="third")
    for number in range(3):
        store(runtime, f"n{number}", API_KEY)
        share(runtime, f"n{number}")
        share(runtime, f"n{number}", "third")
    expected = [("notes", f"n{number}", reader) for number in range(3) for reader in ("photos", "third")]
    assert shares(runtime, "notes") == expected
    assert shares(runtime, "photos", direction="received") == expected[::2]
    assert shares(runtime, "photos") == shares(runtime, "notes", direction="received") == []
    found, after = [], ""
    while after is not None:
        page = runtime.call(SHARES, {"limit": 2, "after": after}, extension="notes")
        found += [(one.owner, one.name, one.reader) for one in page.shares]
        after = page.next
    assert found == expected
    answer = runtime.call(SHARES, {"extension": "notes"})
    assert len(answer.shares) == 6
    assert refusal(runtime.call, SHARES, {"extension": "notes"}, extension="photos") == "permission_denied"
    assert refusal(runtime.call, SHARES, {}) == "invalid_payload"
    assert refusal(runtime.call, SHARES, {"after": "zz"}, extension="notes") == "invalid_payload"


def test_what_cannot_be_shared(
    runtime: Runtime, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert refusal(share, runtime, "none") == "not_found"
    assert refusal(share, runtime, "one", "nobody") == "not_found"
    assert refusal(share, runtime, "one", "notes") == "invalid_payload"
    assert refusal(share, runtime, "one", "x" * 200 + "\0") == "invalid_payload"
    assert refusal(share, runtime, until=clock.now() // 1_000_000) == "invalid_payload"
    monkeypatch.setattr(share_operations, "MAX_READERS", 1)
    install_calls(runtime, tmp_path, extension="third")
    share(runtime)
    assert refusal(share, runtime, "one", "third") == "failed"


def test_the_host_shares_and_reads_for_anybody(runtime: Runtime) -> None:
    request = {"name": "one", "with": "photos", "extension": "notes"}
    assert runtime.call(SHARE, request).changed
    assert read(runtime).key == API_KEY["key"]
    assert runtime.call(GET, {"name": "one", "owner": "notes"}).credential.key == API_KEY["key"]
    assert runtime.call(UNSHARE, request).removed
    assert refusal(runtime.call, "action:credentials.end_shares", {"extension": "notes"}, extension="notes") == (
        "permission_denied"
    )


def test_codes_are_shared_with_the_credential(runtime: Runtime) -> None:
    store(runtime, "login", {"type": "login", "totp": "GEZDGNBVGY3TQOJQ"})
    request = {"name": "login", "owner": "notes"}
    assert refusal(runtime.call, TOTP, request, extension="photos") == "permission_denied"
    share(runtime, "login")
    assert (
        runtime.call(TOTP, request, extension="photos").code
        == runtime.call(TOTP, {"name": "login"}, extension="notes").code
    )


def test_names_that_meet_do_not_mix(runtime: Runtime) -> None:
    """A share of ``one`` is none of ``one two`` or of a library with a name that begins alike."""
    for name in ("on", "one ", "one two"):
        store(runtime, name, API_KEY)
    share(runtime)
    for name in ("on", "one ", "one two"):
        assert refusal(read, runtime, name) == "permission_denied"
    assert refusal(read, runtime, library_id=UUID(int=1)) == "permission_denied"


def test_while_they_are_locked_nothing_is_made_or_read_but_who_may_is_still_said(runtime: Runtime) -> None:
    store(runtime, "login", {"type": "login", "totp": "GEZDGNBVGY3TQOJQ"})
    runtime.call("action:credentials.rotate", {"name": "login"}, extension="notes")  # so that there is a history
    share(runtime, "login")
    runtime.call("action:credentials.set_passphrase", {"extension": "notes", "passphrase": "correct horse battery"})
    runtime.call("action:credentials.lock", {"extension": "notes"})
    for method, request in (
        (GET, {"name": "login"}),
        (TOTP, {"name": "login"}),
        ("action:credentials.rotate", {"name": "login"}),
        ("action:credentials.generate", {"name": "new"}),
    ):
        assert refusal(runtime.call, method, request, extension="notes") == "unavailable", method
    assert refusal(read, runtime, "login") == "unavailable"
    assert refusal(runtime.call, TOTP, {"name": "login", "owner": "notes"}, extension="photos") == "unavailable"
    assert refusal(runtime.call, "query:credentials.history", {"name": "login", "extension": "notes"}) == "unavailable"
    assert refusal(read, runtime, "one") == "permission_denied"
    assert shares(runtime, "notes") == [("notes", "login", "photos")]
    assert unshare(runtime, "login") is True
    runtime.call("action:credentials.unlock", {"extension": "notes", "passphrase": "correct horse battery"})
    assert get(runtime, "login")["type"] == "login"
    assert refusal(get, runtime, "new") == "not_found"
