"""A server that speaks OpenAI's protocol over HTTP: chat completions and embeddings, with the answers of a test."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.web_server import Page, Visit, WebServer, web_server

from perdure.runtime import AiEndpoint, AiSettings, RuntimeSettings

KEY = "sk-planted-0123456789"
CHAT, EMBEDDINGS = "/v1/chat/completions", "/v1/embeddings"


class OpenAiServer:
    """Answers each request by the next of ``answers``: a `Page`, or the text that the model says.

    ``asked`` has the bodies of the requests so far.
    """

    def __init__(self, *answers: Page | str) -> None:
        self.answers = [*answers]
        self.server: WebServer
        self.embed: Callable[[str], list[float]] = lambda text: [float(len(text)), 1.0, 0.0]

    @property
    def asked(self) -> list[dict[str, Any]]:
        return [json.loads(seen.body) for seen in self.server.seen]

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}/v1"

    def endpoint(self, **options: Any) -> AiEndpoint:
        return AiEndpoint(**{"base_url": self.base_url, "model": "small-1", "api_key": KEY, "timeout": 30.0, **options})

    def settings(self, **options: Any) -> RuntimeSettings:
        return RuntimeSettings(ai=AiSettings(endpoint=self.endpoint(**options)), kill_grace=0.2)

    def chat(self, visit: Visit) -> None:
        answer = self.answers.pop(0)
        if callable(answer):
            answer(visit)
        else:
            visit.reply(200, completion(answer), ("Content-Type", "application/json"))

    def embeddings(self, visit: Visit) -> None:
        if self.answers:
            return self.chat(visit)
        texts = json.loads(visit.seen.body)["input"]
        # Backwards, with their numbers: the protocol allows it.
        data = [{"object": "embedding", "index": at, "embedding": self.embed(text)} for at, text in enumerate(texts)]
        return visit.reply(200, json.dumps({"object": "list", "data": data[::-1]}).encode())


@contextmanager
def openai_server(*answers: Page | str) -> Iterator[OpenAiServer]:
    """One until the end of the block."""
    one = OpenAiServer(*answers)
    with web_server({CHAT: one.chat, EMBEDDINGS: one.embeddings}) as server:
        one.server = server
        yield one


def completion(content: str | None, finish_reason: str = "stop", **message: Any) -> bytes:
    """A whole answer to a chat."""
    said = {"role": "assistant", "content": content, **message}
    choice = {"index": 0, "message": said, "finish_reason": finish_reason}
    return json.dumps({"id": "c-1", "object": "chat.completion", "choices": [choice]}).encode()


def status(code: int, body: bytes = b"", **headers: str) -> Page:
    """An answer of this status; underscores in names of headers are hyphens."""
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return lambda visit: visit.reply(code, body, *pairs)
