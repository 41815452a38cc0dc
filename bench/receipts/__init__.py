"""Receipts and invoices that were made up, the truth of each, and what examples/finance makes of them."""
