"""A module of WebAssembly that dispatches, waits and subscribes: all of it through the sandbox."""

from __future__ import annotations

from pathlib import Path

from tests.support.extension_folders import write_extension
from tests.support.runtime_wat import RuntimeWat
from tests.support.waiting import TIMEOUT, eventually

from perdure.runtime import Runtime, Status, grant_as_asked


def test_a_module_dispatches_and_is_woken(tmp_path: Path) -> None:
    wat = RuntimeWat()
    item = wat.call("job_increment_items", wat.job_id, "(i64.const 1)")
    dispatch = wat.operation("action:jobs.dispatch", b'{"job_type": "leaf"}')
    subscribe = wat.operation("action:events.subscribe", b'{"topics": ["page.*"], "job_type": "leaf"}')
    publish = wat.operation("action:events.publish", b'{"topic": "page.read", "data": {"page": 1}}')
    wat.job("leaf", f"{item} (i32.const 0)")
    wat.job("root", f"(drop {subscribe}) (drop {dispatch}) (drop {dispatch}) (drop {publish}) (i32.const 0)")
    permissions = {"methods": ["action:jobs.dispatch", "action:events."], "rate_limits": {"concurrent_jobs": 1}}
    written = write_extension(tmp_path / "acme", wat.module(), permissions=permissions)
    with Runtime.open(tmp_path / "data", consent=grant_as_asked) as runtime:
        runtime.install(written)
        root = runtime.dispatch("acme:root")
        assert root.wait(TIMEOUT).status is Status.COMPLETED
        eventually(lambda: len(runtime.jobs(statuses=frozenset({Status.COMPLETED})).jobs) == 4)
        leaves = runtime.jobs(job_type="leaf").jobs
        assert sorted(str(leaf.parent) for leaf in leaves) == sorted([str(root.job_id)] * 2 + ["None"])
        assert {leaf.items for leaf in leaves} == {1}
