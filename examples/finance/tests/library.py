"""A library and a mailbox for tests: they answer as the host does."""

import base64
from typing import Any

from perdure_sdk import NotFound, OperationFailed

DAY = 86_400_000_000  # microseconds
VECTOR = base64.b64encode(b"\x00\x00\x80\x3f" + bytes(2044)).decode()  # 512 floats: 1, 0, 0, …


class World:
    """Entries and mails. ``operations`` are for `run_job`."""

    def __init__(self, *mails: dict[str, Any]) -> None:
        self.entries: list[dict[str, Any]] = []
        self.sidecars: dict[tuple[str, str], str] = {}
        self.mails = {number: _message(number, mail) for number, mail in enumerate(mails, 1)}
        self.broken: set[int] = set()
        self.uid_validity = 7
        self.ocr = ""
        self.operations: dict[str, Any] = {
            "query:mail.list": self._list,
            "query:mail.fetch": self._fetch,
            "query:ai.ocr": self._ocr,
            "query:ai.embed": self._embed,
            "query:ai.classify_text": {
                "result": {"label": "newsletter"},
                "model": "m",
                "backend": "local",
                "label": "x",
            },
            "query:vdfs.list_entries": self._entries,
            "query:vdfs.read_sidecar": self._read,
            "action:vdfs.create_entry": self._create,
            "action:vdfs.append_content": NotFound,
            "action:vdfs.update_metadata": self._update,
            "action:vdfs.write_sidecar": self._write,
        }

    @property
    def receipts(self) -> list[dict[str, Any]]:
        """The entries of receipts."""
        return [entry for entry in self.entries if entry["kind"] == "receipt"]

    def _list(self, request: dict[str, Any]) -> dict[str, Any]:
        reset = request.get("uid_validity", self.uid_validity) != self.uid_validity
        after = 0 if reset else request.get("after_uid", 0)
        fields = ("uid", "message_id", "subject", "sender", "date", "size", "flags", "has_attachments")
        found = [{name: mail[name] for name in fields} for uid, mail in self.mails.items() if uid > after]
        more = found[2]["uid"] if len(found) > 3 else None  # small pages
        return {
            "uid_validity": self.uid_validity,
            "uid_next": len(self.mails) + 1,
            "messages": found[:3],
            "next_uid": more,
            "reset": reset,
        }

    def _fetch(self, request: dict[str, Any]) -> dict[str, Any]:
        mail = self.mails[request["uid"]]
        if request["uid"] in self.broken:
            raise OperationFailed("it cannot be read")
        answer = {name: value for name, value in mail.items() if name not in ("size", "flags", "has_attachments")}
        part = request.get("part")
        if part == 0:
            answer["raw"] = base64.b64encode(b"raw message").decode()
        elif part:
            content = base64.b64encode(b"%PDF-1.4 what was attached").decode()
            answer["attachments"] = [{**one, "content": content} for one in mail["attachments"]]
        return answer

    def _ocr(self, request: dict[str, Any]) -> dict[str, Any]:
        if not self.ocr:
            raise OperationFailed("the PDF is damaged")
        words = [{"text": "x", "confidence": 1.0, "box": [1.0, 2.0, 3.0, 4.0], "line": 0}]
        page = {"number": 1, "text": self.ocr, "confidence": 0.9, "source": "ocr", "unit": "pixels"}
        page |= {"width": 100.0, "height": 200.0, "rotation": 0, "words": words}
        return {"text": self.ocr, "confidence": 0.9, "media_type": "image/png", "page_count": 1, "pages": [page]}

    def _embed(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"vectors": [VECTOR] * len(request["texts"]), "dimensions": 512, "model": "m", "backend": "local"}

    def _entries(self, request: dict[str, Any]) -> dict[str, Any]:
        wanted = (request.get("kind"), request.get("name_prefix") or "")
        found = [one for one in self.entries if one["kind"] == wanted[0] and one["name"].startswith(wanted[1])]
        return {"entries": found, "next": None}

    def _create(self, request: dict[str, Any]) -> dict[str, Any]:
        if request.get("if_absent"):
            for entry in self.entries:
                if (entry["name"], entry["kind"]) == (request["name"], request["kind"]):
                    return entry
        content = base64.b64decode(request.get("content", ""))
        entry = {
            "id": f"00000000-0000-4000-8000-{len(self.entries):012}",
            "name": request["name"],
            "kind": request["kind"],
            "media_type": request.get("media_type") or "application/octet-stream",
            "metadata": request.get("metadata") or {},
            "size": len(content),
            "digest": "0" * 64,
            "created": 0,
            "updated": 0,
            "revision": 1,
            "extension": "finance",
            "sidecars": 0,
        }
        self.entries.append(entry)
        return entry

    def _update(self, request: dict[str, Any]) -> dict[str, Any]:
        entry = next(one for one in self.entries if one["id"] == request["entry_id"])
        entry["metadata"] = {**entry["metadata"], **request["metadata"]}
        return entry

    def _write(self, request: dict[str, Any]) -> dict[str, Any]:
        entry = next(one for one in self.entries if one["id"] == request["entry_id"])
        entry["sidecars"] += (request["entry_id"], request["name"]) not in self.sidecars
        self.sidecars[request["entry_id"], request["name"]] = request["text"]
        return self._sidecar(request)

    def _read(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"sidecar": self._sidecar(request), "text": self.sidecars[request["entry_id"], request["name"]]}

    def _sidecar(self, request: dict[str, Any]) -> dict[str, Any]:
        said = {"entry_id": request["entry_id"], "name": request["name"], "media_type": "application/json"}
        return {
            **said,
            "size": 1,
            "digest": "0" * 64,
            "created": 0,
            "updated": 0,
            "revision": 1,
            "extension": "finance",
        }


def _message(uid: int, mail: dict[str, Any]) -> dict[str, Any]:
    name, _, address = mail.get("sender", "Ada <ada@example.org>").partition(" <")
    return {
        "uid": uid,
        "message_id": mail.get("message_id", f"<{uid}@example.org>"),
        "in_reply_to": None,
        "references": [],
        "subject": mail.get("subject", ""),
        "sender": {"name": name, "address": address.rstrip(">")},
        "to": [],
        "cc": [],
        "reply_to": [],
        "date": 20_524 * DAY,  # 12 March 2026
        "headers": {},
        "text": mail.get("text", ""),
        "text_from": "plain",
        "attachments": mail.get("attachments", []),
        "raw_size": 100,
        "sha256": "0" * 64,
        "problems": [],
        "size": 100,
        "flags": [],
        "has_attachments": None,
    }
