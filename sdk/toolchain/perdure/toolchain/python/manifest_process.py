"""The process that imports an author's module and says its manifest.

It is run as ``python -I -S manifest_process.py APP PACKAGES MODULE``, and not to be imported. It sees Python's own
modules, the staged code and nothing else, as the sandbox will. The answer is JSON on the standard output, which the
module itself cannot write to.
"""

import importlib
import json
import os
import sys


def _main() -> None:
    app, packages, name = sys.argv[1:]
    answer = os.dup(1)
    os.dup2(2, 1)  # what the module prints is for people
    sys.path[:0] = [app, packages]
    sys.dont_write_bytecode = True
    try:
        module = importlib.import_module(name)
        from perdure_sdk import extension_in  # noqa: PLC0415  # the staged one

        extension = extension_in(module)
        extension.check()
        text = json.dumps({"manifest": extension.manifest()}, ensure_ascii=False, allow_nan=False)
    except BaseException as error:  # noqa: BLE001  # whatever the author's code raises is for the author
        from perdure_sdk.tracebacks import traceback_of  # noqa: PLC0415  # the staged one

        own = error.__traceback__
        while own is not None and not own.tb_frame.f_code.co_filename.startswith((app, packages)):
            own = own.tb_next  # what imported it is not the author's business
        failure = traceback_of(error.with_traceback(own))
        for folder in (app, packages):  # a SyntaxError names its file in the message
            failure = failure.replace(f"{folder}/", "")
        text = json.dumps({"failure": failure, "kind": type(error).__name__, "message": str(error)})
    sys.stdout.flush()
    with os.fdopen(answer, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
    os._exit(0)  # without waiting for threads that the module may have begun


if __name__ == "__main__":
    _main()
