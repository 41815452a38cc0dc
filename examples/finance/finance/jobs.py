"""The extension and its jobs: scan a mailbox for receipts, report what was spent, answer questions about it."""

import datetime as dt
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from perdure_sdk import CallError, Extension, JobContext, LibraryDenied, PermissionDenied, RateLimited, Unavailable
from perdure_sdk.clients import Attachment, Entry, FetchedMessage, ListedMessage

from finance import report as reports
from finance.detection import LABELS_OF_MAIL, kind_of, own_text, probability
from finance.extraction import Document, document, extracted
from finance.words import fold, language_of

ext = Extension(
    "finance",
    name="Finance",
    version="0.1.0",
    description="Finds the receipts and invoices in a mailbox, and says what was spent on what.",
    methods=["query:mail.list", "query:mail.fetch", "query:ai.ocr", "query:ai.classify_text", "query:ai.embed", "query:clock.now", "query:vdfs.list_entries", "query:vdfs.read_sidecar", "action:vdfs.create_entry", "action:vdfs.append_content", "action:vdfs.update_metadata", "action:vdfs.write_sidecar"],
    max_memory_mb=512,
)
_OURS = (PermissionDenied, LibraryDenied, RateLimited)  # nobody's mail is to blame for these
_CHUNK = 4 << 20


@dataclass
class ScanState:
    """Which mailbox, and how far it was read. ``language``: Tesseract's; ``since``: a date, older mails are passed over."""

    mailbox: dict[str, Any]
    language: str = ""
    since: str = ""
    rescan: bool = False
    uid_validity: int | None = None
    last_uid: int = 0
    messages: int = 0
    receipts: int = 0
    problems: int = 0


@ext.job
def scan(ctx: JobContext, state: ScanState) -> None:
    """Read a mailbox from where the last scan ended, and keep each receipt as an entry."""
    name = hashlib.sha256(json.dumps({key: state.mailbox.get(key) for key in ("type", "host", "username", "credential", "folder", "file")}).encode()).hexdigest()[:24]
    cursor = ctx.vdfs.create_entry(name, kind="finance.mailbox", if_absent=True)
    if state.uid_validity is None and not state.rescan:
        state.uid_validity, state.last_uid = cursor.metadata.get("uid_validity"), cursor.metadata.get("last_uid", 0)
    more = True
    while more:
        page = ctx.mail.list(state.mailbox, after_uid=state.last_uid, uid_validity=state.uid_validity, limit=50)
        if page.reset:
            ctx.add_warning("the mailbox has new uids: it is read from its beginning; what is known is not kept twice")
        state.uid_validity = page.uid_validity
        for mail in page.messages:
            ctx.check_interrupt()
            if not state.since or mail.date is None or day_of(mail.date).isoformat() >= state.since:
                try:
                    state.receipts += _examined(ctx, state, mail)
                except _OURS:
                    raise
                except CallError as error:
                    _warn(ctx, state, mail, error)
            state.last_uid, state.messages = mail.uid, state.messages + 1
            ctx.increment_items()
            ctx.increment_bytes(mail.size)
            ctx.report_progress(mail.uid / max((page.uid_next or mail.uid + 2) - 1, 1), f"{state.messages} messages, {state.receipts} receipts")
            ctx.checkpoint(state)
        more, state.last_uid = page.next_uid is not None, page.next_uid or state.last_uid
        ctx.vdfs.update_metadata(cursor.id, metadata={"uid_validity": state.uid_validity, "last_uid": state.last_uid})


def _warn(ctx: JobContext, state: ScanState, mail: ListedMessage, error: object) -> None:
    state.problems += 1
    ctx.add_warning(f"message {mail.uid}: {error}"[:500])


def _examined(ctx: JobContext, state: ScanState, listed: ListedMessage) -> int:
    """How many receipts a message has that are entries now."""
    mail = ctx.mail.fetch(state.mailbox, listed.uid, state.uid_validity or 0)
    key = hashlib.sha256(json.dumps([mail.message_id or mail.sha256, mail.date, mail.sender.address]).encode()).hexdigest()[:24]
    done = {entry.name for entry in ctx.vdfs.list_entries(kind="receipt", name_prefix=key).entries if entry.sidecars == 3}
    found = 0
    for part, doc, attachment, content in _documents(ctx, state, listed, mail):
        if f"{key}-{part}" in done:
            found += 1
        elif part or not found:
            chance = probability(doc, mail.subject, attachment.name if attachment else "", bulk=bool(mail.headers.keys() & {"list_id", "precedence"}))
            if 0.3 < chance < 0.7:
                said = ctx.ai.classify_text(f"{mail.subject}\n{doc.text}"[:4000], labels=list(LABELS_OF_MAIL), prompt="What is this?")
                chance = (chance + (said.scores or {LABELS_OF_MAIL[0]: float(said.label == LABELS_OF_MAIL[0])})[LABELS_OF_MAIL[0]]) / 2
            if chance >= 0.5:
                if content is None:
                    content = _content(ctx, state, listed, 0)
                _keep(ctx, mail, doc, f"{key}-{part}", attachment, content, chance)
                found += 1
    return found


def _documents(ctx: JobContext, state: ScanState, listed: ListedMessage, mail: FetchedMessage) -> Iterator[tuple[int, Document, Attachment | None, bytes | None]]:
    """What may be a receipt in a mail: PDFs and pictures, then its own text."""
    text = own_text(mail.text)
    about = {"sender": mail.sender.name, "domain": mail.sender.address.rpartition("@")[2], "sent": day_of(mail.date) if mail.date else None}
    for attachment in mail.attachments:
        picture = attachment.media_type.startswith("image/")
        if not (picture or "pdf" in attachment.media_type or attachment.name.lower().endswith(".pdf")) or (picture and attachment.size < (30_000 if attachment.inline else 8_000)):
            continue
        try:
            content = _content(ctx, state, listed, attachment.part)
            language = state.language or "+".join(dict.fromkeys([language_of(f"{mail.subject}\n{text}") or "deu+fra", "eng"]))
            try:
                read = ctx.ai.ocr(data=content, options={"language": language}, pages="1-4")
            except Unavailable:
                read = ctx.ai.ocr(data=content, options={"language": "eng"}, pages="1-4")
        except _OURS:
            raise
        except CallError as error:
            _warn(ctx, state, listed, f"{attachment.name or attachment.media_type}: {error}")
            continue
        pages = [[(line, _box(page.words, number)) for number, line in enumerate(page.text.split("\n"))] for page in read.pages]
        yield attachment.part, document(f"attachment:{attachment.part}", pages, scanned=any(page.source == "ocr" for page in read.pages), **about), attachment, content
    yield 0, document("body", [[(line, None) for line in text.splitlines()]], **about), None, None


def _box(words: list[Any], line: int) -> list[float] | None:
    boxes = [word.box for word in words if word.line == line]
    return [round(choose(box[side] for box in boxes), 1) for side, choose in enumerate((min, min, max, max))] if boxes else None


def _content(ctx: JobContext, state: ScanState, listed: ListedMessage, part: int) -> bytes:
    """An attachment's bytes, or the whole message's."""
    content, offset = b"", 0
    while offset is not None:
        mail = ctx.mail.fetch(state.mailbox, listed.uid, state.uid_validity or 0, part=part, offset=offset, max_bytes=_CHUNK)
        found = next((one for one in mail.attachments if one.part == part), None)
        piece, offset = (found.content, found.next_offset) if found else (mail.raw, mail.next_offset)
        content += piece or b""
    return content


def _keep(ctx: JobContext, mail: FetchedMessage, doc: Document, name: str, attachment: Attachment | None, content: bytes, chance: float) -> None:
    """Make the entry with its sidecars; what is there already, from a scan that was broken off, is completed."""
    kind = kind_of(doc, mail.subject)
    found = extracted(doc, credit=kind == "credit_note")
    plain = {key: found[key]["value"] for key in ("vendor", "date", "total", "currency", "invoice_number")}
    texts = [f"{plain['vendor']} {mail.subject}", *(item["description"] for item in found["items"][:12])]
    category, names = reports.category_of(" ".join([*texts, doc.domain])), list(reports.CATEGORIES)
    meaning = ctx.ai.embed([*texts, *(f"{one}: {', '.join(reports.CATEGORIES[one][:8])}" for one in names)])
    vectors = reports.vectors_of(b"".join(meaning.vectors), meaning.dimensions)
    if not category:
        category = max(zip(vectors[len(texts) :], names, strict=True), key=lambda one: reports.cosine(one[0], vectors[0]))[1]
    about = {**plain, "category": category, "kind": kind, "month": (plain["date"] or "")[:7], "message_id": mail.message_id, "subject": mail.subject[:200]}
    media_type = (attachment.media_type if attachment.media_type != "application/octet-stream" else "application/pdf") if attachment else "message/rfc822"
    entry = ctx.vdfs.create_entry(name, kind="receipt", media_type=media_type, metadata=about, content=content[:_CHUNK], if_absent=True)
    for offset in range(_CHUNK, len(content), _CHUNK):
        ctx.vdfs.append_content(entry.id, offset, content[offset : offset + _CHUNK])
    email = {"message_id": mail.message_id, "subject": mail.subject, "from": vars(mail.sender), "to": [vars(one) for one in mail.to], "date": mail.date, "headers": mail.headers, "text": mail.text, "attachments": [{"part": one.part, "name": one.name, "media_type": one.media_type, "size": one.size} for one in mail.attachments]}
    for sidecar, value in (("email.json", email), ("receipt.json", {"is_receipt": True, "confidence": round(chance, 2), "kind": kind, **found}), ("meaning.json", {"model": meaning.model, "texts": texts, "vectors": [list(vector) for vector in vectors[: len(texts)]]})):
        ctx.vdfs.write_sidecar(entry.id, sidecar, media_type="application/json", text=json.dumps(value, ensure_ascii=False))


def day_of(microseconds: int) -> dt.date:
    """The day of a time, in UTC."""
    return (dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=microseconds)).date()


def _receipts(ctx: JobContext, first: str | None, end: str | None) -> list[Entry]:
    """The entries of receipts from a day on until before another, by date."""
    found: list[Entry] = []
    cursor: str | None = ""
    while cursor is not None:
        ctx.check_interrupt()
        page = ctx.vdfs.list_entries(kind="receipt", limit=500, cursor=cursor or None)
        found += [one for one in page.entries if one.metadata.get("total") and (first or "") <= (one.metadata["date"] or "") < (end or "9")]
        cursor = page.next
    return sorted(found, key=lambda one: (one.metadata["date"] or "", one.name))


@dataclass
class ReportState:
    """Which days, both included; ``rates``: what one unit of a currency is in ``base_currency``."""

    first: str | None = None
    last: str | None = None
    base_currency: str | None = None
    rates: dict[str, str] = field(default_factory=dict)


@ext.job
def report(ctx: JobContext, state: ReportState) -> dict[str, Any]:
    """Sum up receipts by month, category and vendor, into a CSV and a spreadsheet."""
    entries = _receipts(ctx, state.first, f"{state.last}~" if state.last else None)
    rows = reports.converted((entry.metadata for entry in entries), state.base_currency or "", state.rates)
    now = ctx.now()
    name = f"receipts {state.first or ''}-{state.last or now.date().isoformat()}"
    book = reports.spreadsheet_of(rows, now)
    table = ctx.vdfs.create_entry(f"{name}.csv", kind="report", media_type="text/csv", text=reports.csv_of(rows))
    sheet = ctx.vdfs.create_entry(f"{name}.xlsx", kind="report", media_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", content=book)
    told = {by: [[*key, str(value)] for key, value in reports.sums(rows, by, "currency").items()] for by in ("month", "category", "vendor")}
    return {"receipts": len(rows), "csv": str(table.id), "spreadsheet": str(sheet.id), **told}


@dataclass
class AskState:
    """A question, like ``coffee last quarter``."""

    question: str = ""
    limit: int = 50


@ext.job
def ask(ctx: JobContext, state: AskState) -> dict[str, Any]:
    """Find the receipts that a question means, and what they come to."""
    first, end, rest = reports.period_of(state.question, ctx.now().date())
    entries = _receipts(ctx, first.isoformat() if first else None, end.isoformat() if end else None)
    words = {word for word in fold(rest).split() if len(word) > 3}
    wanted = ctx.ai.embed([rest]).vectors[0] if rest.strip() else b""
    question = reports.vectors_of(wanted, len(wanted) // 4)[0] if wanted else None
    matches = []
    for entry in entries:
        ctx.check_interrupt()
        meaning = json.loads(ctx.vdfs.read_sidecar(entry.id, "meaning.json", text=True).text or "{}")
        near = max((reports.cosine(question, vector) for vector in meaning["vectors"]), default=0.0) if question else 1.0
        near += 0.3 * any(word in fold(" ".join(meaning["texts"])) for word in words)
        matches.append((near, entry))
    best = max((near for near, _ in matches), default=0.0)
    kept = sorted([one for one in matches if one[0] >= max(0.35, best * 0.75)], key=lambda one: -one[0])[: state.limit]
    totals = reports.sums((entry.metadata for _, entry in kept), "currency")
    found = [{"entry": str(entry.id), "score": round(near, 3), **{key: entry.metadata[key] for key in ("vendor", "date", "total", "currency", "category")}} for near, entry in kept]
    answer = {"from": first and first.isoformat(), "before": end and end.isoformat(), "totals": {key[0]: str(value) for key, value in totals.items()}, "matches": found}
    made = ctx.vdfs.create_entry(f"answer {ctx.now():%Y-%m-%d %H.%M.%S}", kind="answer", media_type="application/json", text=json.dumps({"question": state.question, **answer}, ensure_ascii=False))
    return {"answer": str(made.id), **answer}
