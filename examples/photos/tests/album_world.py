"""A shared folder and a library in memory, which answer as the host's do."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from perdure_sdk import InvalidPayload

JPEG = base64.b64encode(b"\xff\xd8 a thumbnail").decode()


@dataclass
class World:
    """``files``: size, modified, and what media.inspect says of the EXIF; None is a broken picture."""

    files: dict[str, tuple[int, int, dict[str, Any] | None]] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    sidecars: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def operations(self) -> dict[str, Callable[[dict[str, Any]], Any]]:
        return {
            "query:files.list": self.list_files,
            "query:media.inspect": self.inspect,
            "query:media.hash": self.hash,
            "query:media.thumbnail": self.thumbnail,
            "query:vdfs.list_entries": self.list_entries,
            "query:vdfs.read_sidecar": self.read_sidecar,
            "action:vdfs.create_entry": self.create_entry,
            "action:vdfs.update_metadata": self.update_metadata,
            "action:vdfs.write_sidecar": self.write_sidecar,
        }

    def list_files(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Two at a time, so that there are pages."""
        behind = [file for file in sorted(self.files) if file > payload.get("after", "")]
        files = [{"file": f, "size": self.files[f][0], "modified": self.files[f][1]} for f in behind[:2]]
        return {"files": files, "next": behind[1] if len(behind) > 2 else None}

    def inspect(self, payload: dict[str, Any]) -> dict[str, Any]:
        size, _, exif = self.files[payload["file"]]
        if exif is None:
            raise InvalidPayload("the picture is damaged, or incomplete (OSError)")
        return {
            "media_type": "image/jpeg", "format": "jpeg", "width": 400, "height": 300, "frames": 1, "size": size,
            "orientation": 1, "animated": False, "has_alpha": False, "exif": exif or None,
        }  # fmt: skip

    def hash(self, payload: dict[str, Any]) -> dict[str, Any]:
        found = self.hashes.get(payload["file"], "0f0f0f0f0f0f0f0f")
        return {"phash": found, "dhash": found, "ahash": None, "whash": None}

    def thumbnail(self, payload: dict[str, Any]) -> dict[str, Any]:
        return {"content": JPEG, "media_type": "image/jpeg", "width": 320, "height": 240}

    def list_entries(self, payload: dict[str, Any]) -> dict[str, Any]:
        return {"entries": [one for one in self.entries.values() if one["kind"] == payload["kind"]], "next": None}

    def create_entry(self, payload: dict[str, Any]) -> dict[str, Any]:
        for entry in self.entries.values():
            if entry["name"] == payload["name"]:
                return entry
        entry_id = f"00000000-0000-0000-0000-{len(self.entries):012}"
        self.entries[entry_id] = {
            "id": entry_id, "name": payload["name"], "kind": payload["kind"], "media_type": "x/x", "created": 0,
            "metadata": payload.get("metadata", {}), "size": 0, "digest": "", "updated": 0, "revision": 1,
            "extension": "photos", "sidecars": 0,
        }  # fmt: skip
        for sidecar in payload.get("sidecars", []):
            self.write_sidecar({"entry_id": entry_id, **sidecar})
        return self.entries[entry_id]

    def update_metadata(self, payload: dict[str, Any]) -> dict[str, Any]:
        entry = self.entries[payload["entry_id"]]
        merged = {**entry["metadata"], **payload["metadata"]}
        entry["metadata"] = {name: value for name, value in merged.items() if value is not None}
        return entry

    def write_sidecar(self, payload: dict[str, Any]) -> dict[str, Any]:
        entry = self.entries[payload["entry_id"]]
        self.sidecars[entry["name"], payload["name"]] = payload
        entry["sidecars"] = sum(name == entry["name"] for name, _ in self.sidecars)
        return self._sidecar(payload["entry_id"], payload["name"])

    def read_sidecar(self, payload: dict[str, Any]) -> dict[str, Any]:
        return {"sidecar": self._sidecar(payload["entry_id"], payload["name"]), "content": JPEG, "text": None}

    def _sidecar(self, entry_id: str, name: str) -> dict[str, Any]:
        return {
            "entry_id": entry_id, "name": name, "media_type": "x/x", "size": 0, "digest": "", "created": 0,
            "updated": 0, "revision": 1, "extension": "photos",
        }  # fmt: skip


def exif(
    taken: str | None = None, place: tuple[float, float] | None = None, model: str | None = None
) -> dict[str, Any]:
    """What a camera wrote, as media.inspect says it."""
    latitude, longitude = place or (None, None)
    camera = {"make": "Acme", "model": model, "lens": None} if model else None
    return {
        "taken_at": taken, "offset": None, "taken_unix_us": None, "latitude": latitude, "longitude": longitude,
        "altitude": None, "camera": camera, "exposure": None,
    }  # fmt: skip
