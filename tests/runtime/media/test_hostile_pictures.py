"""Pictures made to do harm. The runtime answers, its next call works, and nothing but a worker process is hurt."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.pictures import HEIC, drawn, encoded, exif

from perdure.actors.operations import CODES, OperationFailed
from perdure.runtime.media.messages import Hash, Inspect, MediaHashed, MediaInspected, PictureTask, Thumbnail
from perdure.runtime.media.operations import MediaOperations
from perdure.runtime.media.pictures import MAX_FRAMES
from perdure.runtime.media.settings import MediaSettings
from perdure.runtime.worker_processes.pool import WorkerPool

PIXELS = 5_000_000
WANTED = (Inspect(), Thumbnail(64, 64, "jpeg", 80), Hash(("phash", "dhash")))
GOOD = encoded(drawn())


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    made = WorkerPool()
    yield made
    made.close()


def task(memory: int = 3 << 30) -> Any:
    return MediaOperations(MediaSettings(memory_bytes=memory, processes=1), None, None)._task  # type: ignore[arg-type]


def ask(pool: WorkerPool, data: bytes, wanted: Inspect | Thumbnail | Hash, memory: int = 3 << 30) -> bytes | str:
    """The answer; the code if it is refused."""
    request = msgspec.msgpack.encode(PictureTask(data, wanted, PIXELS))
    try:
        return pool.run(task(memory), request, seconds=60.0)
    except OperationFailed as error:
        return error.code


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    found = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", head), *chunks, (b"IEND", b"")):
        found += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return found


def tiff(*entries: tuple[int, int, int, bytes], following: int = 0) -> bytes:
    """A directory of (tag, type, count, value or offset in four bytes)."""
    body = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHI4s", *entry) for entry in entries)
    return b"II*\0\x08\0\0\0" + body + struct.pack("<I", following)


def exif_jpeg(directory: bytes) -> bytes:
    """A JPEG with these bytes as its EXIF."""
    segment = b"Exif\0\0" + directory
    return GOOD[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + GOOD[2:]


def gif(frames: int) -> bytes:
    frame = b"\x21\xf9\x04\0\x0a\0\0\0\x2c\0\0\0\0\1\0\1\0\0\x02\x02\x44\x01\0"
    return b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff" + frame * frames + b";"


def test_a_bomb_is_refused_by_its_head(pool: WorkerPool) -> None:
    """A gigapixel of one colour: a megabyte on the disk, three gigabytes in memory."""
    rows = zlib.compress(bytes(30_001 * 3) * 10, 9)
    for wanted in WANTED:
        assert ask(pool, png(30_000, 30_000, (b"IDAT", rows)), wanted) == "failed"


def test_a_text_that_unpacks_to_all_memory_is_no_picture_or_no_text(pool: WorkerPool) -> None:
    bomb = zlib.compress(bytes(200_000_000), 9)
    data = png(4, 4, (b"zTXt", b"Comment\0\0" + bomb), (b"iCCP", b"p\0\0" + bomb), (b"IDAT", zlib.compress(bytes(52))))
    for wanted in WANTED:
        assert ask(pool, data, wanted) in CODES or isinstance(ask(pool, data, wanted), bytes)
    assert isinstance(ask(pool, GOOD, Inspect()), bytes)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("nothing", b""),
        ("svg", b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'),
        ("eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run\n%%EOF"),
        ("pdf", b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"),
        ("psd", b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 9, 9, 8, 3) + bytes(12)),
        ("ppm", b"P6 9 9 255\n" + bytes(243)),
        ("sgi", b"\x01\xda" + bytes(510)),
        ("wmf", b"\xd7\xcd\xc6\x9a" + bytes(40)),
        ("fits", b"SIMPLE  =                    T" + b" " * 2850),
        ("html", b"<html><img src=x onerror=alert(1)>"),
        ("zip", b"PK\3\4" + bytes(40)),
    ],
)
def test_what_is_none_of_the_formats_is_never_opened(pool: WorkerPool, name: str, data: bytes) -> None:
    for wanted in WANTED:
        assert ask(pool, data, wanted) == "invalid_payload", name


@pytest.mark.parametrize("writer", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "HEIF"])
def test_what_is_cut_off_is_refused_or_answered(pool: WorkerPool, writer: str) -> None:
    whole = HEIC.read_bytes() if writer == "HEIF" else encoded(drawn(), writer)
    for part in (1, 8, 20, len(whole) // 3, len(whole) // 2, len(whole) - 3):
        for wanted in WANTED:
            answer = ask(pool, whole[:part], wanted)
            assert isinstance(answer, bytes) or answer in ("invalid_payload", "failed"), (writer, part)
    assert isinstance(ask(pool, whole, Hash(("phash",))), bytes)


@pytest.mark.parametrize(
    "data",
    [
        png(2**31 - 1, 2**31 - 1),
        png(1000, 1000, (b"IDAT", zlib.compress(b"\0"))),
        png(0, 0),
        png(10, 10, (b"acTL", struct.pack(">II", 2**31 - 1, 0)), (b"IDAT", zlib.compress(bytes(310)))),
        b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 2**31 - 1, -(2**31), 1, 24, 0, 0, 0, 0, 0, 0),
        b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0, 0, 0) + b";",
        b"RIFF" + struct.pack("<I", 2**32 - 1) + b"WEBPVP8X" + struct.pack("<IB", 10, 0) + b"\0\0\0" + b"\xff" * 6,
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\xff\xff\xff\xffmeta" + bytes(50),
        b"\0\0\0\x1cftypavif\0\0\0\0mif1avif\0\0\0\0" + b"\0\0\0\0meta" + bytes(50),
        b"II*\0\x08\0\0\0" + b"\xff\xff" + bytes(100),
        tiff((256, 4, 1, struct.pack("<I", 2**32 - 1)), (257, 4, 1, struct.pack("<I", 2**32 - 1))),
        tiff((256, 4, 2**32 - 1, b"\0\0\0\0"), (257, 4, 1, b"\1\0\0\0")),
    ],
    ids=range(12),
)
def test_heads_that_lie(pool: WorkerPool, data: bytes) -> None:
    for wanted in WANTED:
        answer = ask(pool, data, wanted)
        if isinstance(answer, bytes) and isinstance(wanted, Inspect):
            found = msgspec.msgpack.decode(answer, type=MediaInspected)
            assert found.width * found.height <= PIXELS
            assert found.frames <= MAX_FRAMES


def test_a_hundred_thousand_frames(pool: WorkerPool) -> None:
    for wanted in WANTED:
        answer = ask(pool, gif(100_000), wanted)
        assert isinstance(answer, bytes)
    assert msgspec.msgpack.decode(ask(pool, gif(100_000), Inspect()), type=MediaInspected).frames == MAX_FRAMES  # type: ignore[arg-type]
    assert msgspec.msgpack.decode(ask(pool, gif(999), Inspect()), type=MediaInspected).frames == 999  # type: ignore[arg-type]


RATIONAL, LONG, ASCII, UNDEFINED = 5, 4, 2, 7


@pytest.mark.parametrize(
    "directory",
    [
        tiff((0x8769, LONG, 1, struct.pack("<I", 8)), (0x8825, LONG, 1, struct.pack("<I", 8))),  # into themselves
        tiff((0x8769, LONG, 1, struct.pack("<I", 2**32 - 1))),  # behind the end
        tiff((0x8769, LONG, 2**32 - 1, struct.pack("<I", 8))),
        tiff((0x010F, ASCII, 2**32 - 1, struct.pack("<I", 8))),
        tiff((0x0112, RATIONAL, 1, struct.pack("<I", 0))),  # an orientation that is a fraction
        tiff((0x0112, 3, 1, struct.pack("<I", 77))),
        tiff((0x0112, ASCII, 4, b"abc\0")),
        tiff(*((0x9003, UNDEFINED, 4, b"\xff" * 4),) * 5_000),
        tiff((0x8825, LONG, 1, struct.pack("<I", 26)), following=8) + tiff((2, RATIONAL, 3, struct.pack("<I", 8)))[8:],
        b"II*\0\0\0\0\0",
        b"II*\0" + b"\xff" * 4,
        b"MM",
        b"",
        b"\0" * 60_000,
    ],
    ids=range(14),
)
def test_exif_with_loops_and_lies(pool: WorkerPool, directory: bytes) -> None:
    for wanted in WANTED:
        answer = ask(pool, exif_jpeg(directory), wanted)
        assert isinstance(answer, bytes)
        if isinstance(wanted, Inspect):
            assert msgspec.msgpack.decode(answer, type=MediaInspected).orientation == 1


def test_one_that_needs_all_memory_costs_its_own_call_only(pool: WorkerPool) -> None:
    large = encoded(drawn(2200, 2200, "RGBA"), "PNG")
    small_memory = 700 << 20
    assert isinstance(ask(pool, GOOD, Hash(("phash",)), small_memory), bytes)
    before = [process._process.pid for process in pool._idle[task(small_memory)]]
    for _ in range(3):
        answer = ask(pool, large, Thumbnail(64, 64, "png", 80), 512 << 20)
        assert isinstance(answer, bytes) or answer == "failed"
    assert isinstance(ask(pool, GOOD, Hash(("phash",)), small_memory), bytes)
    assert [process._process.pid for process in pool._idle[task(small_memory)]] == before


@cache
def valid() -> list[bytes]:
    tags = exif(taken="2024:07:14 18:30:05", place=(48.1, 11.5), camera=("Canon", "R5"), orientation=6)
    found = [encoded(drawn(40, 30), writer, exif=tags) for writer in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")]
    found.append(encoded(drawn(40, 30), "TIFF", compression="tiff_lzw"))
    found.append(encoded(drawn(40, 30), "TIFF", compression="jpeg"))
    found += [encoded(drawn(40, 30), writer, save_all=True, append_images=[drawn(40, 30)]) for writer in ("GIF", "PNG")]
    return [*found, encoded(drawn(40, 30), "BMP"), HEIC.read_bytes()]


def altered(data: bytes, seed: int) -> bytes:
    """A file with some bytes changed, cut out, repeated or put in; heads more often than the rest."""
    draw, found = random.Random(seed), bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 5, 20))):
        at = draw.randrange(min(len(found), draw.choice((64, 400, 10**6))) or 1)
        change: Callable[[], Any] = draw.choice(
            [
                lambda at=at: found.__setitem__(slice(at, at + 1), bytes([draw.randrange(256)])),
                lambda at=at: found.__setitem__(
                    slice(at, at + 4), draw.choice((b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff"))
                ),
                lambda at=at: found.__delitem__(slice(at, at + draw.randrange(1, 40))),
                lambda at=at: found.__setitem__(slice(at, at), found[at : at + draw.randrange(1, 200)]),
                lambda at=at: found.__delitem__(slice(at, None)),
            ]
        )
        change()
    return bytes(found)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10), st.integers(0, 2**32))
def test_whatever_is_done_to_a_picture_the_answer_is_one(pool: WorkerPool, which: int, seed: int) -> None:
    data = altered(valid()[which], seed)
    for wanted in WANTED:
        answer = ask(pool, data, wanted)
        if isinstance(answer, str):
            assert answer in ("invalid_payload", "failed")
        elif isinstance(wanted, Inspect):
            found = msgspec.msgpack.decode(answer, type=MediaInspected)
            assert 0 < found.width * found.height <= PIXELS
            msgspec.json.encode(found)
        elif isinstance(wanted, Hash):
            assert msgspec.msgpack.decode(answer, type=MediaHashed).phash
