"""The extension and its jobs: scan a mailbox for receipts, report what was spent, answer questions about it."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from finance.detection import kind_of, probability
from finance.extraction import LABELS, WORDS, extracted
from finance.report import COLUMNS, category_of, converted, spreadsheet_of
from perdure_sdk import CallError, Extension, JobContext, OperationFailed
from perdure_sdk.clients import FetchedMessage, ListedMessage
from perdure_sdk.reading.dates import span_in
from perdure_sdk.reading.document import Document
from perdure_sdk.reading.mails import day_of, documents_of
from perdure_sdk.reading.words import fold
from perdure_sdk.tables import csv_text, sums
from perdure_sdk.vectors import cosine, from_base64, nearest, to_base64
from perdure_sdk.whole import each_entry, each_message, message_part, stable_name, store_entry

QUERIES = "mail.list mail.fetch ai.ocr ai.classify_text ai.embed clock.now vdfs.list_entries vdfs.read_sidecar"
ACTIONS = "vdfs.create_entry vdfs.append_content vdfs.update_metadata vdfs.write_sidecar"
ext = Extension(
    "finance",
    name="Finance",
    version="0.1.0",
    description="Finds the receipts and invoices in a mailbox, and says what was spent on what.",
    methods=[*(f"query:{name}" for name in QUERIES.split()), *(f"action:{name}" for name in ACTIONS.split())],
    network_access=WORDS["servers"]["imap"],
    requests_per_minute=60_000,  # a mail without attachments takes some milliseconds
)
SHOWN = ("vendor", "date", "total", "currency", "invoice_number")


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


@ext.job
def scan(ctx: JobContext, state: ScanState) -> None:
    """Read a mailbox from where the last scan ended, and keep each receipt as an entry."""
    cursor = ctx.vdfs.create_entry(stable_name(state.mailbox), kind="finance.mailbox", if_absent=True)
    if state.uid_validity is None and not state.rescan:
        state.uid_validity, state.last_uid = cursor.metadata.get("uid_validity"), cursor.metadata.get("last_uid", 0)
    for page, mail in each_message(ctx, state.mailbox, after_uid=state.last_uid, uid_validity=state.uid_validity):
        if page.reset and state.uid_validity != page.uid_validity:
            ctx.add_warning("the mailbox has new uids, it is read from its beginning; no receipt is kept twice")
        state.uid_validity = page.uid_validity
        try:
            if mail.date is None or str(day_of(mail.date)) >= state.since:
                state.receipts += _examined(ctx, state, mail)
        except OperationFailed as error:  # anything else is not the message's fault: the next scan begins with it
            ctx.add_warning(f"message {mail.uid}: {error}"[:500])
        state.last_uid, state.messages = mail.uid, state.messages + 1
        ctx.increment_items()
        ctx.increment_bytes(mail.size)
        done = mail.uid / max((page.uid_next or mail.uid + 2) - 1, 1)
        ctx.report_progress(done, f"{state.messages} messages, {state.receipts} receipts")
        ctx.vdfs.update_metadata(cursor.id, metadata={"uid_validity": page.uid_validity, "last_uid": mail.uid})
        ctx.checkpoint(state)


def _examined(ctx: JobContext, state: ScanState, listed: ListedMessage) -> int:
    """How many receipts a message has; they are entries now."""
    box, validity, found = state.mailbox, state.uid_validity or 0, 0
    mail = ctx.mail.fetch(box, listed.uid, validity)
    key = stable_name([mail.message_id or mail.sha256, mail.date, mail.sender.address])
    kept = {entry.name for entry in each_entry(ctx, kind="receipt", name_prefix=key) if entry.sidecars == 3}

    def broken(name: str, error: CallError) -> None:
        if error.code not in {"failed", "invalid_payload", "unavailable"}:
            raise error
        ctx.add_warning(f"message {mail.uid}, {name}: {error}"[:500])

    documents = documents_of(ctx, box, validity, mail, LABELS, languages=state.language, on_error=broken)
    for attachment, doc, document in documents:
        part, labels = attachment.part if attachment else 0, WORDS["classes"]["labels"]
        if f"{key}-{part}" in kept:
            found += 1
        elif attachment or not found:  # a mail's own text only repeats what is attached
            bulk = bool(mail.headers.keys() & {"list_id", "precedence"})
            chance = probability(doc, mail.subject, attachment.name if attachment else "", bulk=bulk)
            if 0.3 < chance < 0.7:
                said = ctx.ai.classify_text(f"{mail.subject}\n{doc.text}"[:4000], labels=labels)
                chance = chance / 2 + 0.5 * (said.label == labels[0])
            if chance >= 0.5:
                media_type = attachment.media_type.replace("octet-stream", "pdf") if attachment else "message/rfc822"
                content = document or message_part(ctx, box, mail.uid, validity, 0)
                _keep(ctx, mail, doc, f"{key}-{part}", chance, content=content, media_type=media_type)
                found += 1
    return found


def _keep(ctx: JobContext, mail: FetchedMessage, doc: Document, name: str, sure: float, **original: Any) -> None:
    """Make the entry with its sidecars; what a scan that was broken off has left is completed."""
    kind = kind_of(doc, mail.subject)
    fields = extracted(doc, credit=kind == "credit_note")
    plain = {one: fields[one]["value"] for one in SHOWN}
    bought = [item["description"] for item in fields["items"][:12]]
    texts = [f"{plain['vendor']}: {', '.join(bought) or mail.subject}", *bought]
    meant = ctx.ai.embed([*texts, *WORDS["meaning"].values()]).vectors
    likely = nearest(meant[0], zip(WORDS["meaning"], meant[len(texts) :], strict=True), 1)[0][0]
    category = category_of(f"{' '.join(texts)} {doc.domain}") or likely
    about = {**plain, "category": category, "kind": kind, "month": (plain["date"] or "")[:7]}
    about |= {"message_id": mail.message_id, "subject": mail.subject[:200]}
    entry = store_entry(ctx, name, kind="receipt", metadata=about, if_absent=True, **original)
    told = {"is_receipt": True, "confidence": round(sure, 2), "kind": kind, **fields}
    meaning = {"texts": texts, "vectors": to_base64(meant[: len(texts)])}
    for sidecar, value in {"email.json": asdict(mail), "receipt.json": told, "meaning.json": meaning}.items():
        text = json.dumps(value, ensure_ascii=False)
        ctx.vdfs.write_sidecar(entry.id, sidecar, media_type="application/json", text=text)


@dataclass
class ReportState:
    """The first day and the one after the last; ``rates``: what one unit of a currency is in ``base_currency``."""

    first: str = ""
    before: str = "9999"
    base_currency: str = ""
    rates: dict[str, float] = field(default_factory=dict)


@ext.job
def report(ctx: JobContext, state: ReportState) -> dict[str, Any]:
    """Sum up receipts by month, category and vendor, into a CSV and a spreadsheet."""
    found = [one.metadata for one in each_entry(ctx, kind="receipt", limit=500) if one.metadata["total"]]
    dated = [one for one in found if state.first <= (one["date"] or "") < state.before]
    rows = converted(sorted(dated, key=lambda one: one["date"] or ""), state.base_currency, state.rates)
    now, name = ctx.now(), f"receipts {ctx.now():%Y-%m-%d %H%M%S}"
    book = store_entry(ctx, f"{name}.xlsx", spreadsheet_of(rows, now), kind="report")
    table = store_entry(ctx, f"{name}.csv", csv_text(COLUMNS, rows).encode(), kind="report", media_type="text/csv")
    told = {by: sums(rows, by, "currency") for by in ("month", "category", "vendor")}
    ctx.report_progress(1, f"{len(rows)} receipts, in {name}.xlsx and .csv")
    return {"receipts": len(rows), "spreadsheet": str(book.id), "csv": str(table.id), **told}


@ext.job
def ask(ctx: JobContext, state: dict[str, str]) -> dict[str, Any]:
    """Find the receipts that a ``question`` means, like ``coffee last quarter``, and what they come to."""
    if "question" not in state:
        raise ValueError('state: it needs a question, as {"question": "coffee last quarter"}')
    first, before, rest = span_in(state["question"], ctx.now().date())
    asked, words = ctx.ai.embed([rest or "spent"]).vectors[0], [one for one in rest.split() if len(one) > 3]
    found = []
    for entry in each_entry(ctx, kind="receipt", limit=500):
        about = {one: entry.metadata[one] for one in SHOWN}
        if entry.sidecars < 3 or (first and not str(first) <= (about["date"] or "") < str(before)):
            continue
        meaning = json.loads(ctx.vdfs.read_sidecar(entry.id, "meaning.json", text=True).text or "{}")
        said = fold(" ".join([*meaning["texts"], entry.metadata["category"]]))
        near = max(cosine(asked, one) for one in from_base64(meaning["vectors"]))
        near += 0.4 * any(word in said for word in words)
        found.append({"entry": str(entry.id), "score": round(near, 3), **about})
    enough = max(0.35, 0.7 * max((one["score"] for one in found), default=0.0)) if rest else -2.0
    matches = sorted((one for one in found if one["score"] >= enough), key=lambda one: -one["score"])
    times = {"from": first and str(first), "before": before and str(before)}
    answer = {**state, **times, "totals": sums(matches, "currency"), "matches": matches[:100]}
    store_entry(ctx, f"answer {stable_name(answer)}.json", json.dumps(answer).encode(), kind="answer")
    ctx.report_progress(1, ", ".join([f"{len(matches)} receipts", *map(" ".join, answer["totals"])]))
    return answer
