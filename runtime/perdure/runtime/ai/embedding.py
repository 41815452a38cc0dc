"""``query:ai.embed``: vectors of texts, near each other where the texts mean the same, also in other languages.

A vector says nearly as much as its text, so both are recorded sealed.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from perdure.actors.operations import OperationFailed
from perdure.runtime.ai.endpoint import Endpoint
from perdure.runtime.ai.local_model import LocalModel
from perdure.runtime.ai.models import embedding_model
from perdure.runtime.ai.settings import AiSettings
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Sensitive, query

MAX_SECONDS: Final = 300.0
MAX_TEXTS: Final = 256
MAX_TEXT: Final = 100_000  # characters
MAX_ALL: Final = 2_000_000  # characters of all texts together


class EmbedOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``model`` is ``local``, or the endpoint's that the host offers."""

    model: str | None = None


class EmbedTexts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Texts, 1 to 256. A long one has the mean of its parts."""

    texts: Annotated[
        list[Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]],
        msgspec.Meta(min_length=1, max_length=MAX_TEXTS),
        Sensitive,
    ]
    options: EmbedOptions = EmbedOptions()


class TextsEmbedded(msgspec.Struct, frozen=True, kw_only=True):
    """A vector for each text, in their order: ``dimensions`` 32-bit floats, little-endian, of unit length together.

    So the cosine of two is the sum of their products. A text of blanks has zeros only. Vectors of different models have
    nothing to do with each other: keep ``model`` beside what you store.
    """

    vectors: Annotated[list[bytes], Sensitive]
    dimensions: int
    model: str
    backend: Literal["local", "endpoint"]


class Embedding:
    """The handler; see `perdure.runtime.ai.classifying.Classifying`."""

    def __init__(self, settings: AiSettings, local: LocalModel, endpoint: Endpoint | None) -> None:
        self._settings = settings
        self._local = local
        self._endpoint = endpoint

    @query("ai.embed", timeout=MAX_SECONDS)
    def embed(self, context: CallContext, request: EmbedTexts) -> TextsEmbedded:
        """Make vectors of texts, to compare and to search them by meaning."""
        model = embedding_model(self._settings, request.options.model)
        if sum(map(len, request.texts)) > MAX_ALL:
            raise OperationFailed("invalid_payload", f"texts: together they have more than {MAX_ALL:,} characters")
        if model.backend == "local" or self._endpoint is None:
            found = self._local.embed(context, request.texts)
            vectors, dimensions = found.vectors, found.dimensions
        else:
            vectors = self._endpoint.embed(context, model.name, request.texts)
            dimensions = len(vectors[0]) // 4
        return TextsEmbedded(vectors=vectors, dimensions=dimensions, model=model.name, backend=model.backend)
