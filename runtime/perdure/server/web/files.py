"""Files that clients send and get: through a file in the data folder, a part at a time, never whole in memory."""

from __future__ import annotations

import errno
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import quote
from uuid import UUID

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from perdure.api.endpoint import Endpoint
from perdure.api.errors import TooLarge, TooMany
from perdure.api.files import ABOUT
from perdure.api.problems import REFUSED
from perdure.server.access.authorising import authorise, require_scope
from perdure.server.link.files import UPLOADS, FileReady
from perdure.server.web.answers import REQUEST_ID, answer_from
from perdure.server.web.boundary import Page, page_of
from perdure.server.web.incoming import body_of, caller_from
from perdure.server.web.requests import request_of
from perdure.server.web.site import Site
from perdure.store.errors import DiskFull

AT_ONCE: Final = 4  # uploads; each may fill the disk with `max_upload`
_INCOMING: Final = "incoming-"
_PART: Final = 1 << 20


class Incoming:
    """Where files lie while they come. What a web process before this one left there is deleted.

    Args:
        data: the data folder.
    """

    def __init__(self, data: Path) -> None:
        self._folder = data / UPLOADS
        self.coming = 0
        if self._folder.is_dir():
            for left in self._folder.glob(f"{_INCOMING}*"):
                left.unlink(missing_ok=True)

    def new(self) -> Path:
        """A name that nothing has."""
        return self._folder / f"{_INCOMING}{secrets.token_hex(8)}"


def upload_page(site: Site, endpoint: Endpoint[Any, Any], incoming: Incoming) -> Page:
    """The page of an endpoint that takes a file."""

    async def answered(request: Request, number: UUID) -> Response:
        file = incoming.new()
        try:
            caller = caller_from(site, request)
            require_scope(caller, endpoint)
            message = request_of(endpoint, request.path_params, request.query_params.multi_items(), b"", "")
            authorise(caller, endpoint, message, site.store)
            await _receive(request, file, site.order.settings.max_upload, incoming)
            answer = await site.link.ask(
                endpoint.name,
                caller,
                number,
                msgspec.json.encode(message),
                request.headers.get("idempotency-key"),
                request.headers.get("traceparent"),
                str(file),
            )
            return answer_from(answer, number)
        finally:
            file.unlink(missing_ok=True)

    return page_of(endpoint.name, answered)


async def _receive(request: Request, file: Path, limit: int, incoming: Incoming) -> None:
    """Write the body to ``file``.

    Raises:
        TooLarge: it has more than ``limit`` bytes.
        TooMany: others are sending files.
        DiskFull: there is no room for it.
        ClientDisconnect: the client went away.
    """
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        if "expect" not in request.headers:  # else nothing is sent before it is wanted
            await _throw_away(request, limit)
        raise TooLarge(limit)
    if incoming.coming >= AT_ONCE:
        raise TooMany("uploads")
    incoming.coming += 1
    try:
        with file.open("xb") as target:  # in a folder that is the owner's alone
            await _write_parts(request, target, limit)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(file.parent) from None
        raise
    finally:
        incoming.coming -= 1


async def _write_parts(request: Request, target: BinaryIO, limit: int) -> None:
    size, parts = 0, bytearray()
    async for part in request.stream():
        size += len(part)
        if size > limit:
            await _throw_away(request, limit)
            raise TooLarge(limit)
        parts += part
        if len(parts) >= _PART:
            await run_in_threadpool(target.write, bytes(parts))
            parts.clear()
    await run_in_threadpool(target.write, bytes(parts))
    await run_in_threadpool(target.flush)


async def _throw_away(request: Request, limit: int) -> None:
    """Read on for a while: a client that is still sending when it is answered may never see the answer."""
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            return


def download_page(site: Site, endpoint: Endpoint[Any, Any]) -> Page:
    """The page of an endpoint that is answered by a file, which nobody keeps: it takes no Idempotency-Key."""

    async def answered(request: Request, number: UUID) -> Response:
        caller = caller_from(site, request)
        require_scope(caller, endpoint)
        with site.bodies.share() as take:
            body = await body_of(request, site.order.settings.max_body, take)
            content_type = request.headers.get("content-type", "")
            query = request.query_params.multi_items()
            message = request_of(endpoint, request.path_params, query, body, content_type)
        authorise(caller, endpoint, message, site.store)
        trace = request.headers.get("traceparent")
        answer = await site.link.ask(endpoint.name, caller, number, msgspec.json.encode(message), None, trace)
        if answer.status >= REFUSED:
            return answer_from(answer, number)
        return _file_response(msgspec.json.decode(answer.body, type=FileReady), number)

    return page_of(endpoint.name, answered)


def _file_response(ready: FileReady, number: UUID) -> Response:
    path = Path(ready.path)
    file = path.open("rb")
    path.unlink()  # whatever becomes of this process or of the client, nothing is left
    headers = {
        REQUEST_ID: str(number),
        "Cache-Control": "no-store",
        "Content-Length": str(ready.size),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(ready.name, safe='')}",
        ABOUT: msgspec.json.encode(ready.about).decode(),
    }
    return StreamingResponse(_parts(file), 200, headers, media_type=ready.media_type)


def _parts(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while part := file.read(_PART):
            yield part
