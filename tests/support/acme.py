"""The extension ``acme``: one job for each thing that a runtime has to live with."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from tests.support.extension_folders import write_extension
from tests.support.gate import PERMISSIONS, at_gate
from tests.support.runtime_wat import RuntimeWat
from tests.support.wat import forever

from perdure.runtime import Runtime, grant_as_asked

_SAVED = '{"saved":1}'


@functools.cache
def acme_module(word: str = "one", *, init: str = "", cleanup: str = "") -> bytes:
    """The module; its job ``say`` adds ``word`` as a warning. ``init`` and ``cleanup`` are bodies of lifecycle exports.

    | job | what it does |
    | --- | --- |
    | nothing | returns 0 |
    | say | waits at the gate, adds a warning, returns 0 |
    | gate | waits at the gate, counts an item, returns 0 |
    | polite | asks whether to stop until it is told to; then it saves and returns 1 |
    | deaf | asks whether to stop, and does not listen |
    | spin | loops without a call |
    | fail | returns 2 |
    | trap | executes ``unreachable`` two functions down |
    | twice | fails unless it has a checkpoint; it saves one before |
    """
    wat = RuntimeWat()
    item = wat.call("job_increment_items", wat.job_id, "(i64.const 1)")
    asks = wat.call("job_check_interrupt", wat.job_id)
    save = f"(drop {wat.call('job_checkpoint', wat.job_id, wat.text(_SAVED))})"
    wat.job("nothing", "(i32.const 0)")
    wat.job("say", f"{at_gate(wat)} {wat.call('job_add_warning', wat.job_id, wat.text(word))} (i32.const 0)")
    wat.job("gate", f"{at_gate(wat)} {item} (i32.const 0)")
    wat.job("polite", f"{item} (loop $on (br_if $on (i32.eqz {asks}))) {save} (i32.const 1)")
    wat.job("deaf", f"(loop $on (drop {asks}) (br $on)) (i32.const 0)")
    wat.job("spin", f"{item} {forever()} (i32.const 0)")
    wat.job("fail", f"{item} (i32.const 2)")
    wat.add("(func $deeper unreachable) (func $deep (call $deeper))")
    wat.job("trap", f"{item} (call $deep) (i32.const 0)")
    wat.job(
        "twice",
        f"(if (i32.eqz {wat.number()}) (then {item} {save} {item} (return (i32.const 2)))) {item} (i32.const 0)",
    )
    if init:
        wat.init(init)
    if cleanup:
        wat.add(cleanup)
    return wat.module()


def install_acme(runtime: Runtime, folder: Path, module: bytes | None = None, **permissions: Any) -> None:
    """Install ``acme`` from ``folder / "acme"``, which is written; it may call the gate and what it is given."""
    granted = {**PERMISSIONS, **permissions}
    written = write_extension(folder / "acme", module or acme_module(), permissions=granted)
    runtime.install(written, consent=grant_as_asked)
