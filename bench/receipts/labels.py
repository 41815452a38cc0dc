"""What is true of a message: the documents in it that are receipts, and what each of them says.

The labels come from the data that a document was drawn from, never from its text. docs/finance.md has the rules.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal["receipt", "invoice", "credit_note"]
Arrival: TypeAlias = Literal["text", "html", "pdf", "scan", "photo"]
Split: TypeAlias = Literal["dev", "held-back"]

ARRIVALS: Final[tuple[Arrival, ...]] = ("text", "html", "pdf", "scan", "photo")
SPLITS: Final[tuple[Split, ...]] = ("dev", "held-back")


class LineItem(msgspec.Struct, frozen=True, kw_only=True):
    """One line of what was bought; amounts as printed, with or without tax, decimals as text ("12.50")."""

    description: str
    quantity: str
    unit_price: str
    amount: str


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """The truth of one document.

    ``vendor`` and ``invoice_number`` have other right answers beside them: a legal name, the number of an order where
    the document has no number of its own. ``date`` is ISO 8601. ``total`` is negative for a credit note. ``tax`` is
    None where the document states none.
    """

    kind: Kind
    layout: str
    language: str
    arrival: Arrival
    vendor: str
    vendor_also: tuple[str, ...] = ()
    date: str
    total: str
    tax: str | None
    currency: str
    invoice_number: str | None
    invoice_number_also: tuple[str, ...] = ()
    items: tuple[LineItem, ...] = ()


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a message."""

    name: str
    media_type: str
    content: bytes


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message before it is a mail.

    ``about`` says what it is, for people; ``labels`` is empty where nothing is a receipt.
    """

    id: str
    split: Split
    about: str
    language: str
    sender: tuple[str, str]
    recipient: tuple[str, str]
    subject: str
    sent: str
    text: str | None = None
    html: str | None = None
    attachments: tuple[Attachment, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    charset: str = "utf-8"
    labels: tuple[Label, ...] = ()

    @property
    def message_id(self) -> str:
        """With angle brackets, as RFC 5322 has it."""
        return f"<{self.id}@{self.sender[1].rpartition('@')[2]}>"
