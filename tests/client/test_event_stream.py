from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from perdure.client.event_stream import EventStream, Message

TEXT = (
    b": perdure\n\nid: 1\nevent: progress\ndata: {}\n\n: here\n\nid: 2\r\nevent: end\r\ndata: one\r\ndata: two\r\n\r\n"
    b"data:no blank\nretry: 10\nnonsense\n\nevent: nothing\n\ndata: of the last id\n\nid: 4\ndata: not whole\n"
)
MESSAGES = [
    Message("1", "progress", b"{}"),
    Message("2", "end", b"one\ntwo"),
    Message("2", "message", b"no blank"),
    Message("2", "message", b"of the last id"),
]


@given(cuts=st.lists(st.integers(0, len(TEXT)), max_size=20).map(sorted))
def test_messages_are_the_same_however_they_come(cuts: list[int]) -> None:
    stream = EventStream()
    parts = [TEXT[start:end] for start, end in zip([0, *cuts], [*cuts, len(TEXT)], strict=True)]
    assert [message for part in parts for message in stream.feed(part)] == MESSAGES
    assert stream.last_id == "2"  # what was not whole comes again


def test_a_stream_goes_on_behind_the_last_id() -> None:
    stream = EventStream("7")
    assert list(stream.feed(b"data: x\n\n")) == [Message("7", "message", b"x")]


@given(st.binary(max_size=200))
def test_rubbish_is_no_message_and_no_error(data: bytes) -> None:
    for message in EventStream().feed(data):
        assert isinstance(message.data, bytes)
