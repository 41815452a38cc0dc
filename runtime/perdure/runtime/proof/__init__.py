"""Proving a job's history: run again from the stored module and the recorded answers, and compared (docs/proof.md)."""
