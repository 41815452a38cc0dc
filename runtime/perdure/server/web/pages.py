"""The job manager: its page at ``/`` and what that loads, read once from the package."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final
from uuid import uuid4

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from perdure.api.errors import NotFound
from perdure.server.web.answers import problem_response

_FOLDER: Final = "page"
_INDEX: Final = "index.html"
# By the end of a file's name. What has another end is not served.
_TYPES: Final[dict[str, str]] = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
# Files change only with the server: a browser asks each time whether it has, and is answered in one line.
_CACHING: Final = "no-cache"


class PageFile(msgspec.Struct, frozen=True):
    """A file of the page; ``etag`` is of its bytes."""

    content: bytes
    media_type: str
    etag: str


def page_files() -> dict[str, PageFile]:
    """All files of the page, by their paths under its folder. What is not among them cannot be asked for."""
    folder = files("perdure.server.web").joinpath(_FOLDER)
    return {
        path: PageFile(content, _TYPES[path.rpartition(".")[2]], f'"{hashlib.sha256(content).hexdigest()[:32]}"')
        for path, content in _found(folder, "")
        if path.rpartition(".")[2] in _TYPES
    }


def page_routes() -> list[BaseRoute]:
    """The routes of the page: ``/``, and ``/assets/`` with what it loads."""
    found = page_files()

    async def index(request: Request) -> Response:
        return _answer(request, found[_INDEX])

    async def asset(request: Request) -> Response:
        file = found.get(request.path_params["path"])
        if file is None:
            return problem_response(NotFound("such page"), uuid4())
        return _answer(request, file)

    return [Route("/", index, methods=["GET"]), Route("/assets/{path:path}", asset, methods=["GET"])]


def _found(folder: Traversable, under: str) -> Iterator[tuple[str, bytes]]:
    for each in folder.iterdir():
        if each.is_dir():
            yield from _found(each, f"{under}{each.name}/")
        else:
            yield f"{under}{each.name}", each.read_bytes()


def _answer(request: Request, file: PageFile) -> Response:
    headers = {"ETag": file.etag, "Cache-Control": _CACHING}
    known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if file.etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers=headers, media_type=file.media_type)
