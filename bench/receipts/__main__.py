"""Run examples/finance over the labelled set, and say what it found, what it got wrong, and how long it took.

    python3 -m bench.receipts [--split dev|held-back|all] [--texts] [--misses FILE] [--docs] [--export DIR]

With --texts the rules run as they stand, on answers of mails, OCR and models that are kept between runs. Without, the
extension is built, and scans the mailbox in the sandbox. --docs writes the tables of what was run into docs/finance.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import msgspec

from bench.disk import scratch
from bench.receipts.compare import Comparison, Judged, compare
from bench.receipts.corpus import corpus
from bench.receipts.labels import SPLITS, Message, Split
from bench.receipts.mailbox import mail, mbox
from bench.receipts.page import written_page
from bench.receipts.scanning import ROOT, Answers, Scanned, answers_folder, scan_in_python, scan_in_runtime
from bench.receipts.tables import detection_table, field_table, misses, sureness_table


def report(title: str, one: Comparison, scanned: Scanned) -> str:
    """All tables of a split."""
    parts = [
        detection_table(title, one),
        field_table(one, "layout", lambda judged: judged.label.layout),
        field_table(one, "language", lambda judged: judged.label.language),
        field_table(one, "arrival", lambda judged: judged.label.arrival),
        sureness_table(one),
        f"{scanned.seconds:.0f} s for {len(one.messages)} messages, {scanned.seconds / len(one.messages):.2f} s each;"
        f" {len(scanned.warnings)} warnings",
    ]
    return "\n\n".join(parts)


def export(messages: Sequence[Message], folder: Path) -> None:
    """Write the mails, their attachments, the labels, and all of them as a mailbox: to look at."""
    folder.mkdir(parents=True, exist_ok=True)
    for message in messages:
        (folder / f"{message.id}.eml").write_bytes(mail(message))
        for index, attached in enumerate(message.attachments):
            (folder / f"{message.id}-{index}-{attached.name}").write_bytes(attached.content)
        labels = {"about": message.about, "is_receipt": bool(message.labels), "documents": message.labels}
        (folder / f"{message.id}.json").write_bytes(msgspec.json.format(msgspec.json.encode(labels)))
    (folder / "inbox.mbox").write_bytes(mbox(messages))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m bench.receipts", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--split", choices=[*get_args(Split), "all"], default="dev", help="which half (default dev)")
    parser.add_argument("--texts", action="store_true", help="the rules alone, on answers that are kept: seconds")
    parser.add_argument(
        "--misses", type=Path, metavar="FILE", help="write each miss there, with the text that was read"
    )
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/finance.md")
    parser.add_argument("--export", type=Path, metavar="DIR", help="write the mails and labels there, and scan nothing")
    parser.add_argument("--dir", type=Path, default=Path(), help="a folder on a disk, for the data (default: here)")
    return parser.parse_args()


def main() -> int:
    """Run; the exit code."""
    options = _options()
    splits: tuple[Split, ...] = SPLITS if options.split == "all" else (options.split,)
    results: list[tuple[Split, Comparison, Scanned]] = []
    told: list[str] = []
    for split in splits:
        messages = list(corpus(split))
        if options.export is not None:
            export(messages, options.export / split)
            print(f"{len(messages)} messages in {options.export / split}")
            continue
        with scratch(options.dir) as folder:
            if options.texts or options.misses is not None:
                scanned, answers, runtime = scan_in_python(messages, folder, answers_folder())
                with runtime:
                    one = compare(messages, scanned.found)
                    told.append(f"## {split}\n\n{misses(one, lambda judged: _read(answers, judged))}")  # noqa: B023  # called at once
            else:
                scanned = scan_in_runtime(messages, folder)
                one = compare(messages, scanned.found)
        results.append((split, one, scanned))
        print(report(split, one, scanned), end="\n\n")
        for warning in scanned.warnings:
            print(f"warning: {warning}")
    if options.misses is not None:
        options.misses.write_text("\n".join(told), encoding="utf-8")
    if options.docs and results:
        page = ROOT / "docs" / "finance.md"
        page.write_text(written_page(page.read_text(encoding="utf-8"), results), encoding="utf-8")
    return 0


def _read(answers: Answers, judged: Judged) -> str:
    """The text that was read of a document that went wrong."""
    for attached in judged.message.attachments:
        picture = attached.media_type.startswith("image/")
        if picture == (judged.label.arrival == "photo"):
            return answers.ocr_text(attached.content)
    return ""


if __name__ == "__main__":
    sys.exit(main())
