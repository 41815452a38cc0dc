"""Which model answers a call: what the embedder set, and what the caller asks for. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from perdure.actors.operations import OperationFailed
from perdure.runtime.ai.settings import LOCAL, AiSettings, Backend

LOCAL_MODEL: Final = "use-multilingual-v3"


class Model(msgspec.Struct, frozen=True):
    """A model, by the name that its backend knows it by."""

    name: str
    backend: Backend


_LOCAL: Final = Model(LOCAL_MODEL, "local")


def chat_model(settings: AiSettings, wanted: str | None) -> Model:
    """The model that classifies.

    Raises:
        OperationFailed: ``not_found``: there is no such model here.
    """
    if settings.endpoint is None:
        return _chosen(wanted, _LOCAL, ())
    default = _LOCAL if settings.default == LOCAL else Model(settings.endpoint.model, "endpoint")
    return _chosen(wanted, default, (settings.endpoint.model, *settings.endpoint.models))


def embedding_model(settings: AiSettings, wanted: str | None) -> Model:
    """The model that makes vectors. Raises as `chat_model`."""
    remote = settings.endpoint.embedding_model if settings.endpoint is not None else None
    if remote is None:
        return _chosen(wanted, _LOCAL, ())
    default = _LOCAL if settings.default == LOCAL else Model(remote, "endpoint")
    return _chosen(wanted, default, (remote,))


def _chosen(wanted: str | None, default: Model, remote: tuple[str, ...]) -> Model:
    if wanted is None:
        return default
    if wanted in (LOCAL, LOCAL_MODEL):
        return _LOCAL
    if wanted in remote:
        return Model(wanted, "endpoint")
    known = ", ".join((LOCAL, *dict.fromkeys(remote)))
    raise OperationFailed("not_found", f"options.model: there is no such model here; there is {known}")
