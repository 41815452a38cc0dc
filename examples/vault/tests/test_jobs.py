"""Passwords that the host makes, breaches, audits: in plain Python, and with ``--perdure-sandbox`` in the sandbox."""

import hashlib
from typing import Any

from fake_vault import NOW, FakeVault
from vault.keeping import generate, rotate, share
from vault.reports import audit, breach_check

from perdure_sdk.testing import run_job

DAY = 86_400


def test_a_password_is_made_by_the_host() -> None:
    vault = FakeVault()
    result = run_job(generate, {"name": "router", "words": 6}, operations=vault.operations)
    assert (result.state["made"], result.state["entropy_bits"]) == (True, 66.0)
    assert result.calls[0].payload == {"name": "router", "recipe": {"type": "words", "count": 6, "separator": "-"}}
    assert run_job(generate, {"name": "router"}, operations=vault.operations).state["made"] is False


def test_old_ones_are_rotated_once() -> None:
    vault = FakeVault()
    for number in range(5):
        vault.put(f"n{number}", NOW - number * 100 * DAY, password="old")
    vault.credentials["token"] = {"type": "oauth2", "access_token": "t"}
    vault.stored_at["token"] = 0
    result = run_job(rotate, {"older_than_days": 150}, operations=vault.operations)
    assert result.state["rotated"] == ["n2", "n3", "n4"]
    again = run_job(rotate, {**result.state, "rotated": []}, operations=vault.operations)
    assert again.state["rotated"] == []
    assert [one["password"] for name, one in sorted(vault.credentials.items()) if name != "token"] == ["old"] * 2 + [
        "new"
    ] * 3


def test_only_some_are_rotated() -> None:
    vault = FakeVault()
    for name in ("a", "b", "c"):
        vault.put(name, password="old")
    assert run_job(rotate, {"only": ["b"]}, operations=vault.operations).state["rotated"] == ["b"]


def test_a_share_has_an_end_if_it_is_to_have_one() -> None:
    vault = FakeVault()
    vault.put("mail", password="p")
    for days, until in ((7, {"until": NOW + 7 * DAY}), (0, {})):
        result = run_job(share, {"name": "mail", "extension": "finance", "days": days}, operations=vault.operations)
        assert result.completed
        assert vault.shares[-1] == {"name": "mail", "with": "finance", **until}
    assert run_job(share, {"name": "none", "extension": "finance"}, operations=vault.operations).failed


def sha1(password: str) -> str:
    return hashlib.sha1(password.encode()).hexdigest().upper()


def breached_vault() -> FakeVault:
    vault = FakeVault()
    for name, password in (("a", "hunter2"), ("b", "never seen"), ("c|d", "hunter2"), ("empty", "")):
        vault.put(name, password=password)
    vault.credentials["key"] = {"type": "api_key", "key": "k"}
    vault.stored_at["key"] = 0
    padding = "0" * 35 + ":0\r\n"
    for password, times in (("hunter2", 17_043), ("never seen", 0)):
        lines = f"{sha1(password)[5:]}:{times}\r\n" if times else ""
        vault.breached[sha1(password)[:5]] = f"{padding}rubbish\r\n{lines}{padding}"
    return vault


def test_breaches_are_found_by_five_digits() -> None:
    vault = breached_vault()
    result = run_job(breach_check, operations=vault.operations)
    assert result.completed, result.error
    assert result.state["breached"] == {"a": 17_043, "c|d": 17_043}
    assert result.state["checked"] == 3
    assert [one["url"] for one in vault.asked] == [
        f"https://breaches.example/range/{sha1(password)[:5]}" for password in ("hunter2", "never seen", "hunter2")
    ]
    assert {one["headers"]["Add-Padding"] for one in vault.asked} == {"true"}
    (text,) = vault.entries.values()
    assert "3 passwords were checked, 2 are in known breaches." in text
    assert "| c\\|d | 17,043 |" in text
    said = f"{result.state} {result.warnings} {result.logs} {result.progress} {text} {vault.tables}"
    for secret in ("hunter2", "never seen", sha1("hunter2")[5:], sha1("hunter2")[:5]):
        assert secret not in said


def test_a_service_that_is_down_ends_the_check_where_it_was() -> None:
    vault = breached_vault()
    del vault.breached[sha1("never seen")[:5]]
    result = run_job(breach_check, operations=vault.operations)
    assert result.error is not None
    assert "status 503" in result.error.message
    assert result.checkpoints[-1]["after"] == "a"
    vault.breached[sha1("never seen")[:5]] = ""
    asked = len(vault.asked)
    assert run_job(breach_check, result.checkpoints[-1], operations=vault.operations).state["checked"] == 3
    assert len(vault.asked) == asked + 2


def record(position: int, **parts: Any) -> dict[str, Any]:
    return {
        "position": position,
        "time": (NOW - DAY) * 1_000_000 + position,
        "operation": "query:credentials.get",
        "name": "mail",
        "owner": "vault",
        "extension": "finance",
        "caller": "job",
        "reader": None,
        "job_id": None,
        "library_id": None,
        "outcome": "ok",
        **parts,
    }


def test_an_audit_is_a_table() -> None:
    vault = FakeVault()
    vault.records = [
        record(1),
        record(2, name="=cmd|x", outcome="permission_denied"),
        record(3, operation="action:credentials.share", reader="finance", extension=None, caller="cli"),
        record(4, time=0),
    ]
    result = run_job(audit, {"days": 7}, operations=vault.operations)
    assert (result.state["calls"], result.state["refused"]) == (3, 1)
    (text,) = vault.entries.values()
    assert "| 2025-12-31 00:00:00 | query:credentials.get | mail | finance | ok |  |" in text
    assert "=cmd\\|x" in text
    assert "| mail → finance | host (cli) | ok |" in text
    assert vault.tables[0].splitlines()[2].split(",")[2] == "'=cmd|x"
