"""The model that ships in the extra ``ai``, as the runtime sees it: in a worker process, without a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from perdure.runtime.ai.labels import TextLabel, even, phrases, scores
from perdure.runtime.ai.text_messages import Compared, TextsToEmbed, TextToCompare, Vectors
from perdure.runtime.operations.context import CallContext
from perdure.runtime.worker_processes.pool import WorkerPool
from perdure.runtime.worker_processes.task import Task

# It takes 150 MB. One process: it reads more texts a second than guests send, and keeps its labels' vectors.
_TEXT: Final = Task(
    "perdure.runtime.ai.text_worker:text_model", memory_bytes=1 << 30, processes=1, extra="ai", calls=100_000
)


class LocalModel:
    """Vectors of texts, and labels by them. Thread-safe."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool

    def embed(self, context: CallContext, texts: Sequence[str]) -> Vectors:
        """Vectors of texts.

        Raises:
            OperationFailed: it takes too long, or the extra is not installed.
        """
        return msgspec.msgpack.decode(self._run(context, TextsToEmbed(list(texts))), type=Vectors)

    def scores(
        self, context: CallContext, text: str, labels: Sequence[TextLabel], question: str | None
    ) -> dict[str, float]:
        """How likely each label is for a text; all the same for a text that says nothing. Raises as `embed`."""
        asked = TextToCompare(text, [phrases(label, question) for label in labels])
        found = msgspec.msgpack.decode(self._run(context, asked), type=Compared)
        likely = even(len(labels)) if found.similarities is None else scores(found.similarities, found.spread)
        return {label.label: round(score, 4) for label, score in zip(labels, likely, strict=True)}

    def _run(self, context: CallContext, asked: TextsToEmbed | TextToCompare) -> bytes:
        request = msgspec.msgpack.encode(asked)
        return self._pool.run(_TEXT, request, seconds=context.remaining(), cancelled=context.cancelled)
