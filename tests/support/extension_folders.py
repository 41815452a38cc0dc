"""Extensions as folders, made by tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

EXTENSION = "acme"


def write_extension(
    folder: Path,
    module: bytes,
    *,
    extension: str = EXTENSION,
    version: str = "1.0.0",
    permissions: dict[str, Any] | None = None,
) -> Path:
    """Write an extension's folder, over one that is there; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {
        "id": extension,
        "name": f"The {extension} extension",
        "version": version,
        "wasm_file": "module.wasm",
        "permissions": permissions or {},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "module.wasm").write_bytes(module)
    return folder
