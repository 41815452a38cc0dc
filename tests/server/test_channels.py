"""What watchers are sent, without any server."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from perdure.server.web.live.channel import Behind, Channel, Piece, cut


def test_nothing_yet() -> None:
    channel = Channel(7)
    assert channel.next(7) is None
    assert channel.next(9) is None  # of a log that is not there yet
    assert channel.next(3) == Behind(7)


def test_a_piece_follows_a_cursor() -> None:
    channel = Channel(7)
    channel.publish([Piece(7, 9, b"a"), Piece(9, 12, b"b")])
    assert channel.next(7) == Piece(7, 9, b"a")
    assert channel.next(9) == Piece(9, 12, b"b")
    assert channel.next(12) is None
    assert channel.next(10) == Behind(12)  # within a piece: its beginning was sent
    assert channel.next(3) == Behind(7)
    channel.pieces.popleft()  # as the hub does when it has kept enough
    assert channel.next(7) == Behind(9)


def test_watchers_are_woken_until_they_leave() -> None:
    channel, woken = Channel(None), list[str]()

    def one() -> None:
        woken.append("one")

    def two() -> None:
        woken.append("two")

    channel.join(one)
    channel.join(two)
    channel.publish([Piece(0, 1, b"")])
    assert not channel.leave(one)
    channel.publish([], b"end")
    assert (woken, channel.ended) == (["one", "two", "two"], b"end")
    assert channel.leave(two)


@given(
    sizes=st.lists(st.integers(1, 50), max_size=30),
    size=st.integers(1, 100),
    gaps=st.lists(st.integers(1, 5), min_size=30, max_size=30),
)
def test_pieces_are_all_of_it_without_gaps(sizes: list[int], size: int, gaps: list[int]) -> None:
    cursor, messages = 10, []
    for number, (length, gap) in enumerate(zip(sizes, gaps, strict=False)):
        cursor += gap
        messages.append((cursor, bytes([number]) * length))
    pieces = cut(10, messages, size)
    assert b"".join(piece.data for piece in pieces) == b"".join(data for _, data in messages)
    assert sum(piece.count for piece in pieces) == len(messages)
    assert [piece.before for piece in pieces] == [10, *(piece.after for piece in pieces)][: len(pieces)]
    assert all(len(piece.data) < size + 50 for piece in pieces)


@given(
    lengths=st.lists(st.integers(1, 4), max_size=60),
    dropped=st.integers(0, 60),
    cursor=st.integers(0, 260),
)
def test_what_follows_is_the_first_piece_that_goes_beyond(lengths: list[int], dropped: int, cursor: int) -> None:
    channel = Channel(10)
    for length in lengths:
        before = channel.head or 0
        channel.publish([Piece(before, before + length, b"x")])
    for _ in range(min(dropped, len(channel.pieces))):
        channel.pieces.popleft()
    beyond = [piece for piece in channel.pieces if piece.after > cursor]
    found = channel.next(cursor)
    if beyond and beyond[0].before == cursor:
        assert found == beyond[0]
    elif beyond:
        assert found == Behind(beyond[0].after if beyond[0].before < cursor else beyond[0].before)
    else:
        assert found == (Behind(channel.head or 0) if cursor < (channel.head or 0) else None)
