"""`perdure pack`, `perdure keys publisher`, and packages in `perdure extensions`, within this process."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from tests.support.c_project import CProject
from tests.support.command_line import COUNTER, Answer, CommandLine, is_plain
from tests.support.packages import ACME, ASKS, OTHER, folder, package

from perdure.cli.publisher_key_file import VARIABLE
from perdure.runtime.packages.package_reader import check_package
from perdure.runtime.packages.publisher_key import read_key, write_key


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user who has no key yet; what is written without a name goes to a folder of the test's."""
    place = tmp_path / "home"
    (place / "work").mkdir(parents=True)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(place / "config"))
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.chdir(place / "work")
    return place


def own_key(home: Path) -> Path:
    return home / "config" / "perdure" / "publisher" / "publisher.key"


def refused(answer: Answer, code: int, says: str) -> None:
    assert answer.code == code, answer
    assert says in answer.err
    assert is_plain(answer.err)


def test_from_a_folder_to_a_host(perdure: CommandLine, home: Path) -> None:
    packed = perdure.done("pack", COUNTER)
    key = own_key(home)
    assert f"it lies in {key}; keep a copy in a safe place" in packed.err
    assert "a publisher's key was made for The perdure authors" in packed.err
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert packed.out.startswith("counter-1.0.0.perdure-ext: counter 1.0.0, 3 files, ")
    words = read_key(key).fingerprint
    assert packed.out.rstrip().endswith(f"signed by The perdure authors, {words}")
    assert not perdure.data.exists()
    shown = perdure.done("extensions", "inspect", "counter-1.0.0.perdure-ext").out
    for text in (f"signed by    The perdure authors, {words}", "counter.wasm, ", "README.md, ", "operations   none"):
        assert text in shown
    assert not perdure.data.exists()
    installed = perdure.done("extensions", "install", "counter-1.0.0.perdure-ext")
    assert f"versions of counter have to be signed by The perdure authors from now on: {words}" in installed.err
    assert f"publisher    The perdure authors, {words}, pinned " in installed.out
    ran = perdure.done("run", "counter-1.0.0.perdure-ext", "counter", "--state", '{"target": 3, "work": 0}', "--json")
    assert ran.json["status"] == "completed"
    history = perdure.done("log", "tail", "--stream", "extension:counter", "--no-follow").out
    assert f"The perdure authors, {words} (the first one), by cli:" in history


def test_the_same_folder_packed_twice(perdure: CommandLine) -> None:
    made = [perdure.done("pack", COUNTER, "-o", name, "--json").json for name in ("a.perdure-ext", "b.perdure-ext")]
    assert Path("a.perdure-ext").read_bytes() == Path("b.perdure-ext").read_bytes()
    assert made[0]["package"] == made[1]["package"] == check_package("a.perdure-ext").sha256
    assert (made[0]["file"], made[0]["extension"], made[0]["version"]) == ("a.perdure-ext", "counter", "1.0.0")
    assert perdure.done("extensions", "inspect", "a.perdure-ext", "--json").json == {
        name: value for name, value in made[0].items() if name != "file"
    }


def test_this_folder(perdure: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder(tmp_path, author="\u00c6ther"))
    assert "signed by \u00c6ther, " in perdure.done("pack").out
    assert Path("acme-1.0.0.perdure-ext").exists()


def test_a_project_is_built_first(perdure: CommandLine, tmp_path: Path) -> None:
    project = CProject(tmp_path / "project")
    (project.folder / "LICENSE").write_text("free")
    made = perdure.done("pack", project.folder, "--json").json
    assert made["file"] == str(project.folder / "dist" / "counter-0.1.0.perdure-ext")
    assert [file["path"] for file in made["files"]] == ["manifest.json", "counter.wasm", "LICENSE"]
    perdure.done("extensions", "install", made["file"])
    project.source.write_text("int nothing(")
    assert perdure("pack", project.folder, "-o", "broken.perdure-ext").code == 14
    assert not Path("broken.perdure-ext").exists()


def test_the_key_of_a_build_server(
    perdure: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    write_key(ACME, tmp_path / "secrets" / "key")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "secrets" / "key"))
    made = perdure.done("pack", COUNTER, "--json")
    assert made.json["signed_by"]["fingerprint"] == ACME.fingerprint
    write_key(OTHER, tmp_path / "other")
    made = perdure.done("pack", COUNTER, "--key", tmp_path / "other", "--json")
    assert made.json["signed_by"]["name"] == "Somebody else"
    assert not own_key(home).exists()
    for answer in (
        perdure("pack", COUNTER, "--key", tmp_path / "none"),
        perdure("keys", "publisher", "show", "--key", "x"),
    ):
        refused(answer, 2, "there is no publisher's key")
    assert not own_key(home).exists()


def test_the_life_of_a_key(perdure: CommandLine, home: Path) -> None:
    refused(perdure("keys", "publisher", "show"), 2, "perdure keys publisher new")
    refused(perdure("keys", "publisher", "rotate"), 2, "perdure keys publisher new")
    refused(perdure("keys", "publisher", "new", "--name", " "), 2, "is no publisher's name")
    made = perdure.done("keys", "publisher", "new", "--name", "Acme", "--json").json
    assert (made["name"], made["earlier"], made["file"]) == ("Acme", [], str(own_key(home)))
    refused(perdure("keys", "publisher", "new"), 2, "perdure keys publisher rotate")
    shown = perdure.done("keys", "publisher", "show").out
    assert made["fingerprint"] in shown
    assert made["key"] in shown
    perdure.done("keys", "publisher", "export", "-o", "acme.pem")
    assert Path("acme.pem").read_text().rstrip() == perdure.done("keys", "publisher", "export").out.rstrip()
    assert Path("acme.pem").read_text().startswith("-----BEGIN PUBLIC KEY-----")
    private = json.loads(own_key(home).read_text())["private"]
    rotated = perdure.done("keys", "publisher", "rotate", "--json")
    new = rotated.json
    assert (new["previous"], new["earlier"], new["name"]) == (made["fingerprint"], [made["key"]], "Acme")
    assert new["fingerprint"] != made["fingerprint"]
    for answer in (shown, rotated.out, perdure.done("keys", "publisher", "show", "--json").out):
        assert private not in answer
    own_key(home).chmod(0o644)
    refused(perdure("pack", COUNTER), 2, "chmod 600 it")


def test_doctor_knows_the_key(perdure: CommandLine, home: Path) -> None:
    assert perdure.done("doctor", "--json").json["publisher"] is None
    made = perdure.done("keys", "publisher", "new", "--name", "Acme", "--json").json
    assert perdure.done("doctor", "--json").json["publisher"] == made
    assert f"Acme, {made['fingerprint']}, in " in " ".join(perdure.done("doctor").out.split())
    own_key(home).chmod(0o640)
    answer = perdure.done("doctor", "--json").json
    assert "chmod 600 it" in next(one["text"] for one in answer["findings"] if one["name"] == "publisher's key")


def test_another_publisher(perdure: CommandLine, tmp_path: Path) -> None:
    perdure.done("extensions", "install", package(tmp_path))
    other = package(tmp_path, OTHER, "2.0.0")
    refused(perdure("extensions", "install", other), 15, f"--accept-publisher {OTHER.fingerprint}")
    refused(perdure("extensions", "install", other, "--yes"), 15, ACME.fingerprint)
    refused(perdure("run", other, "job2", "--yes"), 15, ACME.fingerprint)
    refused(perdure("extensions", "install", other, "--accept-publisher", "me"), 2, "is no publisher's fingerprint")
    refused(perdure("extensions", "install", folder(tmp_path, "2.0.0")), 15, "--unsigned")
    assert "not signed" in perdure.done("extensions", "install", folder(tmp_path, "2.0.0"), "--unsigned").out
    listed = perdure.done("extensions", "list", "--json").json[0]
    assert (listed["publisher"]["fingerprint"], listed["signed_by"]) == (ACME.fingerprint, None)
    header, line = perdure.done("extensions", "list").out.splitlines()
    assert header.split()[-2:] == ["publisher", "name"]
    assert " Acme " in line
    done = perdure.done("extensions", "install", other, "--accept-publisher", OTHER.fingerprint, "--json")
    assert done.json["signed_by"] == {
        "name": "Somebody else",
        "fingerprint": OTHER.fingerprint,
        "key": OTHER.public.hex(),
        "package": check_package(other).sha256,
    }
    assert done.json["publisher"]["key"] == OTHER.public.hex()


def test_a_publisher_is_forgotten_on_purpose(perdure: CommandLine, tmp_path: Path) -> None:
    perdure.done("extensions", "install", package(tmp_path))
    perdure.done("extensions", "remove", "acme")
    refused(perdure("extensions", "install", package(tmp_path, OTHER)), 15, ACME.fingerprint)
    assert perdure.done("extensions", "remove", "acme", "--forget-publisher").out == (
        "acme may be installed from any publisher\n"
    )
    refused(perdure("extensions", "remove", "acme", "--forget-publisher"), 7, "there is nothing to forget")
    refused(perdure("extensions", "remove", "nobody", "--forget-publisher"), 7, "not installed")
    perdure.done("extensions", "install", package(tmp_path, OTHER))
    perdure.done("extensions", "remove", "acme", "--forget-publisher")
    perdure.done("extensions", "install", package(tmp_path))


def test_consent_shows_the_fingerprint(perdure: CommandLine, tmp_path: Path) -> None:
    first = package(tmp_path, permissions=ASKS)
    says = f"acme 1.0.0 is signed by Acme, for the first time here; compare with what they publish: {ACME.fingerprint}"
    refused(perdure("extensions", "install", first), 11, says)
    assert perdure.done("extensions", "list", "--json").json == []
    assert says in perdure.done("extensions", "install", first, "--yes").err
    more = package(tmp_path, version="2.0.0", permissions={"methods": ["query:"]})
    refused(perdure("extensions", "install", more), 11, "waits")
    updated = perdure.done("extensions", "update", "acme", "--yes")
    assert f"acme 2.0.0 is signed by Acme ({ACME.fingerprint}), as before" in updated.err


def test_packages_that_are_none(perdure: CommandLine, tmp_path: Path) -> None:
    good = package(tmp_path).read_bytes()
    bad = tmp_path / "bad.perdure-ext"
    for data, says in ((good[:-1], "ends too early"), (good + b"\0", "something follows"), (b"", "is no package")):
        bad.write_bytes(data)
        refused(perdure("extensions", "install", bad), 3, says)
        refused(perdure("extensions", "inspect", bad), 3, says)
    refused(perdure("extensions", "inspect", tmp_path / "none.perdure-ext"), 3, "cannot be read")
    assert perdure.done("extensions", "list", "--json").json == []


def test_what_cannot_be_packed(perdure: CommandLine, tmp_path: Path, home: Path) -> None:
    source = folder(tmp_path)
    (source / "module.wasm").write_bytes(b"\0asm\1\0\0\0")
    assert perdure("pack", source).code == 3
    (source / "manifest.json").write_text("{}")
    assert perdure("pack", source).code == 3
    (tmp_path / "empty").mkdir()
    assert perdure("pack", tmp_path / "empty").code != 0
    assert not list(Path().glob("*.perdure-ext"))
    assert not own_key(home).exists()
    refused(perdure("pack", COUNTER, "-o", "nowhere/a.perdure-ext"), 8, "cannot be written")
