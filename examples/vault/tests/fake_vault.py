"""Credentials, files and entries in memory, which answer what the host's operations do."""

import base64
from typing import Any

from perdure_sdk import InvalidPayload, NotFound, PermissionDenied

NOW = 1_767_225_600  # seconds: what `ctx.now()` is in a test


class FakeVault:
    """``operations`` is for `run_job`; the rest is what it has."""

    def __init__(self, file: bytes = b"", part: int = 4_000_000) -> None:
        self.file = file
        self.part = part
        self.credentials: dict[str, dict[str, Any]] = {}
        self.stored_at: dict[str, int] = {}
        self.shares: list[dict[str, Any]] = []
        self.entries: dict[str, str] = {}
        self.tables: list[str] = []
        self.records: list[dict[str, Any]] = []
        self.breached: dict[str, str] = {}  # what the service answers, by prefix
        self.asked: list[dict[str, Any]] = []
        self.operations = {
            "action:credentials.store": self.store,
            "action:credentials.generate": self.generate,
            "action:credentials.rotate": self.rotate,
            "action:credentials.share": self.share,
            "query:credentials.get": self.get,
            "query:credentials.list": self.list,
            "query:credentials.audit": self.audit,
            "query:files.read": self.read,
            "query:http.request": self.request,
            "query:config.get": self.config,
            "action:vdfs.create_entry": self.create_entry,
            "action:vdfs.write_sidecar": self.write_sidecar,
        }

    def put(self, name: str, stored_at: int = 0, **login: Any) -> None:
        """Have a login."""
        self.store({"name": name, "credential": {"type": "login", **login}})
        self.stored_at[name] = stored_at

    def store(self, payload: dict[str, Any]) -> dict[str, Any]:
        if "too long" in str(payload["credential"]):
            raise InvalidPayload("invalid payload: it is not valid - at `$.credential`")
        replaced = payload["name"] in self.credentials
        assert not replaced, "nothing may be lost"
        self.credentials[payload["name"]] = payload["credential"]
        self.stored_at[payload["name"]] = NOW
        return {"replaced": replaced}

    def generate(self, payload: dict[str, Any]) -> dict[str, Any]:
        if payload["name"] in self.credentials:
            return {"generated": False, "entropy_bits": None}
        self.put(payload["name"], NOW, password="made")
        return {"generated": True, "entropy_bits": 66.0}

    def rotate(self, payload: dict[str, Any]) -> dict[str, Any]:
        self.credentials[payload["name"]]["password"] = "new"
        self.stored_at[payload["name"]] = NOW
        return {"entropy_bits": 128.5, "kept": 1}

    def share(self, payload: dict[str, Any]) -> dict[str, Any]:
        if payload["name"] not in self.credentials:
            raise NotFound("there is no credential with this name")
        self.shares.append(payload)
        return {"changed": True}

    def get(self, payload: dict[str, Any]) -> dict[str, Any]:
        return {"credential": self.credentials[payload["name"]]}

    def list(self, payload: dict[str, Any]) -> dict[str, Any]:
        names = sorted(name for name in self.credentials if name > payload.get("after", ""))
        limit = min(payload.get("limit", 100), 2)  # small pages, so that there are some
        found = [
            {
                "name": name,
                "type": self.credentials[name]["type"],
                "stored_at": self.stored_at[name],
                "expires_at": None,
            }
            for name in names[:limit]
        ]
        return {"credentials": found, "next": names[limit - 1] if len(names) > limit else None}

    def audit(self, payload: dict[str, Any]) -> dict[str, Any]:
        after = payload.get("after_position", 0)
        found = [one for one in self.records if one["position"] > after and one["time"] >= payload.get("since", 0)]
        return {"records": found[:2], "next": found[1]["position"] if len(found) > 2 else None}

    def read(self, payload: dict[str, Any]) -> dict[str, Any]:
        if not payload["file"].startswith("exports/"):
            raise PermissionDenied("no folder of this name is shared")
        offset = payload.get("offset", 0)
        content = self.file[offset : offset + self.part]
        after = offset + len(content)
        return {
            "content": base64.b64encode(content).decode(),
            "offset": offset,
            "next_offset": after if after < len(self.file) else None,
            "size": len(self.file),
            "modified": 1,
        }

    def request(self, payload: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(payload)
        prefix = payload["url"].rpartition("/")[2]
        if prefix not in self.breached:
            return {"status": 503, "origin": "https://x", "url": payload["url"], "headers": [], "elapsed_ms": 1}
        return {
            "status": 200,
            "origin": "https://x",
            "url": payload["url"],
            "headers": [],
            "elapsed_ms": 1,
            "body": self.breached[prefix],
        }

    def config(self, payload: dict[str, Any]) -> dict[str, Any]:
        values = {"breach_service": "https://breaches.example/range/"}
        return {"values": values, "own": None, "revision": 0}

    def create_entry(self, payload: dict[str, Any]) -> dict[str, Any]:
        assert payload["if_absent"]
        self.entries.setdefault(payload["name"], payload["text"])
        return {
            "id": "00000000-0000-0000-0000-00000000000a",
            "name": payload["name"],
            "kind": "file",
            "media_type": "text/markdown",
            "size": len(payload["text"].encode()),
            "digest": "",
            "metadata": {},
            "created": 0,
            "updated": 0,
            "revision": 1,
            "extension": "vault",
            "sidecars": 0,
        }

    def write_sidecar(self, payload: dict[str, Any]) -> dict[str, Any]:
        self.tables.append(payload["text"])
        return {
            "entry_id": payload["entry_id"],
            "name": payload["name"],
            "media_type": payload["media_type"],
            "size": 1,
            "digest": "",
            "created": 0,
            "updated": 0,
            "revision": 1,
            "extension": "vault",
        }
