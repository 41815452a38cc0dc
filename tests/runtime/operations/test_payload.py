"""Payloads that mean two things, or that nobody should have to read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime import OperationError, Runtime
from perdure.runtime.operations import CallContext, Sensitive, query
from perdure.runtime.operations.payload import MAX_DEPTH, MAX_PAYLOAD_BYTES, check_payload
from perdure.runtime.strict_json import BadJson

HUGE = "9" * 5_000


class Anything(msgspec.Struct):
    value: Any = None
    number: int = 0


class Hidden(msgspec.Struct):
    token: Annotated[str, Sensitive] = ""
    value: Any = None


@query("test.take")
def take(context: CallContext, request: Anything) -> Anything:
    """Give back what came."""
    return request


@query("test.hide")
def hide(context: CallContext, request: Hidden) -> Hidden:
    """Give back what came, which is secret."""
    return request


@query("test.later")
async def later(context: CallContext, request: Anything) -> Anything:
    """Give back what came, from the event loop."""
    return request


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    with Runtime.in_memory() as runtime:
        runtime.operations.register(take, hide, later)
        yield runtime


def nested(depth: int, opening: str = "[", closing: str = "]") -> str:
    return f'{{"value": {opening * (depth - 1)}1{closing * (depth - 1)}}}'


BAD = {
    "a field twice": '{"number": 1, "number": 2}',
    "a field twice, once escaped": '{"number": 1, "n\\u0075mber": 2}',
    "a field twice further down": '{"value": [{"a": 1, "b": {"c": 1, "c": 1}}]}',
    "an unknown field twice": '{"x": 1, "x": 1}',
    "too deep": nested(MAX_DEPTH + 1),
    "too deep in objects": nested(MAX_DEPTH + 1, '{"a":', "}"),
    "much too deep": nested(200_000),
    "deep and unclosed": '{"value": ' + "[" * 500_000,
    "too deep behind a text of brackets": '{"text": "]]]]\\"]]]]", "value": ' + "[" * 200 + "]" * 200 + "}",
    "a number of 70 bits": '{"number": 1180591620717411303424}',
    "a number of 5,000 digits": f'{{"value": [{HUGE}]}}',
    "an unknown number of 5,000 digits": f'{{"x": {HUGE}}}',
    "a fraction of 5,000 digits before the point": f'{{"value": {HUGE}.5}}',
    "an infinite number": '{"value": 1e400}',
    "NaN": '{"value": NaN}',
    "Infinity": '{"value": -Infinity}',
    "half a surrogate pair": '{"value": "\\ud800 and more"}',
    "the other half": '{"value": "and more \\uDC00 and more"}',
    "half a surrogate pair in a name": '{"\\ud800": 1}',
    "two first halves": '{"value": "\\ud800\\ud800"}',
    "bytes behind the end": "{} {}",
    "a NUL behind the end": "{}\0",
    "a byte order mark": "\ufeff{}",
    "a comment": "{} // that is all",
    "a comma too much": '{"value": 1,}',
    "single quotes": "{'value': 1}",
    "a raw line break in a text": '{"value": "a\nb"}',
    "a leading zero": '{"value": 01}',
    "nothing": "",
    "blanks": "  \n",
    "no object": "[]",
    "null": "null",
}
BAD_BYTES = {
    "no UTF-8": b'{"value": "\xff"}',
    "no UTF-8 in an unknown field": b'{"x": "\xff"}',
    "no UTF-8 in an unknown name": b'{"\xff": 1}',
    "an encoded surrogate": b'{"value": "\xed\xa0\x80"}',
    "an overlong slash": b'{"x": "\xc0\xaf"}',
    "UTF-16": '{"value": 1}'.encode("utf-16"),
}
ALL = {**{name: text.encode() for name, text in BAD.items()}, **BAD_BYTES}


@pytest.mark.parametrize("name", ALL)
def test_a_bad_payload_is_refused(runtime: Runtime, name: str) -> None:
    for method in ("query:test.take", "query:test.hide"):
        with pytest.raises(OperationError) as caught:
            runtime.call(method, ALL[name])
        assert caught.value.code == "invalid_payload"
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "text",
    [
        nested(MAX_DEPTH),
        '{"value": "' + "[{" * 1_000 + '"}',
        '{"value": "' + "7" * 1_000 + '"}',
        '{"value": "\\ud83d\\ude00 \\\\ud800"}',
        f'{{"value": [{2**63 - 1}, {-(2**63)}, {2**64 - 1}, 1e300, -0.0]}}',
        '{"value": [{"a": 1}, {"a": 2}], "number": 3}',
        ' {"value" : "a:b:c"}\r\n',
    ],
)
def test_a_payload_that_only_looks_bad_is_not(runtime: Runtime, text: str) -> None:
    assert runtime.call("query:test.take", text.encode()).value == json.loads(text)["value"]


def test_what_is_repeated_of_a_secret_payload_says_nothing(runtime: Runtime) -> None:
    for text in ('{"hunter2": 1, "hunter2": 1}', '{"value": 12345678901234567890123}', '{"token": 12345678901}'):
        with pytest.raises(OperationError) as caught:
            runtime.call("query:test.hide", text.encode())
        assert "hunter2" not in str(caught.value)
        assert "12345" not in str(caught.value)


def test_a_large_payload_of_an_asynchronous_operation(runtime: Runtime) -> None:
    text = "x" * 200_000
    assert runtime.call("query:test.later", {"value": text}).value == text
    with pytest.raises(OperationError) as caught:
        runtime.call("query:test.later", f'{{"value": "{text}", "value": 1}}'.encode())
    assert caught.value.code == "invalid_payload"


def test_a_payload_that_is_too_large() -> None:
    with pytest.raises(BadJson, match="more than"):
        check_payload(bytes(MAX_PAYLOAD_BYTES + 1))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    # Characters that mean something outside of texts are the ones to get wrong inside.
    | st.text(st.sampled_from('"\\[]{}:,u0d89 \u00e9\U0001f600'), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(value=_JSON, ascii_only=st.booleans())
def test_what_json_can_say_once_passes(value: Any, ascii_only: bool) -> None:
    try:
        data = json.dumps(value, ensure_ascii=ascii_only).encode()
    except UnicodeEncodeError:
        return  # a text of half a pair
    if any(0xD800 <= ord(char) <= 0xDFFF for char in str(value)):
        return
    check_payload(data)


@given(data=st.binary(max_size=60) | _JSON.map(lambda value: json.dumps(value).encode()[:-1]))
def test_rubbish_is_refused_or_left_to_the_decoder(data: bytes) -> None:
    try:
        check_payload(data)
    except BadJson:
        return
