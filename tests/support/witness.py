"""The extension ``witness``: jobs that leave every kind of event, for proofs."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Final

from tests.support.bank import open_bank
from tests.support.extension_folders import write_extension
from tests.support.gate import at_gate
from tests.support.runtime_wat import RuntimeWat
from tests.support.waiting import TIMEOUT
from tests.support.wat import forever

from perdure.runtime import JobHandle, JobLimits, RetryPolicy, Runtime, Status, grant_as_asked

WITNESS: Final = "witness"
PERMISSIONS: Final = {"methods": ["query:test.", "query:bank.", "action:bank."]}
_SAVED: Final = '{"saved":1}'
SECRET: Final = '{"word":"sesame"}'
TRANSFER: Final = '{"source":"a","target":"b","amount":1}'


@functools.cache
def witness_module() -> bytes:
    """The module.

    | job | what it does |
    | --- | --- |
    | all | makes every host call, then returns 0; it asks whether to stop in between and at the end |
    | gated | an item, the gate, then the same twice more |
    | fails | an item, a checkpoint, an item, then returns 2; from its checkpoint it returns 0 |
    | traps | an item, then ``unreachable`` |
    | starves | loops until its fuel is used up |
    | overflows | recurses until its stack is used up |
    | grows | takes memory until there is none, then traps |
    | lies | logs more than it may |
    | polite | counts items until it is told to stop; then it saves and returns 1 |
    | spin | an item, then it loops without a call |
    | quiet | returns 0 without a call |
    | sticks | an item and a checkpoint, unless it has one; then an item, and it loops without a call |
    | repeats | a checkpoint, two transfers, then returns 2; from its checkpoint three transfers, then it returns 0 |
    | whispers | an item, a call that is sealed, an item, a checkpoint, then returns 2; from its checkpoint an item |
    | names | logs its own id, then an item |
    | insists | the same and a checkpoint, then returns 2; from its checkpoint the same, then it returns 0 |
    """
    wat = RuntimeWat()
    item = wat.call("job_increment_items", wat.job_id, "(i64.const 1)")
    asks = wat.call("job_check_interrupt", wat.job_id)
    save = f"(drop {wat.call('job_checkpoint', wat.job_id, wat.text(_SAVED))})"
    transfer = f"(drop {wat.operation('action:bank.transfer', TRANSFER)})"
    audit = f"(drop {wat.operation('query:bank.audit')})"
    refused = f"(drop {wat.operation('query:bank.audit', '7')})"
    every = " ".join(
        (
            wat.log("begins"),
            f"(drop {asks})",
            wat.progress("(f32.const 0.25)", "quarter"),
            wat.call("job_increment_bytes", wat.job_id, "(i64.const 64)"),
            item,
            audit,
            transfer,
            save,
            transfer,
            transfer,
            refused,
            wat.call("job_add_warning", wat.job_id, wat.text("look at this")),
            f"(drop {asks}) (drop {asks})",
            wat.progress("(f32.const nan)", "what is half of nothing"),
            f"(drop {asks})",
        )
    )
    wat.job("all", f"{every} (i32.const 0)")
    wat.job("gated", f"{item} {at_gate(wat)} {item} {at_gate(wat)} {item} (i32.const 0)")
    first = f"{item} {save} {item} (return (i32.const 2))"
    wat.job("fails", f"(if (i32.eqz {wat.number()}) (then {first})) {item} (i32.const 0)")
    wat.add("(func $deeper unreachable) (func $deep (call $deeper))")
    wat.job("traps", f"{item} (call $deep) (i32.const 0)")
    wat.job("starves", f"{item} {forever()} (i32.const 0)")
    wat.add("(func $down (param $n i32) (result i32) (i32.add (i32.const 1) (call $down (local.get $n))))")
    wat.job("overflows", f"{item} (drop (call $down (i32.const 1))) (i32.const 0)")
    wat.job("grows", f"{item} (loop $on (br_if $on (i32.ne (i32.const -1) (memory.grow (i32.const 1))))) unreachable")
    wat.job("lies", f"{item} {wat.call('spacedrive_log', 9, wat.text('level 9'))} (i32.const 0)")
    wat.job("polite", f"{item} (loop $on (br_if $on (i32.eqz {asks}))) {save} (i32.const 1)")
    wat.job("spin", f"{item} {forever()} (i32.const 0)")
    wat.job("quiet", "(i32.const 0)")
    wat.job("sticks", f"(if (i32.eqz {wat.number()}) (then {item} {save})) {item} {forever()} (i32.const 0)")
    failing = f"{save} {transfer} {transfer} (return (i32.const 2))"
    wat.job("repeats", f"(if (i32.eqz {wat.number()}) (then {failing})) {transfer * 3} (i32.const 0)")
    sealed = f"(drop {wat.operation('query:nobody.knows', SECRET)})"  # as all that names no operation
    failing = f"{item} {sealed} {item} {save} (return (i32.const 2))"
    wat.job("whispers", f"(if (i32.eqz {wat.number()}) (then {failing})) {item} (i32.const 0)")
    own_id = wat.call("spacedrive_log", 1, "(local.get $ctx) (local.get $ctx_len)")
    wat.job("names", f"{own_id} {item} (i32.const 0)")
    failing = f"{save} (return (i32.const 2))"
    wat.job("insists", f"{own_id} {item} (if (i32.eqz {wat.number()}) (then {failing})) (i32.const 0)")
    return wat.module()


def install_witness(runtime: Runtime, folder: Path) -> None:
    """Install it, with the bank and permission to pass a gate."""
    open_bank(runtime)
    written = write_extension(folder / WITNESS, witness_module(), extension=WITNESS, permissions=PERMISSIONS)
    runtime.install(written, consent=grant_as_asked)


def run_witness(
    runtime: Runtime,
    name: str,
    status: Status = Status.COMPLETED,
    *,
    attempts: int = 1,
    limits: JobLimits | None = None,
) -> JobHandle:
    """Run one of its jobs to its end."""
    retry = RetryPolicy(attempts=attempts, initial_ms=1, jitter=0.0)
    job = runtime.dispatch(f"{WITNESS}:{name}", retry=retry, limits=limits)
    assert job.wait(TIMEOUT).status is status, job.error
    return job
