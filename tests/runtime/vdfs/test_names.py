from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.vdfs.errors import BadName
from perdure.runtime.vdfs.names import checked_kind, checked_media_type, checked_name, checked_prefix


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "a" * 255,
        "ocr.json",
        "...",
        ".hidden",
        "..a",
        "a b",
        "naïve",
        "日本語",
        "C:",
        "a:b",
        "-rf",
        "%2e%2e%2f",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # a Persian word with a joiner
        "👩\u200d🚀.png",
        "Screenshot at 9.41\u202fAM.png",  # as macOS writes it
        "ﬁ",
        "\u0430",  # Cyrillic: another name than "a"
    ],
)
def test_names_that_are_kept(name: str) -> None:
    assert checked_name(name) == name


def test_two_ways_to_write_a_letter_are_one_name() -> None:
    assert checked_name("e\u0301") == "é"
    assert checked_prefix("e\u0301") == "é"


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../secret",
        "a/b",
        "/etc/passwd",
        "a\\b",
        "..\\secret",
        "\0",
        "a\0b",
        "a\n",
        "\x1b[31m",
        "\x7f",
        "\x85",
        " a",
        "a ",
        "\u00a0",
        "a\u3000",
        "\u202egpj.exe",  # turns the text around
        "a\u200b",  # a space without a width
        "\ufeffa",
        "a\u00ad",
        "\u2028",
        "\U000e0041",  # a tag
        "\ud800",
        "\ue000",
        "\uffff",
        "a" * 256,
        "é" * 128,
        "\u0344" * 127,  # becomes longer when normalised
    ],
)
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(BadName):
        checked_name(name)


@given(st.text(max_size=300))
def test_an_accepted_name_is_normal_and_fits_and_stays_accepted(name: str) -> None:
    try:
        kept = checked_name(name)
    except BadName:
        return
    assert kept == unicodedata.normalize("NFC", name)
    assert 0 < len(kept.encode()) <= 255
    assert not set(kept) & set("/\\\0")
    assert checked_name(kept) == kept
    assert checked_prefix(kept[: len(kept) // 2]) is not None


@pytest.mark.parametrize("kind", ["file", "photo.raw", "a-b_c.9", "x" * 64])
def test_kinds(kind: str) -> None:
    assert checked_kind(kind) == kind


@pytest.mark.parametrize("kind", ["", "File", "a b", ".a", "a.", "a..b", "ä", "x" * 65, "a\n", "٣"])
def test_kinds_that_are_refused(kind: str) -> None:
    with pytest.raises(BadName):
        checked_kind(kind)


@pytest.mark.parametrize(
    "media_type", ["image/png", "text/plain; charset=utf-8", "application/vnd.api+json", "text/plain;a=b; c=d"]
)
def test_media_types(media_type: str) -> None:
    assert checked_media_type(media_type) == media_type


@pytest.mark.parametrize(
    "media_type", ["", "png", "image/", "/png", "image/png\r\nSet-Cookie: a", "a/b/c", "image/" + "x" * 300, "a/é"]
)
def test_media_types_that_are_refused(media_type: str) -> None:
    with pytest.raises(BadName):
        checked_media_type(media_type)
