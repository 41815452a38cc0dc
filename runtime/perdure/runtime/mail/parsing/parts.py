"""A message's parts: which of them are its text, and which are files. Never fails, if the stdlib's parser has not."""

from __future__ import annotations

from email.message import Message
from typing import Final

import msgspec

from perdure.runtime.mail.parsing.charsets import decoded
from perdure.runtime.mail.parsing.header_text import decoded_words, header_text, one_line
from perdure.runtime.mail.parsing.html_text import text_of_html
from perdure.runtime.mail.parsing.tnef import tnef
from perdure.runtime.mail.parsing.transfer import decoded_content, uuencoded

MAX_PARTS: Final = 500
MAX_DEPTH: Final = 100
MAX_TEXT: Final = 8 * 1024 * 1024  # bytes of one part's text; more is cut off
MAX_PROBLEMS: Final = 50
_MAX_NAME: Final = 255

_GENERIC: Final = frozenset({"", "application/octet-stream", "application/x-download", "application/binary"})
_HEADS: Final = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)
# Not the stdlib's: that reads the machine's tables, and says something else on each.
_SUFFIXES: Final = {
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "eml": "message/rfc822",
    "gif": "image/gif",
    "heic": "image/heic",
    "htm": "text/html",
    "html": "text/html",
    "ics": "text/calendar",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "json": "application/json",
    "odt": "application/vnd.oasis.opendocument.text",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "pdf": "application/pdf",
    "png": "image/png",
    "rtf": "application/rtf",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "txt": "text/plain",
    "vcf": "text/vcard",
    "webp": "image/webp",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xml": "application/xml",
    "zip": "application/zip",
}
_TNEF: Final = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_SEALED: Final = frozenset({"multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"})


class Leaf(msgspec.Struct):
    """A part with content of its own. ``within`` is the part of the forwarded message that it is in."""

    part: int
    name: str
    media_type: str
    content: bytes
    inline: bool
    content_id: str | None
    within: int | None


class Segment(msgspec.Struct):
    """A stretch of the message's text, as its sender wrote it: plain, in HTML, or both."""

    plain: str = ""
    html: str = ""


class Parts:
    """Walks a message once; ``leaves`` are its files, ``segments`` its text, in order.

    ``forwarded`` is the text of messages inside of it, ``problems`` what could not be read. ``size`` is the whole
    message's, in bytes.
    """

    def __init__(self, message: Message, size: int) -> None:
        self.leaves: list[Leaf] = []
        self.forwarded: list[Segment] = []
        self.problems: list[str] = []
        self._count = 0
        self._full = False
        self._room = 4 * size  # bytes of messages within: each level has all of the next one in it
        self.segments = self._walk(message, 0, None)

    def problem(self, text: str) -> None:
        """Name something that could not be read, once."""
        if text not in self.problems and len(self.problems) < MAX_PROBLEMS:
            self.problems.append(text)

    def _walk(self, message: Message, depth: int, within: int | None) -> list[Segment]:
        if self._full:
            return []
        if depth > MAX_DEPTH or self._count >= MAX_PARTS:
            self._full = True
            too = f"in more than {MAX_DEPTH} levels" if depth > MAX_DEPTH else f"more than {MAX_PARTS}"
            self.problem(f"its parts are {too}; the rest was not read")
            return []
        for defect in message.defects[:3]:
            self.problem(_words(type(defect).__name__))
        kind = message.get_content_type()
        if kind in _SEALED:
            self.problem("it, or a part of it, is encrypted or wrapped in a signature")
        payload = message.get_payload() if message.is_multipart() else None
        if isinstance(payload, list):
            children = [child for child in payload if isinstance(child, Message)]
            if kind == "message/rfc822" or (kind == "message/global" and children):
                return self._message(message, children, depth, within)
            if kind != "message/delivery-status":
                return self._multipart(kind, children, depth, within)
            content = b"\n".join(child.as_bytes() for child in children[:20])
            self._leaf(message, kind, content, within)
            return []
        return self._single(message, kind, within)

    def _multipart(self, kind: str, children: list[Message], depth: int, within: int | None) -> list[Segment]:
        if not children:
            return []
        found = [self._walk(child, depth + 1, within) for child in children]
        segments = [segment for group in found for segment in group]
        if kind != "multipart/alternative":
            return segments
        plain = "\n".join(segment.plain for segment in segments if segment.plain)
        html = "\n".join(segment.html for segment in segments if segment.html)
        return [Segment(plain, html)] if plain or html else []

    def _message(self, message: Message, children: list[Message], depth: int, within: int | None) -> list[Segment]:
        inner = children[0] if children else Message()
        subject = header_text(inner, "subject")[:100]
        content = _bytes_of(inner) if self._room > 0 else b""
        if self._room <= 0:
            self.problem("it holds too many messages within messages; the content of some is left out")
        self._room -= len(content)
        leaf = self._leaf(message, "message/rfc822", content, within)
        leaf.name = leaf.name or f"{file_name(subject) or 'message'}.eml"
        self.forwarded += self._walk(inner, depth + 1, leaf.part)
        return []

    def _single(self, message: Message, kind: str, within: int | None) -> list[Segment]:
        encoding = str(message.get("content-transfer-encoding", ""))
        del message["content-transfer-encoding"]  # so that the stdlib gives the bytes as they came
        payload = message.get_payload(decode=True)
        raw = payload if isinstance(payload, bytes) else b""
        content, known = decoded_content(raw, encoding)
        if not known:
            self.problem(f"part {self._count + 1}: there is no transfer encoding {one_line(encoding)[:40]!r}")
        # Some programs give the body itself a name.
        is_file = _disposition(message) == "attachment" or (self._count > 0 and bool(_file_name(message)))
        is_text = kind in ("text/plain", "text/html", "text/enriched") or kind.startswith("multipart/")
        if is_file or not is_text:  # what claims to have parts, and says nowhere how they are divided, is a text
            leaf = self._leaf(message, kind, content, within)
            return self._unpacked(leaf)
        self._count += 1
        charset = message.get_content_charset()
        text, sure = decoded(content[:MAX_TEXT], charset)
        if len(content) > MAX_TEXT:
            self.problem(f"part {self._count}: only the first {MAX_TEXT:,} bytes of its text were read")
        if not sure:
            named = f"the charset {one_line(charset)[:40]!r}" if charset else "UTF-8, and it names no charset"
            self.problem(f"part {self._count}: its text is not all in {named}")
        if kind == "text/html":
            return [Segment(html=text)]
        return [Segment(plain=self._without_files(text, content, within))]

    def _without_files(self, text: str, content: bytes, within: int | None) -> str:
        """The text without the uuencoded files in it, which become parts."""
        if b"\nbegin " not in content and not content.startswith(b"begin "):
            return text
        blocks = uuencoded(content)
        kept, at = [], 0
        for name, data, begin, end in blocks[:MAX_PARTS]:
            self._add(name, "", data, inline=False, content_id=None, within=within)
            kept.append(content[at:begin])
            at = end
        return decoded(b"".join(kept) + content[at:], None)[0] if blocks else text

    def _unpacked(self, leaf: Leaf) -> list[Segment]:
        if leaf.media_type not in _TNEF and leaf.name.lower() != "winmail.dat":
            return []
        found = tnef(leaf.content)
        if found is None or not (found.files or found.text or found.html):
            self.problem(f"part {leaf.part}: the winmail.dat cannot be read")
            return []
        for name, content in found.files[:MAX_PARTS]:
            self._add(name, "", content, inline=False, content_id=None, within=leaf.part)
        # What its text is worth is decided where there is no other.
        self.forwarded.append(Segment(found.text, found.html))
        return []

    def _leaf(self, message: Message, kind: str, content: bytes, within: int | None) -> Leaf:
        content_id = one_line(str(message.get("content-id", ""))).strip("<>")[:200] or None
        inline = _disposition(message) == "inline" or (content_id is not None and kind.startswith("image/"))
        return self._add(_file_name(message), kind, content, inline=inline, content_id=content_id, within=within)

    def _add(
        self, name: str, kind: str, content: bytes, *, inline: bool, content_id: str | None, within: int | None
    ) -> Leaf:
        self._count += 1
        name = file_name(name)
        leaf = Leaf(self._count, name, media_type(kind, name, content), content, inline, content_id, within)
        self.leaves.append(leaf)
        return leaf


def text_of(segments: list[Segment]) -> tuple[str, str, bool]:
    """The text, where it is from (``plain``, ``html``, ``none``), and whether all of the HTML could be read."""
    pieces, origins, good = [], set(), True
    for segment in segments:
        plain = tidied_plain(segment.plain)
        if segment.html and _poor(plain):
            rendered, whole = text_of_html(segment.html)
            good = good and whole
            # "Your program cannot show HTML" is no text worth reading.
            if not plain or len(rendered) > 5 * len(plain):
                pieces.append(rendered)
                origins.add("html")
                continue
        if plain:
            pieces.append(plain)
            origins.add("plain")
    origin = "html" if "html" in origins else "plain" if origins else "none"
    return "\n\n".join(piece for piece in pieces if piece), origin, good


def tidied_plain(text: str) -> str:
    """With newlines as lines' ends, without NULs, and without empty lines around it."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").strip("\n ")


def _poor(plain: str) -> bool:
    return len(plain) < 300


def media_type(kind: str, name: str, content: bytes) -> str:
    """The type, from the content's first bytes or the name where its sender said nothing."""
    kind = one_line(kind).lower()[:100]
    if kind not in _GENERIC:
        return kind
    by_head = next((found for head, found in _HEADS if content.startswith(head)), None)
    return by_head or _SUFFIXES.get(name.rpartition(".")[2].lower(), "application/octet-stream")


def file_name(text: str) -> str:
    """A name without folders and control characters, of at most 255 characters."""
    name = one_line(text).replace("\\", "/").rpartition("/")[2].strip(" .\"'")
    if len(name) <= _MAX_NAME:
        return name
    stem, dot, suffix = name.rpartition(".")
    return f"{stem[: _MAX_NAME - 20]}{dot}{suffix[:19]}" if dot else name[:_MAX_NAME]


def _file_name(message: Message) -> str:
    for header, parameter in (("content-disposition", "filename"), ("content-type", "name")):
        try:
            value = message.get_param(parameter, None, header)
        except Exception:  # noqa: BLE001, S112 - RFC 2231's continuations can be broken in ways the stdlib did not foresee
            continue
        if isinstance(value, tuple):
            charset, _, text = value
            return file_name(decoded(str(text).encode("latin-1", "replace"), charset or None)[0])
        if value:
            text = str(value)
            if not text.isascii():
                text = decoded(text.encode("utf-8", "surrogateescape"), None)[0]
            return file_name(decoded_words(text))
    return ""


def _disposition(message: Message) -> str:
    try:
        return message.get_content_disposition() or ""
    except Exception:  # noqa: BLE001 - as above
        return ""


def _bytes_of(message: Message) -> bytes:
    try:
        return message.as_bytes()
    except Exception:  # noqa: BLE001 - the stdlib cannot write all that it can read
        return b""


def _words(name: str) -> str:
    """``StartBoundaryNotFoundDefect`` as words."""
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name.removesuffix("Defect"))
    return f"its structure is broken:{words}"
