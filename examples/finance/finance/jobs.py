"""The extension and its jobs: scan a mailbox for receipts, report what was spent, answer questions about it."""

import datetime as dt
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from finance.detection import kind_of, probability
from finance.extraction import LABELS, WORDS, extracted
from finance.report import CATEGORIES, COLUMNS, category_of, converted, spreadsheet_of, sums, words_in
from perdure_sdk import CallError, Extension, JobContext, LibraryDenied, PermissionDenied, RateLimited, Unavailable
from perdure_sdk.clients import Attachment, FetchedMessage, ListedMessage, OcrOptions
from perdure_sdk.reading.dates import span_in
from perdure_sdk.reading.document import Document
from perdure_sdk.reading.lines import lines_of_pages, lines_of_text
from perdure_sdk.reading.replies import own_text
from perdure_sdk.reading.words import language_of
from perdure_sdk.tables import csv_text
from perdure_sdk.vectors import cosine, from_base64, to_base64
from perdure_sdk.whole import each_entry, each_message, message_part, store_entry

CALLS = "query:mail.list query:mail.fetch query:ai.ocr query:ai.classify_text query:ai.embed query:clock.now"
ENTRIES = "query:vdfs.list_entries query:vdfs.read_sidecar action:vdfs.create_entry action:vdfs.append_content"
ext = Extension(
    "finance",
    name="Finance",
    version="0.1.0",
    description="Finds the receipts and invoices in a mailbox, and says what was spent on what.",
    methods=[*CALLS.split(), *ENTRIES.split(), "action:vdfs.update_metadata", "action:vdfs.write_sidecar"],
)
FOUND = ("vendor", "date", "total", "currency", "invoice_number")


@dataclass
class ScanState:
    """Which mailbox, and how far it was read. ``language``: Tesseract's names; ``since``: a day, as 2026-01-31."""

    mailbox: Any
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
    cursor = ctx.vdfs.create_entry(_key(state.mailbox), kind="finance.mailbox", if_absent=True)
    if state.uid_validity is None and not state.rescan:
        state.uid_validity, state.last_uid = cursor.metadata.get("uid_validity"), cursor.metadata.get("last_uid", 0)
    for page, mail in each_message(ctx, state.mailbox, after_uid=state.last_uid, uid_validity=state.uid_validity):
        if page.reset and state.uid_validity != page.uid_validity:
            ctx.add_warning("the mailbox has new uids, it is read from its beginning; no receipt is kept twice")
        state.uid_validity = page.uid_validity
        try:
            if mail.date is None or str(_day(mail.date)) >= state.since:
                state.receipts += _examined(ctx, state, mail)
        except CallError as error:
            _warn(ctx, state, mail, error)
        state.last_uid, state.messages = mail.uid, state.messages + 1
        ctx.increment_items()
        ctx.increment_bytes(mail.size)
        done = mail.uid / max((page.uid_next or mail.uid + 2) - 1, 1)
        ctx.report_progress(done, f"{state.messages} messages, {state.receipts} receipts")
        ctx.vdfs.update_metadata(cursor.id, metadata={"uid_validity": page.uid_validity, "last_uid": mail.uid})
        ctx.checkpoint(state)


def _warn(ctx: JobContext, state: ScanState, mail: ListedMessage, error: CallError, what: str = "") -> None:
    """Warn of a message that is broken; what is no message's fault is raised."""
    if isinstance(error, PermissionDenied | LibraryDenied | RateLimited) or (error.code == "unavailable" and not what):
        raise error
    state.problems += 1
    ctx.add_warning(f"message {mail.uid}{what}: {error}"[:500])


def _examined(ctx: JobContext, state: ScanState, listed: ListedMessage) -> int:
    """How many receipts a message has; they are entries now."""
    mail, found = ctx.mail.fetch(state.mailbox, listed.uid, state.uid_validity or 0), 0
    key = _key([mail.message_id or mail.sha256, mail.date, mail.sender.address])
    done = {entry.name for entry in each_entry(ctx, kind="receipt", name_prefix=key) if entry.sidecars == 3}
    for attachment, doc, content in _documents(ctx, state, listed, mail):
        part = attachment.part if attachment else 0
        if f"{key}-{part}" in done:
            found += 1
        elif part or not found:  # a mail's own text only repeats what is attached
            bulk = bool(mail.headers.keys() & {"list_id", "precedence"})
            chance = probability(doc, mail.subject, attachment.name if attachment else "", bulk=bulk)
            if 0.3 < chance < 0.7:
                said = ctx.ai.classify_text(f"{mail.subject}\n{doc.text}"[:4000], labels=WORDS["classes"]["labels"])
                chance = chance / 2 + 0.5 * (said.label == WORDS["classes"]["labels"][0])
            if chance >= 0.5:
                original = content or message_part(ctx, state.mailbox, mail.uid, state.uid_validity or 0, 0)
                _keep(ctx, mail, doc, f"{key}-{part}", attachment, original, chance)
                found += 1
    return found


def _documents(
    ctx: JobContext, state: ScanState, listed: ListedMessage, mail: FetchedMessage
) -> Iterator[tuple[Attachment | None, Document, bytes]]:
    """What may be a receipt in a mail: PDFs and pictures, then its own text."""
    text, day = own_text(mail.text), _day(mail.date) if mail.date else None
    about: dict[str, Any] = {"sender": mail.sender.name, "domain": mail.sender.address.rpartition("@")[2], "sent": day}
    languages = state.language or "+".join(dict.fromkeys((language_of(f"{mail.subject}\n{text}") or "deu+fra", "eng")))
    for one in mail.attachments:
        picture, pdf = one.media_type.startswith("image/"), "pdf" in f"{one.media_type} {one.name[-4:].lower()}"
        if not pdf and not (picture and one.size > (30_000 if one.inline else 8_000)):  # logos
            continue
        try:
            content = message_part(ctx, state.mailbox, mail.uid, state.uid_validity or 0, one.part)
            try:
                read = ctx.ai.ocr(data=content, options=OcrOptions(language=languages), pages="1-4")
            except Unavailable:  # no data for a language
                read = ctx.ai.ocr(data=content, pages="1-4")
        except CallError as error:
            _warn(ctx, state, listed, error, f", {one.name or one.media_type}")
        else:
            yield one, Document(f"attachment:{one.part}", lines_of_pages(read.pages), LABELS, **about), content
    yield None, Document("body", lines_of_text(text), LABELS, **about), b""


def _keep(
    ctx: JobContext,
    mail: FetchedMessage,
    doc: Document,
    name: str,
    attachment: Attachment | None,
    content: bytes,
    chance: float,
) -> None:
    """Make the entry with its sidecars; what a scan that was broken off has left is completed."""
    kind = kind_of(doc, mail.subject)
    fields = extracted(doc, credit=kind == "credit_note")
    plain = {one: fields[one]["value"] for one in FOUND}
    texts = [f"{plain['vendor']} {mail.subject}", *(item["description"] for item in fields["items"][:12])]
    meant = ctx.ai.embed([*texts, *(f"{one}: {', '.join(words)}" for one, words in CATEGORIES.items())]).vectors
    near = [cosine(meant[0], one) for one in meant[len(texts) :]]
    category = category_of(f"{' '.join(texts)} {doc.domain}") or list(CATEGORIES)[near.index(max(near))]
    about = {
        **plain,
        "category": category,
        "kind": kind,
        "month": (plain["date"] or "")[:7],
        "subject": mail.subject[:200],
    }
    media_type = attachment.media_type.replace("octet-stream", "pdf") if attachment else "message/rfc822"
    about["message_id"] = mail.message_id
    entry = store_entry(ctx, name, content, kind="receipt", media_type=media_type, metadata=about, if_absent=True)
    told = {"is_receipt": True, "confidence": round(chance, 2), "kind": kind, **fields}
    meaning = {"texts": texts, "vectors": to_base64(meant[: len(texts)])}
    for sidecar, value in {"email.json": asdict(mail), "receipt.json": told, "meaning.json": meaning}.items():
        text = json.dumps(value, ensure_ascii=False)
        ctx.vdfs.write_sidecar(entry.id, sidecar, media_type="application/json", text=text)


def _day(microseconds: int) -> dt.date:
    return (dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=microseconds)).date()


def _key(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:24]


@dataclass
class ReportState:
    """The first day and the one after the last; ``rates``: what one unit of a currency is in ``base_currency``."""

    first: str = ""
    before: str = "9999"
    base_currency: str = ""
    rates: dict[str, str] = field(default_factory=dict)


@ext.job
def report(ctx: JobContext, state: ReportState) -> dict[str, Any]:
    """Sum up receipts by month, category and vendor, into a CSV and a spreadsheet."""
    entries = [one.metadata for one in each_entry(ctx, kind="receipt", limit=500) if one.metadata["total"]]
    dated = sorted(
        (one for one in entries if state.first <= (one["date"] or "") < state.before), key=lambda one: one["date"] or ""
    )
    rows, now = converted(dated, state.base_currency, state.rates), ctx.now()
    book = store_entry(ctx, f"receipts {now:%Y-%m-%d %H%M%S}.xlsx", spreadsheet_of(rows, now), kind="report")
    table = store_entry(ctx, f"receipts {now:%Y-%m-%d %H%M%S}.csv", csv_text(COLUMNS, rows).encode(), kind="report")
    told = {by: sums(rows, by, "currency") for by in ("month", "category", "vendor")}
    return {"receipts": len(rows), "spreadsheet": str(book.id), "csv": str(table.id), **told}


@ext.job
def ask(ctx: JobContext, state: dict[str, Any]) -> dict[str, Any]:
    """Find the receipts that a ``question`` means, like ``coffee last quarter``, and what they come to."""
    first, before, rest = span_in(state["question"], ctx.now().date())
    asked = ctx.ai.embed([rest or "spent"]).vectors[0]
    found = []
    for entry in each_entry(ctx, kind="receipt", limit=500):
        day = entry.metadata["date"] or ""
        if first and before and not str(first) <= day < str(before):
            continue
        meaning = json.loads(ctx.vdfs.read_sidecar(entry.id, "meaning.json", text=True).text or "{}")
        near = max(cosine(asked, one) for one in from_base64(meaning["vectors"])) + 0.4 * words_in(
            rest, meaning["texts"]
        )
        found.append({"entry": str(entry.id), "score": round(near, 3), **{one: entry.metadata[one] for one in FOUND}})
    enough = max(0.35, 0.7 * max((one["score"] for one in found), default=0.0)) if rest else -2.0
    matches = sorted((one for one in found if one["score"] >= enough), key=lambda one: -one["score"])
    answer = {"from": first and str(first), "before": before and str(before), "totals": sums(matches, "currency")}
    answer |= {"question": state["question"], "matches": matches[:100]}
    store_entry(ctx, f"answer {ctx.now():%Y-%m-%d %H%M%S.%f}.json", json.dumps(answer).encode(), kind="answer")
    return answer
