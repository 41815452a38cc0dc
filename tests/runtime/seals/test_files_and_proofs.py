"""Seals, proofs and keys that somebody hands us: each is what was signed, or a named error, and never anything else."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.support.sealed_logs import STREAMS, SealedLog

from perdure.runtime import InvalidSeal, NotSealed, SealFileFailed
from perdure.runtime.seals import seal_file
from perdure.runtime.seals.proof import SealProof, check_proof, decode_proof, encode_proof, proof_of
from perdure.runtime.seals.seal_file import SealFile, check_seal_file, read_seal_file, seal_file_of, write_seal_file
from perdure.runtime.seals.signing import as_pem, parse_public_key, read_public_key
from perdure.store import events as ev


def sealed() -> SealedLog:
    log = SealedLog()
    log.sealer.seal()
    log.work(STREAMS[1], 2)
    log.sealer.rotate()
    log.sealer.seal()
    return log


LOG = sealed()
PROOF = proof_of(LOG.store, STREAMS[1])
FILE = seal_file_of(LOG.store)
KEY = LOG.sealer.newest().statement.key


def proof() -> SealProof:
    assert PROOF is not None
    return PROOF


# --- proofs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [*STREAMS, ev.RUNTIME_STREAM])
def test_every_stream_has_a_proof(stream: str) -> None:
    found = proof_of(LOG.store, stream)
    assert found is not None
    for key in (None, KEY, *(new.key for new in found.keys)):
        said = check_proof(decode_proof(encode_proof(found)), key)
        assert (said.stream, said.trusted) == (stream, key is not None)
        stored = next(LOG.store.read(stream, after=said.sequence - 1, until=said.sequence))
        assert said.hash == stored.hash
        assert said.position == LOG.sealer.newest().statement.position


def test_what_came_after_the_seal_has_none() -> None:
    log = SealedLog(jobs=1)
    assert proof_of(log.store, STREAMS[0]) is None
    with pytest.raises(NotSealed):
        seal_file_of(log.store)
    log.sealer.seal()
    assert proof_of(log.store, STREAMS[1]) is None
    log.work(STREAMS[0])
    found = proof_of(log.store, STREAMS[0])
    assert found is not None
    assert check_proof(found).sequence == 2


@pytest.mark.parametrize(
    "change",
    [
        {"stream": STREAMS[0]},
        {"sequence": 3},
        {"sequence": 0},
        {"sequence": 1 << 70},
        {"hash": bytes(32)},
        {"hash": b""},
        {"leaf": 0},
        {"leaf": -1},
        {"leaf": 1 << 40},
        {"path": ()},
        {"path": (bytes(32),) * 10_000},
        {"signature": bytes(64)},
        {"signature": b""},
        {"keys": ()},
        {"keys": FILE.keys[:1]},
        {"keys": FILE.keys[1:]},
        {"keys": FILE.keys * 2},
        {"statement": b""},
        {"statement": FILE.statement.replace("streams 4", "streams 5").encode()},
    ],
)
def test_what_is_not_what_was_signed_proves_nothing(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidSeal):
        check_proof(replace(proof(), **change))


def test_another_logs_key_does_not_vouch() -> None:
    with pytest.raises(InvalidSeal, match="no line of keys"):
        check_proof(proof(), sealed().sealer.newest().statement.key)


@given(st.data())
def test_any_byte_of_a_proof_counts(data: st.DataObject) -> None:
    encoded = bytearray(encode_proof(proof()))
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] ^= data.draw(st.integers(1, 255))
    try:
        said = check_proof(decode_proof(bytes(encoded)))
    except InvalidSeal:
        return
    assert said == check_proof(proof())  # another spelling of the same, if anything


@given(st.binary(max_size=200))
def test_any_bytes_are_no_proof(data: bytes) -> None:
    with pytest.raises(InvalidSeal):
        check_proof(decode_proof(data))


def test_a_proof_has_a_largest_size() -> None:
    with pytest.raises(InvalidSeal, match="larger"):
        decode_proof(bytes((4 << 20) + 1))


# --- files -----------------------------------------------------------------------------------------------------------


def test_a_seal_survives_its_file(tmp_path: Path) -> None:
    write_seal_file(FILE, tmp_path / "a.seal")
    write_seal_file(FILE, tmp_path / "b.seal")
    assert read_seal_file(tmp_path / "a.seal") == FILE
    assert (tmp_path / "a.seal").read_bytes() == (tmp_path / "b.seal").read_bytes()
    assert check_seal_file(FILE, KEY).streams == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.seal", "b.seal"]


@pytest.mark.parametrize(
    "change",
    [
        {"format": "perdure-seal 2"},
        {"statement": ""},
        {"statement": "\n" * 5000},
        {"signature": bytes(64)},
        {"keys": ()},
        {"ends": ()},
        {"ends": FILE.ends[:-1]},
        {"ends": FILE.ends[::-1][:3]},
        {"ends": (*FILE.ends, (5, "job:x", 1, bytes(32)))},
        {"ends": (*FILE.ends, FILE.ends[0])},
        {"ends": (*FILE.ends, (1 << 31, "job:x", 1, bytes(32)))},
        {"ends": (*FILE.ends[:-1], (*FILE.ends[-1][:2], 9, FILE.ends[-1][3]))},
        {"ends": (*FILE.ends[:-1], (-1, "", -1, b""))},
    ],
)
def test_a_file_that_is_not_what_was_signed(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidSeal):
        check_seal_file(replace(FILE, **change))


@given(st.data())
def test_any_byte_of_a_file_counts(data: st.DataObject) -> None:
    encoded = bytearray(msgspec.json.encode(FILE))
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] ^= data.draw(st.integers(1, 255))
    try:
        read = msgspec.json.decode(bytes(encoded), type=SealFile)
        said = check_seal_file(read)
    except (InvalidSeal, msgspec.MsgspecError, UnicodeDecodeError):
        return
    assert said == check_seal_file(FILE)
    assert read.ends == FILE.ends


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"[" * 100_000, b"{}", b'{"format": "perdure-seal 1"}', b"null", bytes(64)]
)
def test_a_file_that_holds_no_seal(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.seal").write_bytes(content)
    with pytest.raises(InvalidSeal, match="holds none"):
        read_seal_file(tmp_path / "x.seal")


def test_files_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(SealFileFailed):
            read_seal_file(path)
        with pytest.raises(SealFileFailed):
            read_public_key(path)
    with pytest.raises(SealFileFailed):
        write_seal_file(FILE, tmp_path / "no folder" / "a.seal")
    with pytest.raises(SealFileFailed):
        write_seal_file(FILE, tmp_path)
    monkeypatch.setattr(seal_file, "MAX_FILE_BYTES", 100)
    write_seal_file(FILE, tmp_path / "a.seal")
    with pytest.raises(InvalidSeal, match="larger than 100 bytes"):
        read_seal_file(tmp_path / "a.seal")


# --- keys ------------------------------------------------------------------------------------------------------------


@given(st.binary(min_size=32, max_size=32))
def test_a_public_key_is_read_from_what_it_is_written_as(key: bytes) -> None:
    for text in (as_pem(key), key.hex(), f" {key.hex().upper()}\n"):
        assert parse_public_key(text) == key


NO_KEYS = ["", "zz", "ab" * 31, "ab" * 33, *map(as_pem, (bytes(31), bytes(33)))]


@pytest.mark.parametrize("text", [*NO_KEYS, as_pem(bytes(32)).replace("PUBLIC", "PRIVATE")])
def test_what_is_no_key(text: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSeal, match="the public key"):
        parse_public_key(text)
    (tmp_path / "key").write_bytes(bytes(10_000))
    with pytest.raises(InvalidSeal, match="larger"):
        read_public_key(tmp_path / "key")


@given(st.text(max_size=200))
def test_any_text_is_a_key_or_a_named_error(text: str) -> None:
    with contextlib.suppress(InvalidSeal):
        assert len(parse_public_key(text)) == 32
