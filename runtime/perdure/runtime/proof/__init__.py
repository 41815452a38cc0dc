"""Proving a job's history: run again from the stored module and the recorded answers, and compared (docs/proof.md)."""

from typing import TYPE_CHECKING

from perdure.store.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from perdure.runtime.proof.errors import BadBundle, BundleNotWritten, NotInBundle, UnsupportedBundle
    from perdure.runtime.proof.proof import (
        Difference,
        Lost,
        NotCompared,
        Proof,
        RunProof,
        SealFinding,
        Totals,
        Verdict,
        Versions,
    )
    from perdure.runtime.proof.run_check import Stop, VerifyStopped
    from perdure.runtime.proof.verifying import Verifier, verify_bundle
else:
    __getattr__ = lazy_exports(
        __name__,
        {
            "perdure.runtime.proof.errors": "BadBundle BundleNotWritten NotInBundle UnsupportedBundle",
            "perdure.runtime.proof.proof": (
                "Difference Lost NotCompared Proof RunProof SealFinding Totals Verdict Versions"
            ),
            "perdure.runtime.proof.run_check": "Stop VerifyStopped",
            "perdure.runtime.proof.verifying": "Verifier verify_bundle",
        },
    )

__all__ = [
    "BadBundle",
    "BundleNotWritten",
    "Difference",
    "Lost",
    "NotCompared",
    "NotInBundle",
    "Proof",
    "RunProof",
    "SealFinding",
    "Stop",
    "Totals",
    "UnsupportedBundle",
    "Verdict",
    "Verifier",
    "VerifyStopped",
    "Versions",
    "verify_bundle",
]
