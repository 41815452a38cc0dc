"""Who may publish versions of an extension: the first publisher, those whom it endorses, and whom a person accepts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.backup_process import check_folder
from tests.support.job_events import Ticks
from tests.support.packages import ACME, ASKS, OTHER, folder, one_job, package
from tests.support.waiting import TIMEOUT

from perdure.runtime import (
    ConsentDeclined,
    ConsentRequest,
    ConsentRequired,
    Grant,
    InvalidFingerprint,
    NotPinned,
    PublisherChanged,
    PublisherNotAccepted,
    Runtime,
    SignatureMissing,
    Status,
    UnknownExtension,
    grant_as_asked,
)
from perdure.runtime.packages.fingerprint import fingerprint
from perdure.runtime.packages.pinning import Trust
from perdure.runtime.packages.publisher_key import PublisherKey, rotated
from perdure.store import check
from perdure.store.backups.restore import restore_backup
from perdure.store.events import extension_stream, tag_of

ACME_WORDS, OTHER_WORDS = ACME.fingerprint, OTHER.fingerprint
NEW = rotated(ACME, "Acme International")


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    with Runtime.open(tmp_path / "data") as runtime:
        yield runtime


def tags(runtime: Runtime) -> list[str]:
    return [tag_of(stored.event) for stored in runtime.store.read(extension_stream("acme"))]


def pinned(runtime: Runtime) -> bytes | None:
    publisher = runtime.inspect("acme").publisher
    return publisher.key if publisher is not None else None


def test_the_first_package_pins_its_publisher(runtime: Runtime, tmp_path: Path) -> None:
    info = runtime.install(package(tmp_path), by="somebody")
    assert info.publisher is not None
    assert info.provenance is not None
    assert (info.publisher.key, info.publisher.name, info.publisher.by) == (ACME.public, "Acme", "somebody")
    assert (info.provenance.key, info.provenance.package) == (ACME.public, info.publisher.package)
    assert tags(runtime) == ["installed", "provenance", "publisher-pinned", "loaded"]
    assert runtime.dispatch("acme:job1").wait(TIMEOUT).status is Status.COMPLETED


def test_the_same_publisher_goes_on(runtime: Runtime, tmp_path: Path) -> None:
    first = runtime.install(package(tmp_path)).publisher
    info = runtime.install(package(tmp_path, version="2.0.0"))
    assert (info.version, info.publisher) == ("2.0.0", first)
    before = tags(runtime)
    assert before.count("publisher-pinned") == 1
    assert before.count("provenance") == 2
    runtime.install(package(tmp_path, version="2.0.0"))
    assert tags(runtime) == before


def test_another_publisher_is_refused(runtime: Runtime, tmp_path: Path) -> None:
    runtime.install(package(tmp_path))
    before = tags(runtime)
    for version in ("1.0.0", "2.0.0"):
        with pytest.raises(PublisherChanged) as caught:
            runtime.install(package(tmp_path, OTHER, version), consent=grant_as_asked)
        assert (caught.value.pinned, caught.value.found) == (ACME_WORDS, OTHER_WORDS)
        assert ACME_WORDS in str(caught.value)
        assert f"--accept-publisher {OTHER_WORDS}" in str(caught.value)
    assert (tags(runtime), pinned(runtime)) == (before, ACME.public)
    assert not check(runtime.store).problems


def test_another_publisher_with_the_same_name_is_another(runtime: Runtime, tmp_path: Path) -> None:
    runtime.install(package(tmp_path))
    with pytest.raises(PublisherChanged):
        runtime.install(package(tmp_path, PublisherKey("Acme", bytes(32)), "2.0.0"))


def test_another_publisher_is_accepted_on_purpose(runtime: Runtime, tmp_path: Path) -> None:
    runtime.install(package(tmp_path))
    for wrong in (ACME_WORDS, "ab" * 32):
        with pytest.raises(PublisherNotAccepted) as caught:
            runtime.install(package(tmp_path, OTHER, "2.0.0"), accept_publisher=wrong)
        assert (caught.value.wanted, caught.value.found) == (wrong, OTHER_WORDS)
    with pytest.raises(InvalidFingerprint):
        runtime.install(package(tmp_path, OTHER, "2.0.0"), accept_publisher="anybody")
    info = runtime.install(package(tmp_path, OTHER, "2.0.0"), accept_publisher=OTHER_WORDS.upper())
    assert (info.version, pinned(runtime)) == ("2.0.0", OTHER.public)
    assert info.provenance is not None
    assert info.provenance.accepted
    with pytest.raises(PublisherChanged):
        runtime.install(package(tmp_path, version="3.0.0"))


def test_the_first_publisher_can_be_asked_for(runtime: Runtime, tmp_path: Path) -> None:
    with pytest.raises(PublisherNotAccepted, match="get it from that publisher"):
        runtime.install(package(tmp_path, OTHER), accept_publisher=ACME_WORDS)
    with pytest.raises(PublisherNotAccepted, match="is not signed"):
        runtime.install(folder(tmp_path), accept_publisher=ACME_WORDS)
    assert runtime.extensions() == []
    runtime.install(package(tmp_path), accept_publisher=ACME.public.hex())
    assert pinned(runtime) == ACME.public


def test_a_new_key_that_the_old_one_signed(runtime: Runtime, tmp_path: Path) -> None:
    runtime.install(package(tmp_path))
    newest = rotated(rotated(NEW))
    info = runtime.install(package(tmp_path, newest, "2.0.0"))
    assert info.publisher is not None
    assert (info.publisher.key, info.publisher.name) == (newest.public, "Acme International")
    # The old ones were given up for a reason.
    for old in (ACME, NEW):
        with pytest.raises(PublisherChanged):
            runtime.install(package(tmp_path, old, "3.0.0"))
    assert pinned(runtime) == newest.public


def test_somebody_elses_endorsement_is_none(runtime: Runtime, tmp_path: Path) -> None:
    runtime.install(package(tmp_path))
    with pytest.raises(PublisherChanged):
        runtime.install(package(tmp_path, rotated(OTHER), "2.0.0"))


def test_a_version_without_a_signature(runtime: Runtime, tmp_path: Path) -> None:
    runtime.install(package(tmp_path))
    with pytest.raises(SignatureMissing) as caught:
        runtime.install(folder(tmp_path, "2.0.0"))
    assert (caught.value.pinned, caught.value.found) == (ACME_WORDS, None)
    assert "--unsigned" in str(caught.value)
    info = runtime.install(folder(tmp_path, "2.0.0"), unsigned=True)
    assert (info.version, pinned(runtime)) == ("2.0.0", ACME.public)
    assert info.provenance is not None
    assert (info.provenance.key, info.provenance.accepted) == (b"", True)
    with pytest.raises(SignatureMissing):
        runtime.install(folder(tmp_path, "3.0.0"))
    assert runtime.install(package(tmp_path, version="3.0.0")).version == "3.0.0"


def test_the_very_bytes_that_are_installed_need_no_second_signature(runtime: Runtime, tmp_path: Path) -> None:
    signed = runtime.install(package(tmp_path))
    before = tags(runtime)
    assert runtime.install(folder(tmp_path)).provenance == signed.provenance
    assert tags(runtime) == before


def test_folders_of_extensions_that_nobody_signed_work_as_ever(runtime: Runtime, tmp_path: Path) -> None:
    for version in ("1.0.0", "2.0.0"):
        info = runtime.install(folder(tmp_path, version))
        assert (info.version, info.provenance, info.publisher) == (version, None, None)
    # The same bytes in a package: from now on they are somebody's.
    info = runtime.install(package(tmp_path, version="2.0.0"))
    assert (pinned(runtime), info.provenance is not None) == (ACME.public, True)
    assert tags(runtime).count("installed") == 2


def test_a_pin_outlives_an_uninstall_and_a_restart(tmp_path: Path) -> None:
    with Runtime.open(tmp_path / "data") as runtime:
        runtime.install(package(tmp_path))
        runtime.uninstall("acme")
    with Runtime.open(tmp_path / "data") as runtime:
        for other in (package(tmp_path, OTHER), folder(tmp_path)):
            with pytest.raises((PublisherChanged, SignatureMissing)):
                runtime.install(other)
        assert runtime.extensions() == []
        runtime.forget_publisher("acme", by="me")
        with pytest.raises(NotPinned):
            runtime.forget_publisher("acme")
        assert runtime.install(package(tmp_path, OTHER)).publisher is not None
        assert pinned(runtime) == OTHER.public
        runtime.forget_publisher("acme")
        assert pinned(runtime) is None
        with pytest.raises(UnknownExtension):
            runtime.forget_publisher("nobody")


def test_a_backup_keeps_pins(tmp_path: Path) -> None:
    with Runtime.open(tmp_path / "data") as runtime:
        runtime.install(package(tmp_path))
        runtime.backup(tmp_path / "backup", keys=True)
    restore_backup(tmp_path / "backup", tmp_path / "restored", check=check_folder, clock=Ticks())
    with Runtime.open(tmp_path / "restored") as runtime:
        assert pinned(runtime) == ACME.public
        with pytest.raises(PublisherChanged):
            runtime.install(package(tmp_path, OTHER, "2.0.0"))


# --- with consent ----------------------------------------------------------------------------------------------------


def test_consent_shows_who_signed_it(runtime: Runtime, tmp_path: Path) -> None:
    asked: list[ConsentRequest] = []

    def agree(request: ConsentRequest) -> Grant:
        asked.append(request)
        return request.as_asked()

    runtime.install(package(tmp_path, permissions=ASKS), consent=agree)
    more = {"methods": ["query:test.", "query:vdfs."]}
    runtime.install(package(tmp_path, version="2.0.0", permissions=more), consent=agree)
    most = {"methods": ["query:", "action:vdfs."]}
    runtime.install(package(tmp_path, NEW, "3.0.0", permissions=most), consent=agree)
    all_of_it = {"methods": ["*"]}
    other = package(tmp_path, OTHER, "4.0.0", permissions=all_of_it)
    runtime.install(other, consent=agree, accept_publisher=OTHER_WORDS)
    told = [
        (one.signer.trust, one.signer.name, one.signer.fingerprint, one.signer.pinned) for one in asked if one.signer
    ]
    assert told == [
        (Trust.FIRST, "Acme", ACME_WORDS, None),
        (Trust.SAME, "Acme", ACME_WORDS, ACME_WORDS),
        (Trust.ENDORSED, "Acme International", NEW.fingerprint, ACME_WORDS),
        (Trust.ACCEPTED, "Somebody else", OTHER_WORDS, NEW.fingerprint),
    ]
    assert runtime.installed_request("acme").signer is not None


def test_nobody_is_asked_for_what_would_be_refused(runtime: Runtime, tmp_path: Path) -> None:
    runtime.install(package(tmp_path))

    def never(request: ConsentRequest) -> Grant:
        raise AssertionError(request)

    for other in (package(tmp_path, OTHER, "2.0.0", permissions=ASKS), folder(tmp_path, "3.0.0", permissions=ASKS)):
        with pytest.raises((PublisherChanged, SignatureMissing)):
            runtime.install(other, consent=never)


def test_no_consent_no_pin(runtime: Runtime, tmp_path: Path) -> None:
    with pytest.raises(ConsentRequired) as required:
        runtime.install(package(tmp_path, permissions=ASKS))
    assert required.value.request.signer is not None
    with pytest.raises(ConsentDeclined):
        runtime.install(package(tmp_path, permissions=ASKS), consent=lambda _: None)
    runtime.install(package(tmp_path, OTHER, permissions=ASKS), consent=grant_as_asked)
    assert pinned(runtime) == OTHER.public


def test_a_version_that_waits_brings_its_publisher_when_it_is_installed(runtime: Runtime, tmp_path: Path) -> None:
    runtime.install(folder(tmp_path))
    info = runtime.install(package(tmp_path, version="2.0.0", permissions=ASKS))
    assert (info.version, info.publisher, info.update is not None) == ("1.0.0", None, True)
    assert runtime.consent_request("acme").signer is not None
    runtime.decline_update("acme")
    # Nobody agreed to that publisher: a folder goes on as ever.
    assert runtime.install(folder(tmp_path, "3.0.0")).publisher is None
    runtime.install(package(tmp_path, version="2.0.0", permissions=ASKS))
    info = runtime.accept_update("acme")
    assert (info.version, pinned(runtime)) == ("2.0.0", ACME.public)
    assert info.provenance is not None
    assert info.provenance.key == ACME.public


def test_a_version_that_waits_keeps_what_was_said_of_its_publisher(runtime: Runtime, tmp_path: Path) -> None:
    runtime.install(package(tmp_path))
    runtime.install(package(tmp_path, NEW, "2.0.0", permissions=ASKS))
    assert pinned(runtime) == ACME.public
    runtime.accept_update("acme")
    assert pinned(runtime) == NEW.public
    runtime.install(
        package(tmp_path, OTHER, "3.0.0", permissions={"methods": ["query:"]}), accept_publisher=OTHER_WORDS
    )
    runtime.accept_update("acme")
    assert pinned(runtime) == OTHER.public
    runtime.install(folder(tmp_path, "4.0.0", permissions={"methods": ["*"]}), unsigned=True)
    info = runtime.accept_update("acme")
    assert (info.version, pinned(runtime)) == ("4.0.0", OTHER.public)


def test_a_version_that_waits_is_refused_if_somebody_else_was_pinned_since(runtime: Runtime, tmp_path: Path) -> None:
    runtime.install(folder(tmp_path))
    runtime.install(package(tmp_path, OTHER, "2.0.0", permissions=ASKS))
    runtime.install(package(tmp_path))  # the installed bytes, signed: the other one goes on waiting
    assert runtime.inspect("acme").update is not None
    for refused in (runtime.accept_update, runtime.consent_request):
        with pytest.raises(PublisherChanged):
            refused("acme")
    assert runtime.decline_update("acme").update is None
    runtime.install(folder(tmp_path, "3.0.0"), unsigned=True)
    assert pinned(runtime) == ACME.public


def test_a_module_that_cannot_be_loaded_pins_nobody(runtime: Runtime, tmp_path: Path) -> None:
    source = folder(tmp_path)
    (source / "module.wasm").write_bytes(b"\0asm\1\0\0\0")
    from perdure.runtime import ModuleError
    from perdure.runtime.packages.package_writer import write_package

    write_package(source, tmp_path / "bad.perdure-ext", ACME)
    with pytest.raises(ModuleError):
        runtime.install(tmp_path / "bad.perdure-ext")
    assert tags(runtime) == []


def test_what_is_loaded_anew_follows_the_same_rules(runtime: Runtime, tmp_path: Path) -> None:
    runtime.install(package(tmp_path))
    with pytest.raises(SignatureMissing):
        runtime.reload("acme", folder(tmp_path, "2.0.0"))
    assert runtime.reload("acme", package(tmp_path, version="2.0.0")).version == "2.0.0"
    assert one_job("job2") == runtime.store.blobs.get(runtime.inspect("acme").module)


def test_a_rehearsal_takes_a_package(runtime: Runtime, tmp_path: Path) -> None:
    runtime.install(package(tmp_path))
    runtime.dispatch("acme:job1").wait(TIMEOUT)
    before = tags(runtime)
    assert runtime.rehearse(package(tmp_path, OTHER, "2.0.0"), workers=1).version == "2.0.0"
    assert tags(runtime) == before
    assert fingerprint(ACME.public) == ACME_WORDS
