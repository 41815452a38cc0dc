"""What Outlook puts into a winmail.dat (MS-OXTNEF). Never fails."""

from __future__ import annotations

import logging

import msgspec
import tnefparse
from tnefparse.tnef import TNEFAttachment

from perdure.runtime.mail.parsing.charsets import decoded
from perdure.runtime.mail.parsing.processor_time import OutOfTime, at_most

_SECONDS = 5.0  # the library copies what is left at each object, and can be made to walk in circles


class Tnef(msgspec.Struct):
    """Its files as name and content, its text and its HTML; empty if there is none."""

    files: list[tuple[str, bytes]]
    text: str
    html: str


def tnef(data: bytes) -> Tnef | None:
    """What is in it; None if that cannot be read."""
    logging.getLogger("tnefparse").setLevel(logging.CRITICAL)
    try:
        with at_most(_SECONDS):
            read = tnefparse.TNEF(data, do_checksum=False)
            files = [_file(attachment) for attachment in read.attachments]
            return Tnef(files, _text(read.body), _text(read.htmlbody))
    except OutOfTime:
        return None
    except Exception:  # noqa: BLE001 - it has no error of its own: what it meets is what struct, codecs and lists raise
        return None


def _file(attachment: TNEFAttachment) -> tuple[str, bytes]:
    try:
        name = attachment.long_filename()
    except Exception:  # noqa: BLE001 - a name in a charset that is none must not cost the file
        name = ""
    if isinstance(name, bytes):
        name = decoded(name, None)[0]
    return str(name).strip("\0"), bytes(attachment.data)


def _text(body: object) -> str:
    if isinstance(body, list):  # a property may have several values
        body = body[0] if body else ""
    if isinstance(body, bytes):
        return decoded(body, None)[0].strip("\0")
    return str(body or "").strip("\0")
