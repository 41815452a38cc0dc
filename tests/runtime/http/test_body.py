"""Bodies: compression undone piece by piece, and what is text."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.http.body import Inflate, decoder_for, text_of


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


PACKERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "two members": ("gzip", lambda data: gzip.compress(data[:7], mtime=0) + gzip.compress(data[7:])),
    "padded": ("gzip", lambda data: gzip.compress(data, mtime=0) + b"\0" * 9),
    "deflate": ("Deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "identity": ("identity", bytes),
    "none": ("", bytes),
}


def decoded(coding: str, chunks: list[bytes]) -> bytes:
    decoder = decoder_for(coding)
    assert decoder is not None
    body = b"".join(piece for chunk in chunks for piece in decoder.feed(chunk))
    decoder.finish()
    return body


@pytest.mark.parametrize("packer", PACKERS)
@given(st.binary(max_size=300) | st.sampled_from([b"", b"a" * 400_000]), st.integers(1, 50))
def test_any_body_in_any_chunks(packer: str, body: bytes, size: int) -> None:
    coding, pack = PACKERS[packer]
    packed = pack(body)
    size = max(size, len(packed) // 200)
    assert decoded(coding, [packed[at : at + size] for at in range(0, len(packed), size)]) == body


@pytest.mark.parametrize("packer", ["gzip", "deflate", "raw deflate"])
def test_what_zlib_has_read_already_is_not_lost(packer: str) -> None:
    coding, pack = PACKERS[packer]
    for more in range(0, 300, 7):  # the last bytes of the input stand for what a piece has no room for
        body = b"a" * (64 * 1024 + more)
        assert decoded(coding, [pack(body)]) == body


def test_a_bomb_is_decoded_piece_by_piece() -> None:
    pieces = Inflate("gzip").feed(gzip.compress(b"\0" * 50_000_000, mtime=0))
    assert [len(next(pieces)) for _ in range(3)] == [64 * 1024] * 3  # and no more than that was decoded


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        ("gzip", b"plain text"),
        ("gzip", gzip.compress(b"cut off", mtime=0)[:-3]),
        ("gzip", b"\x1f"),
        ("gzip", gzip.compress(b"a", mtime=0) + b"garbage"),
        ("gzip", gzip.compress(b"", mtime=0) * 1_001),
        ("deflate", b"\xff\xff\xff\xff"),
        ("deflate", zlib.compress(b"a") + b"more"),
        ("deflate", zlib.compress(b"cut off")[:-3]),
    ],
)
def test_what_cannot_be_decoded(coding: str, data: bytes) -> None:
    with pytest.raises(ValueError, match=r"compressed"):
        decoded(coding, [data])


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "gzip,br", "x"])
def test_what_nobody_asked_for_is_left_alone(coding: str) -> None:
    assert decoder_for(coding) is None


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("ä".encode(), "text/plain", "ä"),
        ("ä".encode(), "TEXT/HTML; charset=UTF-8", "ä"),
        (b"{}", "application/json", "{}"),
        (b"{}", 'application/problem+json; charset="utf-8"', "{}"),
        (b"<a/>", "image/svg+xml", "<a/>"),
        (b"a", "text/plain; charset=us-ascii", "a"),
        (b"", "text/plain", ""),
        (b"a\r\n\tb\x0c\x1b[0m", "text/plain", "a\r\n\tb\x0c\x1b[0m"),
        (b"a\x00", "text/plain", None),
        (b"a\x01", "application/json", None),
        (b"\xe4", "text/plain", None),
        (b"a", "text/plain; charset=iso-8859-1", None),
        (b"a", "application/octet-stream", None),
        (b"a", "", None),
        (b"a", "image/png", None),
    ],
)
def test_what_is_text(body: bytes, content_type: str, text: str | None) -> None:
    assert text_of(body, content_type) == text
