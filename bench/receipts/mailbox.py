"""Messages as mail (RFC 5322), and as an mbox file; the bytes are the same each time."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterable
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final

from bench.receipts.labels import Message

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")  # asctime's, whatever the process's locale is
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Lines that a reader of mbox would take for the next message (mboxrd).
_FROM: Final = re.compile(rb"^(>*From )", re.MULTILINE)


def mail(message: Message) -> bytes:
    """With CRLF."""
    sent = dt.datetime.fromisoformat(message.sent).replace(tzinfo=dt.UTC)
    made = EmailMessage(policy=SMTP)
    name, address = message.sender
    made["From"] = f'"{name}" <{address}>' if name else address
    made["To"] = message.recipient[1]
    made["Subject"] = message.subject
    made["Date"] = sent
    made["Message-ID"] = message.message_id
    for header, value in message.headers:
        made[header] = value
    if message.text is not None:
        made.set_content(message.text, charset=message.charset if _fits(message) else "utf-8")
    if message.html is not None:
        if message.text is None:
            made.set_content(message.html, subtype="html")
        else:
            made.add_alternative(message.html, subtype="html")
    for attached in message.attachments:
        kind, _, subtype = attached.media_type.partition("/")
        made.add_attachment(attached.content, maintype=kind, subtype=subtype, filename=attached.name)
    for index, part in enumerate(made.walk()):
        if part.is_multipart():
            part.set_boundary("=_" + hashlib.sha256(f"{message.id} {index}".encode()).hexdigest()[:24])
    return made.as_bytes()


def mbox(messages: Iterable[Message]) -> bytes:
    """One file, with LF."""
    parts = []
    for message in messages:
        sent = dt.datetime.fromisoformat(message.sent)
        body = _FROM.sub(rb">\1", mail(message).replace(b"\r\n", b"\n"))
        day, month = _DAYS[sent.weekday()], _MONTHS[sent.month - 1]
        head = f"From {message.sender[1]} {day} {month} {sent.day:2} {sent:%H:%M:%S} {sent.year}\n"
        parts.append(head.encode() + body.rstrip(b"\n") + b"\n\n")
    return b"".join(parts)


def _fits(message: Message) -> bool:
    try:
        (message.text or "").encode(message.charset)
    except UnicodeEncodeError:
        return False
    return True
