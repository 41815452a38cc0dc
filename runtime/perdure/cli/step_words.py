"""What a person who steps through a job may say: pure. Any number of commands may stand on a line: ``n n g 12 s``."""

from __future__ import annotations

import shlex
from typing import Final

import msgspec

# By letter: what follows it, and what it does.
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "n": ("[N]", "go on by a call, or by N; so does an empty line"),
    "p": ("[N]", "go back by a call, or by N"),
    "g": ("N", "go to call N of this run; 0 is its beginning, $ its end"),
    "e": ("N", "go to event N of the job's history, in whichever run it is"),
    "c": ("", "go on to the next checkpoint"),
    "C": ("", "go back to the last one"),
    "w": ("", "go on to the next warning"),
    "W": ("", "go back to the last one"),
    "/TEXT": ("", "go on to the next call that has this text; quote it if there are blanks in it: '/a b'"),
    "?TEXT": ("", "go back to the last one"),
    "a": ("", "show the call's arguments and its answer as a whole"),
    "s": ("", "show the job as it was here, with the guest's state"),
    "l": ("[N]", "list the calls around here, N before and N behind"),
    "r": ("[N]", "list the runs, or go to run N"),
    ".": ("", "show once more where we are"),
    "h": ("", "show these commands"),
    "q": ("", "quit"),
}
_OPTIONAL: Final = frozenset({"n", "p", "l", "r"})
_NEEDED: Final = frozenset({"g", "e"})
_ENDS: Final = {"$": -1}
_DIGITS: Final = 18


class Said(msgspec.Struct, frozen=True):
    """One command. ``number`` is what follows it: None for nothing, -1 for ``$``; ``text`` is what to look for."""

    letter: str
    number: int | None = None
    text: str = ""


class Misunderstood(Exception):
    """These words are no commands; the text says what to do."""


def understood(line: str) -> list[Said]:
    """The commands of a line; an empty one is ``n``.

    Raises:
        Misunderstood: a word is none. Nothing of the line is to be done.
    """
    try:
        words = shlex.split(line)
    except ValueError:
        raise Misunderstood("a quotation mark is not closed") from None
    if not words:
        return [Said("n")]
    said: list[Said] = []
    place = 0
    while place < len(words):
        word = words[place]
        following = words[place + 1] if place + 1 < len(words) else None
        command, used = _command(word, following)
        said.append(command)
        place += used
    return said


def _command(word: str, following: str | None) -> tuple[Said, int]:
    """The command, and how many words it takes."""
    if word[0] in "/?":
        if len(word) == 1:
            raise Misunderstood(f"{word} needs the text to look for right behind it, like {word}warning")
        return Said(word[0], text=word[1:]), 1
    letter, attached = word[0], word[1:]
    if letter not in COMMANDS or (attached and letter not in _OPTIONAL | _NEEDED):
        raise Misunderstood(f"{word!r} is no command; h shows those that there are")
    if attached:
        return Said(letter, _number(letter, attached)), 1
    if letter in _NEEDED:
        if following is None:
            raise Misunderstood(f"{letter} needs a number: {letter} 12")
        return Said(letter, _number(letter, following)), 2
    if letter in _OPTIONAL and following is not None and following.isdecimal():
        return Said(letter, _number(letter, following)), 2
    return Said(letter), 1


def _number(letter: str, word: str) -> int:
    if letter == "g" and word in _ENDS:
        return _ENDS[word]
    if not (word.isascii() and word.isdecimal()) or len(word) > _DIGITS:
        raise Misunderstood(f"{letter} needs a number: {letter} 12")
    return int(word)
