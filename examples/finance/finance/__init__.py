"""Receipts and invoices out of a mailbox, as entries of a library; reports of them, and answers to questions."""

from finance.jobs import ask, ext, report, scan

__all__ = ["ask", "ext", "report", "scan"]
