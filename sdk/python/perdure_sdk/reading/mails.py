"""The documents in a mail: what is attached to it, read by ``ai.ocr``, and its own text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any, Final

from perdure_sdk.clients import Attachment, DocumentRead, FetchedMessage, OcrOptions
from perdure_sdk.context import JobContext
from perdure_sdk.errors import CallError, Unavailable
from perdure_sdk.reading.document import Document
from perdure_sdk.reading.lines import Labels, lines_of_pages, lines_of_text
from perdure_sdk.reading.replies import forwarded, own_text
from perdure_sdk.reading.words import language_of
from perdure_sdk.whole import message_part

_PAGES: Final = "1-4"
_LOGO_BYTES: Final = 8_000  # of a picture that is too small to be a document
_INLINE_BYTES: Final = 30_000  # the same, of one that is shown within the text
_UNKNOWN: Final = "deu+fra"  # beside English, where the mail does not say which language it is in
_EPOCH: Final = dt.datetime(1970, 1, 1)  # UTC, for days


def day_of(microseconds: int) -> dt.date:
    """The day of a time since 1970, in UTC."""
    return (_EPOCH + dt.timedelta(microseconds=microseconds)).date()


def documents_of(
    ctx: JobContext,
    mailbox: Any,
    uid_validity: int,
    mail: FetchedMessage,
    labels: Labels,
    *,
    languages: str = "",
    on_error: Callable[[str, CallError], None],
) -> Iterator[tuple[Attachment | None, Document, bytes]]:
    """PDFs and pictures attached to a mail, with their content; then the mail's own text, without what it quotes.

    Of a mail that passes another one on, that one's text and sender count.

    Args:
        ctx: the job's; its extension may call ``mail.fetch`` and ``ai.ocr``.
        mailbox: where the mail is.
        uid_validity: the mailbox's.
        mail: the mail.
        labels: what words before amounts mean.
        languages: of the attachments, as Tesseract names them; those that the mail is in, and English, by default.
        on_error: told of an attachment that cannot be read: its name, and why; it may raise the error.
    """
    inner = forwarded(mail.text, mail.subject)
    text = inner.text if inner else own_text(mail.text)
    name, address = (inner.name, inner.address) if inner else (mail.sender.name, mail.sender.address)
    sent = day_of(mail.date) if mail.date is not None else None
    about: dict[str, Any] = {"sender": name, "domain": address.rpartition("@")[2], "sent": sent}
    if not languages:
        languages = "+".join(dict.fromkeys((language_of(f"{mail.subject}\n{text}") or _UNKNOWN, "eng")))
    for attachment in mail.attachments:
        if not _may_be_read(attachment):
            continue
        try:
            content = message_part(ctx, mailbox, mail.uid, uid_validity, attachment.part)
            read = _read(ctx, content, languages)
        except CallError as error:
            on_error(attachment.name or attachment.media_type, error)
        else:
            lines = lines_of_pages(read.pages)
            yield attachment, Document(f"attachment:{attachment.part}", lines, labels, **about), content
    yield None, Document("body", lines_of_text(text), labels, **about), b""


def _may_be_read(attachment: Attachment) -> bool:
    if attachment.media_type.startswith("image/"):
        return attachment.size > (_INLINE_BYTES if attachment.inline else _LOGO_BYTES)
    return "pdf" in attachment.media_type or attachment.name.lower().endswith(".pdf")


def _read(ctx: JobContext, content: bytes, languages: str) -> DocumentRead:
    try:
        return ctx.ai.ocr(data=content, options=OcrOptions(language=languages), pages=_PAGES)
    except Unavailable:  # most often the host has no data for a language
        if languages == "eng":
            raise
        return ctx.ai.ocr(data=content, pages=_PAGES)
