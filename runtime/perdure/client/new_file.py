"""A file that is there when it is whole."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from perdure.runtime.proof.errors import BundleNotWritten

_UNFINISHED: Final = ".perdure-"


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file that takes the place of ``path`` at the end; for its owner alone (0600), and synced.

    Raises:
        BundleNotWritten: it cannot be written; what was there before is.
    """
    name = ""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=_UNFINISHED)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError as error:
        raise BundleNotWritten(path, error.strerror or str(error)) from error
    finally:
        if name:
            Path(name).unlink(missing_ok=True)
