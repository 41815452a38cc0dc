"""What every request goes through before any page: is it meant for this server, and is there room for it?"""

from __future__ import annotations

from uuid import uuid4

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perdure.api.errors import ApiError, TooMany
from perdure.server.web.answers import problem_response
from perdure.server.web.hosts import Hosts
from perdure.server.web.protections import PROTECTIONS


class Gate:
    """Lets requests through to ``app``, and puts what protects browsers on the answers.

    Args:
        app: what is behind it.
        hosts: the server's names; None for an entrance that only the owner reaches.
        requests: how many there may be that have no answer yet.
    """

    def __init__(self, app: ASGIApp, hosts: Hosts | None, requests: int) -> None:
        self._app = app
        self._hosts = hosts
        self._limit = requests
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it through, or refuse it."""
        if scope["type"] != "http":
            return
        waiting = False

        def answered() -> None:
            nonlocal waiting
            if waiting:
                waiting = False
                self._open -= 1

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered()  # what follows is the client's pace, which its connection sees to
                given = list(message.get("headers", ()))
                names = {name.lower() for name, _ in given}
                message["headers"] = [*given, *(one for one in PROTECTIONS if one[0] not in names)]
            await send(message)

        try:
            if self._hosts is not None:
                self._hosts.check(scope["method"], scope["path"], Headers(scope=scope))
            if self._open >= self._limit:
                raise TooMany("requests")
        except ApiError as error:
            await problem_response(error, uuid4())(scope, receive, protected)
            return
        waiting = True
        self._open += 1
        try:
            await self._app(scope, receive, protected)
        finally:
            answered()
