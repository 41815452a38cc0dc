"""Jobs that are verified and rehearsed by the server, and bundles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec

from perdure.api import proofs
from perdure.api.errors import UnexpectedAnswer
from perdure.api.files import ABOUT
from perdure.api.jobs import OneJob
from perdure.api.problems import error_of
from perdure.api.proofs import (
    CancelRehearsal,
    DisclosingBundle,
    OneRehearsal,
    OneVerification,
    RehearsalRun,
    RehearseVersion,
    TaskStatus,
    Verification,
    VerifyJob,
)
from perdure.client.calls.call import Call
from perdure.client.calls.said import LONG
from perdure.runtime.errors import RuntimeClosedError
from perdure.runtime.identifiers import job_id_of
from perdure.runtime.proof.proof import Proof
from perdure.runtime.rehearsal.job_rehearser import RehearsalLimits
from perdure.runtime.rehearsal.rehearsal import Rehearsal

if TYPE_CHECKING:
    from perdure.runtime.proof.bundle_writer import Written

_SHORTEST: Final = 0.05  # seconds between two looks at a task
_LONGEST: Final = 1.0
_ENDED: Final = frozenset({TaskStatus.DONE, TaskStatus.FAILED, TaskStatus.CANCELLED})


def pauses() -> Iterator[float]:
    """Seconds to wait before each look at a task: short ones at first."""
    pause = _SHORTEST
    while True:
        yield pause
        pause = min(pause * 1.5, _LONGEST)


def has_ended(task: Verification | RehearsalRun) -> bool:
    """Whether there is nothing more to come."""
    return task.status in _ENDED


def verify(job_id: UUID | str) -> Call[Verification]:
    """Begin to verify a job."""
    return Call(proofs.VERIFY, VerifyJob(job_id=job_id_of(job_id)), lambda task: task)


def verification(task: Verification) -> Call[Verification]:
    """How far it is."""
    return Call(proofs.VERIFICATION, OneVerification(verification_id=task.verification_id), lambda task: task)


def cancel_verification(task: Verification) -> Call[Verification]:
    """Give it up."""
    return Call(proofs.CANCEL_VERIFICATION, OneVerification(verification_id=task.verification_id), lambda task: task)


def proof_of(task: Verification) -> Proof:
    """What a verification found.

    Raises:
        VerifyStopped: it was given up.
        Exception: what went wrong.
    """
    if task.problem is not None:
        raise error_of(task.problem)
    if task.proof is None:
        from perdure.runtime.proof.run_check import VerifyStopped  # noqa: PLC0415  # loads what runs jobs

        raise VerifyStopped
    return task.proof


def rehearse(
    version: Mapping[str, str],
    sample: int | None,
    seed: int | None,
    workers: int | None,
    limits: RehearsalLimits | None,
) -> Call[RehearsalRun]:
    """Begin to rehearse; ``version`` is ``{"package": ID}`` or ``{"version": NAME}``.

    Raises:
        ValueError: a number makes no sense.
    """
    fields = {"sample": sample, "seed": seed, "workers": workers, "limits": msgspec.to_builtins(limits), **version}
    try:
        request = msgspec.convert(fields, RehearseVersion)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    return Call(proofs.REHEARSE, request, lambda task: task, LONG)


def rehearsal(task: RehearsalRun, after: int) -> Call[RehearsalRun]:
    """How far it is, with the jobs from ``after`` on."""
    return Call(proofs.REHEARSAL, OneRehearsal(rehearsal_id=task.rehearsal_id, after=after), lambda task: task)


def cancel_rehearsal(task: RehearsalRun) -> Call[RehearsalRun]:
    """Give it up."""
    return Call(proofs.CANCEL_REHEARSAL, CancelRehearsal(rehearsal_id=task.rehearsal_id), lambda task: task)


def rehearsal_of(task: RehearsalRun) -> Rehearsal:
    """What a rehearsal found.

    Raises:
        RuntimeClosedError: the server stopped meanwhile.
        Exception: what went wrong.
    """
    if task.problem is not None:
        raise error_of(task.problem)
    if task.rehearsal is None:
        raise RuntimeClosedError
    return task.rehearsal


def bundle(job_id: UUID | str, secrets: bool) -> Call[None]:
    """A job's bundle: its answer is the file."""
    identifier = job_id_of(job_id)
    if secrets:
        return Call(proofs.DISCLOSING_BUNDLE, DisclosingBundle(job_id=identifier), lambda nothing: None, LONG)
    return Call(proofs.BUNDLE, OneJob(job_id=identifier), lambda nothing: None, LONG)


def written(headers: Mapping[str, str], address: str) -> Written:
    """What the server says of a bundle that it sends.

    Raises:
        UnexpectedAnswer: it says nothing of it, so that is none.
    """
    from perdure.runtime.proof.bundle_writer import Written  # noqa: PLC0415  # loads what runs jobs

    try:
        return msgspec.json.decode(headers.get(ABOUT, ""), type=Written)
    except msgspec.MsgspecError as error:
        raise UnexpectedAnswer(address, f"this is no bundle: {error}") from None


def not_given_up(failure: Exception) -> str:
    """What is said of a task that goes on for nobody, because the server could not be told of it."""
    return f"the server goes on with it: it could not be told to give it up ({str(failure) or type(failure).__name__})"
