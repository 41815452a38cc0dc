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
    **fields: Any,
) -> Path:
    """Write an extension's folder, over one that is there; returns it. ``fields`` are more of the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {
        "id": extension,
        "name": f"The {extension} extension",
        "version": version,
        "wasm_file": "module.wasm",
        "permissions": permissions or {},
        **fields,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "module.wasm").write_bytes(module)
    return folder
