"""What a measurement of a tree runs: a process of its own, with one group of figures and an end.

    python3 -P child.py ORDER.json ANSWER.json

It stands alone, because the ``bench`` on its path may be that of an old commit. A value of a figure is always that of a
new process: where memory lies, how strings hash and what the allocator did before differ from process to process, and
two values of one process would agree on what is chance.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any


def main(order: dict[str, Any]) -> dict[str, Any]:
    """Do what is ordered; an error is an answer, too."""
    try:
        _check_packages()
        groups, failed = _groups(order["quick"])
        if order["group"] is None:
            return {"groups": [[_described(figure) for figure in group.figures] for group in groups], "failed": failed}
        return _measured(order, groups)
    except Exception as error:  # noqa: BLE001  # whatever it is, whoever ordered it has to hear of it
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {error}"}


def _check_packages() -> None:
    """Only the tree that is measured may be on the path, else it is not what is measured."""
    import perdure

    tree = Path(os.environ["PERDURE_BENCH_TREE"])
    others = [Path(path) for path in perdure.__path__ if not Path(path).resolve().is_relative_to(tree)]
    # An editable install leaves a folder there, too, of files that are no code.
    strange = [path for path in others if any(path.rglob("*.py"))]
    if strange:
        raise RuntimeError(
            f"perdure is installed in {strange[0]}, beside what is compared; compare in an environment that has it"
            " installed with -e, or not at all"
        )


def _groups(quick: bool) -> tuple[list[Any], dict[str, str]]:
    from bench.sizes import FULL, QUICK

    sizes = QUICK if quick else FULL
    try:
        from bench import subjects
    except ImportError:  # a commit before there was that file
        from bench.__main__ import all_groups  # type: ignore[attr-defined]  # that commit's has it

        return list(all_groups(sizes)), {}
    groups: list[Any] = []
    failed: dict[str, str] = {}
    for name in subjects.SUBJECTS:
        try:
            groups += subjects.groups_of(name, sizes)
        except (ImportError, AttributeError) as error:  # it asks for what this tree does not have
            failed[name] = str(error)
    return groups, failed


def _described(figure: Any) -> dict[str, str]:
    return {
        "key": figure.key,
        "title": figure.title,
        "unit": figure.unit,
        "better": figure.better.value,
        "floor": figure.floor,
    }


def _measured(order: dict[str, Any], groups: list[Any]) -> dict[str, Any]:
    wanted = _of(groups, order["group"])
    folder = Path(order["folder"])
    warm_up, _ = _groups(quick=True)
    if any(figure.key == order["group"] for group in warm_up for figure in group.figures):
        _run(_of(warm_up, order["group"]), folder)
    gc.collect()
    before = _processor_seconds()
    values = _run(wanted, folder)
    seconds = _processor_seconds() - before
    return {"values": {figure.key: values[figure.key] for figure in wanted.figures}, "processor": seconds}


def _of(groups: list[Any], key: str) -> Any:
    return next(group for group in groups if any(figure.key == key for figure in group.figures))


def _run(group: Any, folder: Path) -> dict[str, float]:
    own = Path(tempfile.mkdtemp(prefix=".bench-", dir=folder)).resolve()
    try:
        return dict(group.work(own))
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _processor_seconds() -> float:
    """Of all threads of this process, and of the processes that it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


if __name__ == "__main__":
    answer = main(json.loads(Path(sys.argv[1]).read_text()))
    Path(sys.argv[2]).write_text(json.dumps(answer))
