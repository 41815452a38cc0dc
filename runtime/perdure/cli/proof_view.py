"""A proof, for people and as JSON."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec
from rich.text import Text

from perdure.cli.exit_codes import ExitCode
from perdure.cli.output import Output
from perdure.cli.terminal_text import counted, duration, local_time, printable, size
from perdure.runtime.proof import Difference, Proof, Totals, Verdict

CODES: Final[dict[Verdict, ExitCode]] = {
    Verdict.PROVED: ExitCode.DONE,
    Verdict.PARTIAL: ExitCode.PARTIAL,
    Verdict.DIFFERS: ExitCode.DIFFERS,
    Verdict.DAMAGED: ExitCode.STORE,
}
_STYLES: Final[dict[Verdict, str]] = {
    Verdict.PROVED: "green",
    Verdict.PARTIAL: "yellow",
    Verdict.DIFFERS: "bold red",
    Verdict.DAMAGED: "bold red",
}
_LABEL: Final = 14  # columns


def proof_json(proof: Proof) -> dict[str, Any]:
    """The proof as a JSON object."""
    found: dict[str, Any] = msgspec.to_builtins(proof)
    if proof.difference is not None:
        found["difference"]["message"] = proof.difference.message
    return found


def show_proof(output: Output, proof: Proof) -> None:
    """Print what was compared and how much, and the first difference if there is one."""
    what = f"job {proof.job_id}"
    if proof.job_type:
        what += f" ({printable(proof.job_type)}, {proof.status})"
    output.show(Text.assemble((str(proof.verdict), _STYLES[proof.verdict]), f": {what}, from its {proof.source}"))
    if proof.damage:
        _line(output, "damaged", proof.damage)
    if proof.difference is not None:
        _show_difference(output, proof.difference)
    if not proof.events:
        return
    _line(
        output,
        "chain",
        f"{counted(proof.events, 'event')} of {size(proof.bytes)}, each linked to the one before; "
        f"the last has hash {proof.hash}",
    )
    compared = proof.compared
    _line(
        output,
        "run again",
        f"{counted(compared.runs, 'run')} over {counted(compared.attempts, 'attempt')}: "
        f"{counted(compared.calls, 'host call')}, {counted(compared.events, 'event')} of {size(compared.bytes)} "
        f"came out byte for byte",
    )
    if compared.calls:
        _line(output, "calls", ", ".join(f"{count:,} {name}" for name, count in compared.functions.items()))
    _line(output, "fuel", _fuel(proof))
    if answers := _answers(compared):
        _line(output, "answers", answers)
    if proof.projection != "none":
        _line(output, "projection", _PROJECTIONS[proof.projection])
    for lost in proof.lost:
        calls = f"{counted(lost.calls, 'call')} from call {lost.call} (event {lost.sequence}) of run {lost.run}"
        _line(output, "lost", f"{calls} cannot be run again: {lost.why}")
    for one in proof.not_compared:
        _line(output, "not compared", f"{one.count:,} {one.what}: {one.why}")
    _show_seal(output, proof)
    _show_versions(output, proof)
    _line(output, "took", f"{duration(proof.seconds)}; the job itself ran for {duration(proof.original_seconds)}")


_PROJECTIONS: Final = {
    "equal": "what is kept of the job equals a fold of its events",
    "differs": "what is kept of the job differs from a fold of its events",
    "moved on": "not compared: the job went on meanwhile",
}


def _fuel(proof: Proof) -> str:
    said = f"{proof.compared.fuel:,}"
    if not proof.compared.calls and not proof.compared.events:
        return "nothing ran"
    if all(run.same_fuel for run in proof.runs):
        return f"{said}, equal at every call that was compared"
    return f"{said}; counted otherwise by another version of wasmtime"


def _answers(compared: Totals) -> str:
    parts = [f"{count:,} {kind}" for kind, count in compared.answers.items()]
    if compared.opened:
        parts.append(f"{counted(compared.opened, 'call')} compared after opening a seal")
    return ", ".join(parts)


def _show_difference(output: Output, difference: Difference) -> None:
    where = f"host call {difference.call} of run {difference.run}, event {difference.sequence}"
    _line(output, "differs at", where)
    _line(output, "recorded", json.dumps(difference.recorded, ensure_ascii=False))
    _line(output, "came", json.dumps(difference.came, ensure_ascii=False))


def _show_seal(output: Output, proof: Proof) -> None:
    seal = proof.seal
    if seal is None:
        return
    behind = proof.sequence - seal.sequence
    trust = "a key that was named as trusted" if seal.trusted else "a key that nobody has vouched for here"
    text = f"covers the events up to {seal.sequence}, made {local_time(seal.time)} with key {seal.key}, {trust}"
    if behind > 0:
        text += f"; {counted(behind, 'event')} behind it are not sealed"
    _line(output, "seal", text)


def _show_versions(output: Output, proof: Proof) -> None:
    here = proof.verified_with
    ran = ", ".join(f"perdure {one.perdure} with wasmtime {one.wasmtime}" for one in proof.ran_with)
    same = proof.ran_with == (here,)
    verified = f"perdure {here.perdure} with wasmtime {here.wasmtime}"
    _line(output, "versions", verified if same else f"run by {ran or 'unknown ones'}; verified by {verified}")


def _line(output: Output, label: str, text: str) -> None:
    output.show(Text.assemble((f"  {label:<{_LABEL}}", "bold"), printable(text)))
