"""What every blob store does; bound like `EventStoreContract`."""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.store_fixtures import shared

from perdure.store import BlobMissing, load_payload, store_payload
from perdure.store.blobs import SweptBlobs
from perdure.store.events import INLINE_LIMIT, BlobRef, Inline


class BlobStoreContract:
    def make(self, folder: Path) -> SweptBlobs:
        raise NotImplementedError

    @pytest.fixture
    def blobs(self, tmp_path: Path) -> SweptBlobs:
        return self.make(tmp_path / "blobs")

    def test_a_blob_is_named_by_the_sha256_of_its_bytes(self, blobs: SweptBlobs) -> None:
        @shared
        @given(data=st.binary())
        def round_trip(data: bytes) -> None:
            digest = blobs.put(data)
            assert digest == hashlib.sha256(data).hexdigest()
            assert blobs.has(digest)
            assert blobs.get(digest) == data

        round_trip()

    def test_the_same_bytes_are_stored_once(self, blobs: SweptBlobs) -> None:
        assert blobs.put(b"same") == blobs.put(b"same")
        assert len(list(blobs.digests())) == 1

    def test_all_digests_are_listed(self, blobs: SweptBlobs) -> None:
        assert list(blobs.digests()) == []
        digests = {blobs.put(bytes([number])) for number in range(20)}
        assert set(blobs.digests()) == digests

    def test_a_missing_blob_is_named(self, blobs: SweptBlobs) -> None:
        digest = hashlib.sha256(b"never stored").hexdigest()
        assert not blobs.has(digest)
        with pytest.raises(BlobMissing) as caught:
            blobs.get(digest)
        assert caught.value.digest == digest

    def test_a_removed_blob_is_gone_and_can_come_back(self, blobs: SweptBlobs) -> None:
        digest, other = blobs.put(b"removed"), blobs.put(b"stays")
        for _ in range(2):  # a second time does nothing
            blobs.remove(digest)
            assert not blobs.has(digest)
            with pytest.raises(BlobMissing):
                blobs.get(digest)
        assert list(blobs.digests()) == [other]
        assert blobs.put(b"removed") == digest
        assert blobs.get(digest) == b"removed"

    def test_no_name_but_a_digest_removes_anything(self, blobs: SweptBlobs, tmp_path: Path) -> None:
        stranger = tmp_path / "stranger"
        stranger.write_bytes(b"")
        for name in ("", "..", "../stranger", str(stranger), "../../stranger"):
            blobs.remove(name)
        assert stranger.exists()

    def test_what_the_caller_does_with_its_buffer_later_does_not_matter(self, blobs: SweptBlobs) -> None:
        buffer = bytearray(b"before")
        digest = blobs.put(bytes(buffer))
        buffer[:] = b"after!"
        assert blobs.get(digest) == b"before"

    def test_many_threads_may_put_the_same_blob(self, blobs: SweptBlobs) -> None:
        data = b"x" * 300_000
        with ThreadPoolExecutor(8) as pool:
            digests = set(pool.map(lambda _: blobs.put(data), range(32)))
        assert len(digests) == 1
        assert blobs.get(digests.pop()) == data
        assert len(list(blobs.digests())) == 1

    @pytest.mark.parametrize("size", [0, 1, INLINE_LIMIT - 1, INLINE_LIMIT, INLINE_LIMIT + 1, 4 * INLINE_LIMIT])
    def test_only_payloads_over_the_limit_become_blobs(self, blobs: SweptBlobs, size: int) -> None:
        data = b"p" * size
        payload = store_payload(blobs, data)
        assert isinstance(payload, Inline if size <= INLINE_LIMIT else BlobRef)
        assert load_payload(blobs, payload) == data
        assert len(list(blobs.digests())) == (size > INLINE_LIMIT)
        if isinstance(payload, BlobRef):
            assert payload.size == size

    def test_what_was_put_or_touched_lately_is_not_unused(self, blobs: SweptBlobs) -> None:
        early = time.time() - 3600
        old, touched, again = (blobs.put(data) for data in (b"old", b"touched", b"again"))
        assert list(blobs.unused(early)) == []
        before = time.time() + 3600
        assert set(blobs.unused(before)) == {old, touched, again}
        for digest in (old, touched, again):
            assert blobs.remove_unused(digest, early) == 0
        blobs.touch(touched)
        blobs.touch("f" * 64)
        blobs.touch("../touched")
        assert blobs.put(b"again") == again
        assert blobs.remove_unused(old, before) == len(b"old")
        assert blobs.remove_unused(old, before) == 0
        assert blobs.remove_unused("../" + old, before) == 0
        assert set(blobs.digests()) == {touched, again}
        assert not blobs.has("f" * 64)

    def test_a_blob_that_is_put_while_it_is_removed_is_there(self, blobs: SweptBlobs) -> None:
        """Whoever puts what is there already names it next: it must not go because it was old."""
        data = b"x" * 100
        digest = blobs.put(data)

        def put(round_: int) -> bool:
            moment = time.time()
            blobs.put(data)
            remover = pool.submit(blobs.remove_unused, digest, moment)
            there = blobs.has(digest)
            return there and remover.result() == 0 and blobs.has(digest)

        with ThreadPoolExecutor(4) as pool:
            assert all(put(number) for number in range(50))
        assert blobs.get(digest) == data
