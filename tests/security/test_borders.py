"""What belongs to another extension, another library or another job cannot be reached, by no permission."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.support.attackers import Attack, Attacker
from tests.support.extension_folders import write_extension
from tests.support.runtime_wat import RuntimeWat
from tests.support.waiting import TIMEOUT

from perdure.runtime import Runtime, Status, grant_as_asked

OURS, THEIRS = UUID(int=1), UUID(int=2)
SECRET = "the-key-of-alice-and-of-nobody-else"

# What a name that leads out of a folder looks like, to one program or another.
TRAVERSALS = [
    "../secret",
    "..",
    ".",
    "/etc/passwd",
    "..\\secret",
    "a/../../secret",
    "C:\\secret",
    "a\0.txt",
    "\0",
    "....//secret",
    "..\u2215secret\u2028",
    "\u202egnp.exe",
    "a\nb",
    " ",
    "",
    "x" * 256,
    "~/secret/",
    "\\\\host\\share",
    "file:///etc/passwd",
    "secret\u200b",
]


def body(**fields: Any) -> str:
    return json.dumps(fields)


@pytest.fixture
def mallory(runtime: Runtime, tmp_path: Path, way: str) -> Attacker:
    """May do everything, in one library."""
    return Attacker(runtime, tmp_path, way, methods=["*"], libraries=[str(OURS)])


# --- another extension's credentials ---------------------------------------------------------------------------------


@pytest.fixture
def alice(runtime: Runtime, tmp_path: Path) -> str:
    """An extension with a credential, in the library where mallory works too."""
    wat = RuntimeWat()
    wat.job("nothing", "(i32.const 0)")
    folder = write_extension(tmp_path / "alice", wat.module(), extension="alice", permissions={"methods": ["*"]})
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "config_schema": {"type": "object"}}))
    runtime.install(folder, consent=grant_as_asked)
    credential = {"type": "api_key", "key": SECRET}
    request = {"name": "mail", "credential": credential}
    runtime.call("action:credentials.store", request, extension="alice", library_id=OURS)
    return "alice"


def test_another_extensions_credentials(runtime: Runtime, alice: str, mallory: Attacker) -> None:
    answers = mallory.attack(
        [
            Attack("query:credentials.get", body(name="mail")),
            Attack("query:credentials.get", body(name="mail", extension=alice)),
            Attack("query:credentials.get", body(name="alice/mail")),
            Attack("query:credentials.get", body(name="../alice/mail")),
            Attack("query:credentials.get", body(name="mail\0")),
            Attack("query:credentials.list", body(extension=alice)),
            Attack("query:credentials.list", body()),
            Attack("query:credentials.list", body(after="\0")),
            Attack("action:credentials.delete", body(name="mail", extension=alice)),
            Attack("action:credentials.delete", body(name="mail")),
            Attack("action:credentials.refresh", body(name="mail", extension=alice)),
            Attack(
                "action:credentials.store",
                body(name="mail", extension=alice, credential={"type": "api_key", "key": "mine"}),
            ),
        ],
        OURS,
    )
    said = json.dumps(answers)
    assert SECRET not in said
    assert [answers[number].get("code") for number in (1, 5, 8, 11)] == ["permission_denied"] * 4
    assert answers[6]["credentials"] == []
    got = runtime.call("query:credentials.get", {"name": "mail"}, extension=alice, library_id=OURS)
    assert got.credential.key == SECRET


def test_its_own_of_another_library(runtime: Runtime, tmp_path: Path, way: str) -> None:
    mallory = Attacker(runtime, tmp_path, way, methods=["*"], libraries=["*"])
    stored = Attack("action:credentials.store", body(name="mail", credential={"type": "api_key", "key": SECRET}))
    assert mallory.codes([stored], THEIRS) == [""]
    assert mallory.codes([Attack("query:credentials.get", body(name="mail"))], OURS) == ["not_found"]


# --- another library's entries ---------------------------------------------------------------------------------------


def test_another_librarys_entries(runtime: Runtime, mallory: Attacker) -> None:
    theirs = runtime.call("action:vdfs.create_entry", {"name": "diary", "text": SECRET}, library_id=THEIRS)
    sidecar = {"entry_id": theirs.id, "name": "notes", "text": SECRET}
    runtime.call("action:vdfs.write_sidecar", sidecar, library_id=THEIRS)
    ident = str(theirs.id)
    attacks: list[tuple[str, dict[str, Any]]] = [
        ("query:vdfs.get_entry", {"entry_id": ident}),
        ("query:vdfs.read_content", {"entry_id": ident, "text": True}),
        ("query:vdfs.read_sidecar", {"entry_id": ident, "name": "notes", "text": True}),
        ("query:vdfs.list_sidecars", {"entry_id": ident}),
        ("action:vdfs.update_metadata", {"entry_id": ident, "name": "mine"}),
        ("action:vdfs.write_sidecar", {"entry_id": ident, "name": "notes", "text": "mine"}),
        ("action:vdfs.delete_sidecar", {"entry_id": ident, "name": "notes"}),
        ("action:vdfs.delete_entry", {"entry_id": ident}),
        ("query:vdfs.list_entries", {}),
        ("query:vdfs.get_usage", {}),
    ]
    # In the library itself it is not allowed to be; from its own it does not find them.
    there = [Attack(method, body(**request), THEIRS) for method, request in attacks]
    assert mallory.codes(there, OURS) == ["library_denied"] * len(there)
    here = [Attack(method, body(**request)) for method, request in attacks]
    answers = mallory.attack(here, OURS)
    assert SECRET not in json.dumps(answers)
    assert answers[8]["entries"] == []
    read = runtime.call("query:vdfs.read_content", {"entry_id": theirs.id, "text": True}, library_id=THEIRS)
    kept = runtime.call(
        "query:vdfs.read_sidecar", {"entry_id": theirs.id, "name": "notes", "text": True}, library_id=THEIRS
    )
    assert (read.text, kept.text) == (SECRET, SECRET)
    assert runtime.call("query:vdfs.get_entry", {"entry_id": theirs.id}, library_id=THEIRS).name == "diary"


def test_what_only_the_host_may(runtime: Runtime, mallory: Attacker) -> None:
    attacks = [Attack("action:vdfs.set_quota", body(bytes=2**60)), Attack("action:vdfs.sweep", "{}")]
    assert mallory.codes(attacks, OURS) == ["permission_denied"] * 2


def test_a_cursor_of_another_library_or_of_nobody(runtime: Runtime, mallory: Attacker) -> None:
    for name in ("one", "two", "three"):
        runtime.call("action:vdfs.create_entry", {"name": name, "text": SECRET}, library_id=THEIRS)
    page = runtime.call("query:vdfs.list_entries", {"limit": 1}, library_id=THEIRS)
    assert page.next is not None
    cursors = [page.next, "", "../", "\0", "A" * 10_000, page.next[:-1], page.next + "A", "=" * 9]
    answers = mallory.attack([Attack("query:vdfs.list_entries", body(cursor=cursor)) for cursor in cursors], OURS)
    assert all(answer.get("code") or answer["entries"] == [] for answer in answers), answers


def test_traversal_in_the_names_of_sidecars_and_entries(runtime: Runtime, tmp_path: Path, mallory: Attacker) -> None:
    before = {path for path in tmp_path.rglob("*") if "data" not in path.parts}
    (entry,) = mallory.attack([Attack("action:vdfs.create_entry", body(name="innocent"))], OURS)
    attacks = []
    for name in TRAVERSALS:
        attacks.append(Attack("action:vdfs.write_sidecar", body(entry_id=entry["id"], name=name, text=SECRET)))
        attacks.append(Attack("query:vdfs.read_sidecar", body(entry_id=entry["id"], name=name)))
        attacks.append(Attack("action:vdfs.create_entry", body(name=name, text=SECRET)))
    codes = mallory.codes(attacks, OURS)
    wrong = [(attack, code) for attack, code in zip(attacks, codes, strict=True) if code != "invalid_payload"]
    assert wrong == []
    after = {path for path in tmp_path.rglob("*") if "data" not in path.parts}
    assert {path for path in after - before if "mallory" not in path.parts} == set()


def test_ids_that_are_none(mallory: Attacker) -> None:
    idents = ["", "1", "../x", str(uuid4())[:-1], f"{{{uuid4()}}}", f"urn:uuid:{uuid4()}", str(uuid4()) + "\0", 5, None]
    codes = mallory.codes([Attack("query:vdfs.get_entry", body(entry_id=ident)) for ident in idents], OURS)
    assert set(codes) <= {"invalid_payload", "not_found"}, codes
    assert mallory.codes([Attack("query:vdfs.get_entry", body(entry_id=str(uuid4())))], OURS) == ["not_found"]


# --- another job -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["checkpoint", "interrupt", "items", "warning"])
def test_another_jobs_id_ends_the_job_that_used_it(runtime: Runtime, tmp_path: Path, call: str) -> None:
    wat = RuntimeWat()
    wat.job("victim", f"(loop $on (br_if $on (i32.eqz {wat.call('job_check_interrupt', wat.job_id)}))) (i32.const 1)")
    runtime.install(write_extension(tmp_path / "alice", wat.module(), extension="alice"))
    victim = runtime.dispatch("alice:victim")
    other = RuntimeWat()
    stolen = other.data(victim.job_id.bytes)
    use = {
        "checkpoint": f"(drop {other.call('job_checkpoint', stolen, other.text('{}'))})",
        "interrupt": f"(drop {other.call('job_check_interrupt', stolen)})",
        "items": other.call("job_increment_items", stolen, "(i64.const 1000)"),
        "warning": other.call("job_add_warning", stolen, other.text("hello")),
    }[call]
    other.job("thief", f"{use} (i32.const 0)")
    runtime.install(write_extension(tmp_path / "mallory", other.module(), extension="mallory"))
    thief = runtime.dispatch("mallory:thief").wait(TIMEOUT)
    assert thief.status is Status.FAILED
    assert thief.error is not None
    assert (thief.error.kind, thief.error.data["argument"]) == ("abi_violation", "job_id_ptr")
    runtime.cancel(victim.job_id)
    ended = victim.wait(TIMEOUT)
    assert (ended.items, ended.warnings, ended.checkpoints) == (0, 0, 0)


def test_another_extensions_jobs(runtime: Runtime, mallory: Attacker, tmp_path: Path) -> None:
    wat = RuntimeWat()
    wat.job("victim", f"(loop $on (br_if $on (i32.eqz {wat.call('job_check_interrupt', wat.job_id)}))) (i32.const 1)")
    runtime.install(write_extension(tmp_path / "alice", wat.module(), extension="alice"))
    victim = runtime.dispatch("alice:victim", {"secret": SECRET}, library_id=OURS)
    ident = str(victim.job_id)
    attacks = [
        Attack("query:jobs.get", body(job_id=ident)),
        Attack("query:jobs.wait", body(job_id=ident, timeout_ms=0)),
        Attack("action:jobs.cancel", body(job_id=ident)),
        Attack("action:jobs.cancel", body(job_id=ident.upper())),
        Attack("query:jobs.get", body(job_id="0" * 36)),
        Attack("query:jobs.get", body(job_id=ident + "\0")),
        Attack("query:jobs.list", body()),
        Attack("query:jobs.list", body(parent=ident)),
        Attack("query:jobs.list", body(job_type="alice:victim")),
    ]
    answers = mallory.attack(attacks, OURS)
    assert SECRET not in json.dumps(answers)
    assert [answer.get("code") for answer in answers[:4]] == ["not_found"] * 4
    assert {answer.get("code") for answer in answers[4:6]} == {"invalid_payload"}
    listed = [job["job_id"] for answer in answers[6:] for job in answer.get("jobs", [])]
    assert ident not in listed
    assert answers[7].get("code") == "not_found"
    types = [
        "alice:victim",
        "ALICE:victim",
        "alice:victim\0",
        "mallory:../alice:victim",
        "mallory:alice:victim",
        ":victim",
    ]
    codes = mallory.codes([Attack("action:jobs.dispatch", body(job_type=one)) for one in types], OURS)
    assert set(codes) <= {"permission_denied", "not_found", "invalid_payload"}, codes
    assert [state.job_type for state in runtime.jobs(extension="alice").jobs] == ["alice:victim"]
    assert not victim.state.cancel_requested
    runtime.cancel(victim.job_id)
    victim.wait(TIMEOUT)


def test_another_extensions_settings(runtime: Runtime, alice: str, mallory: Attacker) -> None:
    attacks = [
        Attack("query:config.get", "{}"),
        Attack("query:config.get", body(extension=alice)),
        Attack("action:config.set", body(extension=alice, config={"a": 1})),
    ]
    runtime.call("action:config.set", {"extension": alice, "config": {"address": SECRET}}, library_id=OURS)
    answers = mallory.attack(attacks, OURS)
    assert SECRET not in json.dumps(answers)
    assert [answer.get("code") for answer in answers[1:]] == ["permission_denied"] * 2
