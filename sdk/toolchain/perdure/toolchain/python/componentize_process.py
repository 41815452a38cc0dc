"""The process in which componentize-py works: ``python -I componentize_process.py JSON``. Not to be imported.

It stays apart from perdure: all that is imported before the world is fixed must not matter.
"""

import ctypes
import json
import os
import sys

import componentize_py  # type: ignore[import-untyped]  # it has no types


def _main() -> None:
    order = json.loads(sys.argv[1])
    if order["library"]:
        failed = ctypes.CDLL(order["library"]).perdure_fix_world(os.fsencode(order["root"]))
        if failed:
            print(f"perdure: the world was not fixed: {os.strerror(failed)}", file=sys.stderr, flush=True)  # noqa: T201
    try:
        componentize_py.componentize(
            wit_path=[order["wit"]],
            worlds=[order["world"]],
            features=[],
            all_features=False,
            world_module=None,
            python_path=order["python_path"],
            module_worlds=[],
            app_name=order["app"],
            output_path=order["output"],
            stub_wasi=True,
            import_interface_names=[],
            export_interface_names=[],
            full_names=False,
            intersect_world=None,
        )
    except AssertionError as error:
        # What it raises whatever was wrong; the first part is for people, the rest a trace of its own insides.
        print(str(error).partition("\n\nStack backtrace:")[0].strip(), file=sys.stderr, flush=True)  # noqa: T201
        sys.exit(1)


if __name__ == "__main__":
    _main()
