"""The comparison as tables in Markdown, and the misses one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from bench.receipts.compare import FIELDS, Comparison, Judged

_HEADS: Final = {"invoice_number": "number"}
_SURE: Final = 0.8


def detection_table(title: str, one: Comparison) -> str:
    """Precision and recall, of documents and of messages."""
    said = {message.id for message, _ in one.invented} | {judged.message.id for judged in one.judged if judged.found}
    true = {message.id for message in one.messages if message.labels}
    hit = len(said & true)
    other = len({message.id for message, _ in one.invented if not message.labels})
    rows = [
        f"| {title} | messages | receipts | found | not found | invented | precision | recall |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        _detection("documents", len(one.messages), len(one.judged), one.detected, len(one.invented)),
        _detection("messages", len(one.messages), len(true), hit, other),
    ]
    return "\n".join(rows)


def _detection(name: str, messages: int, true: int, hit: int, invented: int) -> str:
    precision = _share(hit, hit + invented)
    return f"| {name} | {messages} | {true} | {hit} | {true - hit} | {invented} | {precision} | {_share(hit, true)} |"


def field_table(one: Comparison, by: str, key: Callable[[Judged], str]) -> str:
    """The accuracy of each field of the documents that were found, in rows by ``key``; the last row is of all."""
    found = [judged for judged in one.judged if judged.found is not None]
    heads = [_HEADS.get(field, field) for field in FIELDS]
    rows = [
        f"| {by} | documents | found | {' | '.join(heads)} | items F1 |",
        "| --- |" + " ---: |" * (len(FIELDS) + 3),
    ]
    for name in [*sorted({key(judged) for judged in one.judged}), "all"]:
        every = [judged for judged in one.judged if name in {"all", key(judged)}]
        some = [judged for judged in found if name in {"all", key(judged)}]
        cells = [_share(sum(judged.right[field] for judged in some), len(some)) for field in FIELDS]
        rows.append(f"| {name} | {len(every)} | {len(some)} | {' | '.join(cells)} | {_f1(some)} |")
    return "\n".join(rows)


def sureness_table(one: Comparison) -> str:
    """How often a field is right whose confidence is high, and how often one whose confidence is low."""
    rows = [
        f"| field | confidence {_SURE} or more | of these right | below {_SURE} | of these right |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for field in FIELDS:
        if field == "kind":
            continue
        given = [judged for judged in one.judged if judged.found and judged.found.value(field) is not None]
        sure = [judged for judged in given if judged.found and judged.found.confidence(field) >= _SURE]
        unsure = [judged for judged in given if judged not in sure]
        cells = [
            cell
            for some in (sure, unsure)
            for cell in (str(len(some)), _share(sum(judged.right[field] for judged in some), len(some)))
        ]
        rows.append(f"| {_HEADS.get(field, field)} | {' | '.join(cells)} |")
    return "\n".join(rows)


def misses(one: Comparison, text_of: Callable[[Judged], str] | None = None) -> str:
    """Each document that is not all right: what was expected, what came, from which line, and the text as read."""
    parts = []
    for judged in one.judged:
        wrong = [field for field in FIELDS if not judged.right[field]]
        if not wrong and judged.items[0] == max(judged.items[1:]):
            continue
        label = judged.label
        head = f"### {judged.message.id}: {label.layout}, {label.language}, {label.arrival}"
        lines = [head, "", f"subject: {judged.message.subject}", ""]
        if judged.found is None:
            lines.append("- not found")
        else:
            for field in wrong:
                lines.append(f"- {field}: expected `{expected(judged, field)}`, came {_came(judged, field)}")
            if judged.items[0] != max(judged.items[1:]):
                lines += ["- items: {} right, {} found, {} expected".format(*judged.items), *_item_lines(judged)]
        if text_of is not None and label.arrival in {"pdf", "scan", "photo"}:
            lines += ["", "```text", text_of(judged).rstrip().replace("```", "'''"), "```"]
        parts.append("\n".join(lines))
    for message, found in one.invented:
        said = ", ".join(f"{field} `{found.value(field)}`" for field in FIELDS)
        parts.append(
            f"### {message.id}: {message.about}, {message.language}: invented\n\nsubject: {message.subject}\n\n"
            f"- {found.name}, confidence {found.receipt.get('confidence')}: {said}"
        )
    return "\n\n".join(parts) + "\n" if parts else "None.\n"


def miss_table(one: Comparison) -> str:
    """The misses in a row each, for the document."""
    rows = ["| message | what | expected | came |", "| --- | --- | --- | --- |"]
    for judged in one.judged:
        where = f"{judged.message.id} ({judged.label.language}, {judged.label.arrival})"
        if judged.found is None:
            rows.append(f"| {where} | not found | {_cell(judged.label.vendor)} {judged.label.total} | |")
            continue
        for field in FIELDS:
            if not judged.right[field]:
                came = judged.found.value(field)
                rows.append(f"| {where} | {field} | {_cell(expected(judged, field))} | {_cell(came)} |")
    for message, found in one.invented:
        where = f"{message.id} ({message.language}, {message.about})"
        rows.append(f"| {where} | invented | | {_cell(found.value('total'))} |")
    return "\n".join(rows)


def expected(judged: Judged, field: str) -> str | None:
    """What the label says."""
    value: str | None = getattr(judged.label, field)
    return value


def _came(judged: Judged, field: str) -> str:
    assert judged.found is not None
    if field == "kind":
        return f"`{judged.found.value(field)}`"
    source = (judged.found.receipt.get(field) or {}).get("source") or {}
    where = (
        f"{source.get('part', '')} line {source.get('line', '')}: {source.get('text', '')!r}" if source else "nowhere"
    )
    return f"`{judged.found.value(field)}` ({judged.found.confidence(field):.2f}) from {where}"


def _item_lines(judged: Judged) -> list[str]:
    assert judged.found is not None
    wanted = [
        f"  - expected {item.description!r} {item.quantity} x {item.unit_price} = {item.amount}"
        for item in judged.label.items
    ]
    came = [
        f"  - came {item.get('description')!r} {item.get('quantity')} x {item.get('unit_price')} = {item.get('amount')}"
        for item in judged.found.receipt.get("items") or ()
    ]
    return wanted + came


def _cell(value: str | None) -> str:
    return "" if value is None else value.replace("|", "\\|")


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "-"


def _f1(some: Sequence[Judged]) -> str:
    right, found, there = (sum(judged.items[index] for judged in some) for index in range(3))
    return f"{2 * right / (found + there):.3f}" if found + there else "-"
