"""What an embedder may choose about models: the one that ships with perdure, or a server of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from perdure.runtime.errors import InvalidLimits
from perdure.runtime.http.errors import InvalidRequest
from perdure.runtime.http.headers import checked_headers
from perdure.runtime.http.url import parse_url

LOCAL: Final = "local"

Backend = Literal["local", "endpoint"]
# How the server is told that the answer is JSON: by a schema, in words and a switch, or in words alone.
ResponseFormat = Literal["json_schema", "json_object", "none"]

_MASK: Final = "[sensitive]"
_KEY: Final = re.compile(r"[\x21-\x7e]+")


class AiEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A server that speaks OpenAI's protocol: a local Ollama, vLLM or llama.cpp, a cloud. Times in seconds.

    It is the embedder's choice, so it may be on any network, also this machine's; guests choose no host.

    Attributes:
        base_url: what ``/chat/completions`` is put behind: ``http://127.0.0.1:11434/v1``.
        model: the model that answers unless a guest names another of ``models``.
        embedding_model: the model of ``/embeddings``; None: `ai.embed` stays with the local one.
        models: further models that guests may name.
        api_key: sent as ``Authorization: Bearer``; shown nowhere.
        headers: further headers of each request; their values are shown nowhere.
        timeout: for one request; a call asks at most four times in all, within the time that the operation has.
        response_format: ``json_schema`` for servers that hold a model to a schema (OpenAI, Ollama, vLLM, llama.cpp),
            ``json_object`` for those that know JSON only, ``none`` for those that know neither.
        takes_temperature: False for models that refuse a request that says one.

    Raises:
        InvalidLimits: a value makes no sense; the key and the headers' values are not repeated.
    """

    base_url: str
    model: str
    embedding_model: str | None = None
    models: tuple[str, ...] = ()
    api_key: str | None = None
    headers: Mapping[str, str] = {}
    timeout: float = 60.0
    response_format: ResponseFormat = "json_schema"
    takes_temperature: bool = True

    def __post_init__(self) -> None:
        try:
            target = parse_url(self.base_url)
        except InvalidRequest as error:
            expected = f"a URL such as http://127.0.0.1:11434/v1; {error.reason}"
            raise InvalidLimits("base_url", _MASK, expected) from None
        if "?" in target.path:
            raise InvalidLimits("base_url", target.origin, "a URL without a query")
        for field in ("model", "embedding_model"):
            if getattr(self, field) == "" or getattr(self, field) == LOCAL:
                raise InvalidLimits(field, getattr(self, field), f"a name, and not {LOCAL!r}")
        if self.api_key is not None and not _KEY.fullmatch(self.api_key):
            raise InvalidLimits("api_key", _MASK, "printable ASCII without spaces")
        try:
            checked_headers(self.headers.items())
        except InvalidRequest as error:
            raise InvalidLimits("headers", sorted(self.headers), f"headers: {error.reason}") from None
        if not 0 < self.timeout <= 3600:
            raise InvalidLimits("timeout", self.timeout, "more than 0 and at most 3600 seconds")

    def __repr__(self) -> str:
        return f"AiEndpoint({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        fields["api_key"] = None if self.api_key is None else _MASK
        fields["headers"] = dict.fromkeys(self.headers, _MASK)
        return list(fields.items())


class AiSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which models answer `ai.classify_text` and `ai.embed`.

    Attributes:
        endpoint: a server, if there is one.
        default: which one answers a call that names no model; None: the endpoint where there is one, else the local
            model.

    Raises:
        InvalidLimits: the endpoint is the default, and there is none.
    """

    endpoint: AiEndpoint | None = None
    default: Backend | None = None

    def __post_init__(self) -> None:
        if self.default == "endpoint" and self.endpoint is None:
            raise InvalidLimits("default", self.default, "'local', or an endpoint has to be given")
