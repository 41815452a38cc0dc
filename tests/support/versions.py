"""An extension in several versions, which tell themselves apart in the log: for upgrades and rehearsals."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.extension_folders import EXTENSION, write_extension
from tests.support.gate import PERMISSIONS, at_gate
from tests.support.runtime_wat import RuntimeWat
from tests.support.wat import forever

STEPS = 3


@functools.cache
def stepping(
    word: str,
    *,
    jobs: tuple[str, ...] = ("walk", "spin"),
    resumable: bool = True,
    before: str = "",
    extra: str = "",
    after: str = "",
) -> bytes:
    """A module whose version adds ``word`` as a warning in each step.

    ``walk`` executes ``before`` at its beginning, ``extra`` at the end of each step, ``after`` at its own end.

    | job | what it does |
    | --- | --- |
    | walk | from its state's number to `STEPS`: logs, waits at the gate, warns with its word, counts, saves |
    | spin | counts an item, and loops without a call |
    """
    wat = RuntimeWat()
    item = wat.call("job_increment_items", wat.job_id, "(i64.const 1)")
    at = wat.data(b"00000000")
    walk = f"""
      (local.set $i {wat.number()})
      {before}
      (loop $next
        {wat.log("a step")}
        {at_gate(wat)}
        {wat.call("job_add_warning", wat.job_id, wat.text(word))}
        {item}
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (call $put_number (i32.const {at}) (local.get $i))
        (drop {wat.call("job_checkpoint", wat.job_id, f"(i32.const {at})", "(i32.const 8)")})
        {extra}
        (br_if $next (i32.lt_u (local.get $i) (i32.const {STEPS}))))
      {after}
      (i32.const 0)"""
    bodies = {"walk": walk, "spin": f"{item} {forever()} (i32.const 0)"}
    for name in jobs:
        wat.job(name, bodies[name])
    offered = [f"(drop {wat.register(name, f'execute_{name}', int(resumable))})" for name in jobs]
    wat.init(f"{' '.join(offered)} (i32.const 0)")
    return wat.module()


def version_folder(
    folder: Path, version: str, module: bytes, upgrade: Mapping[str, str] | None = None, **fields: Any
) -> Path:
    """Write version ``version`` of ``acme`` below ``folder``; ``upgrade`` are the policies of its manifest.

    It runs one job at a time.
    """
    if upgrade is not None:
        fields["jobs"] = {name: {"upgrade": policy} for name, policy in upgrade.items()}
    fields.setdefault("permissions", {**PERMISSIONS, "rate_limits": {"concurrent_jobs": 1}})
    return write_extension(folder / f"{EXTENSION}-{version}", module, version=version, **fields)
