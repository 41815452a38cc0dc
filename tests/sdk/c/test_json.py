"""The JSON of perdure.h against Python's: what is read, what is refused, every number to its last bit.

The header runs on this machine, where undefined behaviour ends the program.
"""

from __future__ import annotations

import json
import math
import struct
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.zig_tools import CHECKED, SDK, compiled, once

SOURCE = Path(__file__).parent / "sources" / "probe.c"
DEEPEST = 128
FINITE = st.floats(allow_nan=False, allow_infinity=False)
DAMAGE = [b'"', b"\\", b"{", b"]", b",", b"1e", b"-", b"\\ud800", b"\xed\xa0\x80", b"00"]
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | FINITE | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=15,
)


class Probe:
    """The program of sources/probe.c."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def ask(self, letter: str, data: bytes) -> bytes:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{letter}{len(data)}\n".encode() + data)
        self._process.stdin.flush()
        length = self._process.stdout.readline()
        assert length, f"the probe died of {letter} {data!r}"
        return self._process.stdout.read(int(length))

    def value(self, text: bytes) -> Any:
        """What a text means; Refused if it is no JSON."""
        answer = self.ask("j", text)
        if not answer.startswith(b"="):
            raise Refused(answer.decode())
        return json.loads(answer[1:])

    def double(self, text: str) -> float:
        answer = self.ask("n", text.encode())
        return math.inf if answer == b"beyond" else struct.unpack(">d", bytes.fromhex(answer.decode()))[0]


class Refused(Exception):
    """What was expected."""


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Probe]:
    def make(stage: Path) -> None:
        compiled("cc", "-std=c11", *CHECKED, f"-I{SDK}", "-o", stage / "probe", SOURCE, folder=stage)

    program = once(tmp_path_factory, "perdure-h-probe", make) / "probe"
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Probe(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait() == 0, "it leaks"


def refuse_constant(name: str) -> None:
    raise ValueError(name)


def expected(text: bytes) -> Any:
    """What Python makes of it, with numbers as the header has them; ValueError if it is no JSON."""
    try:
        value = json.loads(text.decode(), parse_constant=refuse_constant)
    except RecursionError:
        raise ValueError("deep") from None
    json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair
    return in_64_bits(value)


def in_64_bits(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**64:
        try:
            return float(value)
        except OverflowError:
            return "beyond"
    if isinstance(value, float) and math.isinf(value):
        return "beyond"
    if isinstance(value, list):
        return [in_64_bits(item) for item in value]
    if isinstance(value, dict):
        return {key: in_64_bits(item) for key, item in value.items()}
    return value


def agree(probe: Probe, text: bytes) -> None:
    try:
        wanted = expected(text)
    except ValueError:
        with pytest.raises(Refused):
            probe.value(text)
    else:
        found = probe.value(text)
        assert found == wanted
        assert repr(found) == repr(wanted)  # 1 is not 1.0, 0.0 is not -0.0


@settings(max_examples=150)
@given(value=JSON_VALUES, ascii_only=st.booleans(), indent=st.none() | st.integers(0, 3))
def test_values_are_read_and_written(probe: Probe, value: Any, ascii_only: bool, indent: int | None) -> None:
    agree(probe, json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode())


@settings(max_examples=200)
@given(
    value=JSON_VALUES,
    where=st.floats(0, 1),
    cut=st.integers(0, 3),
    put=st.binary(max_size=3) | st.sampled_from(DAMAGE),
)
def test_damaged_texts_are_judged_alike(probe: Probe, value: Any, where: float, cut: int, put: bytes) -> None:
    text = json.dumps(value, ensure_ascii=False).encode()
    at = int(where * len(text))
    agree(probe, text[:at] + put + text[at + cut :])


@settings(max_examples=200)
@given(st.text(alphabet='[]{}",:\\utrfalsn0123456789eE+-. \n', max_size=20))
@example("")
@example("nullx")
@example("[1,]")
@example('{"a":1,"a":2}')
@example('{"a" 1}')
@example("{1:2}")
@example("01")
@example("-")
@example("1.")
@example(".5")
@example("1e")
@example("+1")
@example("-0")
@example("[1 2]")
@example('"\\u12"')
@example('"\\x"')
@example('"\\ud83d\\ude00"')
@example('"\\ud83d"')
@example('"\\ude00\\ud83d"')
@example('"\\ud83d\\u0041"')
@example('"\t"')
@example("\ufeff1")
@example("NaN")
@example("Infinity")
@example("/**/1")
@example("'a'")
@example("\x001")
def test_what_looks_like_json_is_judged_alike(probe: Probe, text: str) -> None:
    agree(probe, text.encode())


@pytest.mark.parametrize(
    "character",
    [
        b"\x80",
        b"\xc0\x80",
        b"\xc1\xbf",
        b"\xe0\x9f\xbf",
        b"\xed\xa0\x80",
        b"\xf0\x8f\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\xf5\x80\x80\x80",
        b"\xc3",
        b"\xe2\x82",
        b"\xff",
        b"\xef\xbf\xbf",
        b"\xf4\x8f\xbf\xbf",
        b"\x7f",
        b"\xc3\xa9",
    ],
)
def test_utf_8_is_judged_alike(probe: Probe, character: bytes) -> None:
    agree(probe, b'"' + character + b'"')
    agree(probe, b'{"' + character + b'": 1}')


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_depth_has_a_bound(probe: Probe, opening: str, closing: str) -> None:
    def nested(deep: int) -> bytes:
        return (opening * deep + "1" + closing * deep).encode()

    assert probe.value(nested(DEEPEST)) is not None
    for deep in (DEEPEST + 1, 1_000_000):
        with pytest.raises(Refused, match="less depth"):
            probe.value(nested(deep))
        with pytest.raises(Refused, match="less depth"):
            probe.value(opening.encode() * deep)


@settings(max_examples=400)
@given(st.floats())
@example(2**-44)  # the nearest of 16 digits does not read back, another one does
@example(5e-324)
@example(2.2250738585072011e-308)
@example(2.2250738585072014e-308)
@example(1.7976931348623157e308)
@example(9007199254740993.0)
@example(1e16)
@example(9999999999999998.0)
@example(0.0001)
@example(0.00001)
@example(0.5)
@example(2.5)
@example(0.0005)
@example(-0.0)
@example(1e23)
@example(123456789.0)
def test_doubles_are_written_as_python_does(probe: Probe, number: float) -> None:
    plain, *formats = probe.ask("w", struct.pack(">d", number).hex().encode()).decode().split(" ")
    assert plain == (repr(number) if math.isfinite(number) else "no")
    wanted = [fmt % number for fmt in ("%f", "%.0f", "%.3f", "%.20f")]
    assert formats[:4] == [text.replace("-nan", "nan") for text in wanted] or math.isnan(number)
    for text, digits in zip(formats[4:], (1, 5, 17), strict=True):
        assert math.isnan(number) or float(text) == float(f"%.{digits}g" % number)


def digits() -> st.SearchStrategy[str]:
    whole = st.from_regex(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,60})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
    return whole | FINITE.map(repr) | st.builds(lambda m, e: f"{m}e{e}", st.integers(0, 2**64), st.integers(-345, 310))


@settings(max_examples=400)
@given(digits())
@example("2.2250738585072012e-308")
@example("9007199254740993")
@example("9007199254740993." + "0" * 800 + "1")
@example("9007199254740992." + "9" * 900)
@example("4.9406564584124654417656879286822137e-324")
@example("2.4703282292062327208828439643411e-324")
@example("2.4703282292062328e-324")
@example("0." + "0" * 400 + "1")
@example("1" + "0" * 400)
@example("1" + "0" * 400 + "e-400")
@example("0e999999999999999999999")
@example("1e-999999999999999999999")
@example("1e999999999999999999999")
@example("1.7976931348623158e308")
@example("1.7976931348623159e308")
@example("179769313486231580793728971405301e276")
def test_doubles_are_read_to_the_last_bit(probe: Probe, text: str) -> None:
    found, wanted = probe.double(text), float(text)
    # Beyond the largest, the sign is of no interest.
    assert found == math.inf if math.isinf(wanted) else struct.pack(">d", found) == struct.pack(">d", wanted)


@settings(max_examples=200)
@given(st.fractions(min_value=0, max_value=1), FINITE.filter(lambda number: 0 < number < 1e300))
def test_halves_between_doubles_go_to_the_even_one(probe: Probe, fraction: Any, number: float) -> None:
    """The exact decimal expansion of points on and around the middle of two neighbours."""
    above = math.nextafter(number, math.inf)
    middle = (Fraction(number) + Fraction(above)) / 2
    for point in (middle, middle + Fraction(1, 10**1200)):
        scaled = point * 10**1200
        text = f"{scaled.numerator // scaled.denominator}e-1200"
        assert probe.double(text) == float(text)


@settings(max_examples=100)
@given(st.integers(-(2**63), 2**63 - 1))
@example(-(2**63))
@example(0)
def test_integers_are_formatted_as_printf_does(probe: Probe, number: int) -> None:
    low = number & 0xFFFFFFFF
    signed = low - 2**32 if low >= 2**31 else low
    short = number & 0xFFFF
    assert probe.ask("f", str(number).encode()).decode() == "|".join(
        [
            *(fmt % number for fmt in ("%d",)),
            str(signed),
            *(fmt % number for fmt in ("%12d", "%-12d", "%012d")),
            str(number % 2**64),
            f"{low:x}",
            *("   ab", "ab   ", "abc", "x", "%", "  7"),
            str(short - 2**16 if short >= 2**15 else short),
        ]
    )


@settings(max_examples=150)
@given(st.text().map(lambda text: text.replace("\0", "")), st.text().map(lambda text: text.replace("\0", "")))
def test_texts_in_a_payload_are_only_texts(probe: Probe, first: str, second: str) -> None:
    try:
        data = first.encode() + b"\0" + second.encode() + b"\0"
    except UnicodeEncodeError:
        return
    payload = probe.ask("p", data).decode()
    assert json.loads(payload) == {
        "a b": first,
        "in": f'x {second} "y" \'',
        "n": [-5, 0.1, True, "6%"],
        "last": second,
    }
    assert payload.startswith('{"a b":"')


def test_a_payload_that_is_no_utf_8_is_none(probe: Probe) -> None:
    assert probe.ask("p", b"\xff\0ok\0") == b"none"
