"""``query:ai.classify_text``: what a text is, as one of some labels, or as JSON of a schema.

The text is a stranger's, and so may be the prompt: both are recorded sealed, and so is what was made of them. Labels
and the schema are the extension's own words, and are recorded in clear.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from perdure.actors.operations import OperationFailed
from perdure.runtime.ai.answer_schema import AnswerSchema
from perdure.runtime.ai.chat import (
    WRAPPED,
    WrongAnswer,
    asked_again,
    json_of,
    labels_schema,
    messages,
    wrapped,
)
from perdure.runtime.ai.choices import Choice, choices_of, put_together
from perdure.runtime.ai.endpoint import Endpoint
from perdure.runtime.ai.labels import TextLabel
from perdure.runtime.ai.local_model import LocalModel
from perdure.runtime.ai.models import Model, chat_model
from perdure.runtime.ai.settings import AiSettings
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Sensitive, query

MAX_SECONDS: Final = 300.0
MAX_TEXT: Final = 1_000_000  # characters
MAX_PROMPT: Final = 20_000
MAX_LABELS: Final = 200

_LABEL: Final = 200  # characters
_DESCRIPTION: Final = 2_000
_ONLY_LABELS: Final = "the local model can only choose among labels"
_CONFIGURE: Final = "configure an endpoint (docs/ai.md) for more"


class ClassifyOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``model`` is ``local``, or one of the endpoint's that the host offers; ``temperature`` is for the endpoint's."""

    model: str | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] = 0.0


class ClassifyText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text, and what is to be known of it.

    ``labels`` are texts, or objects of a ``label`` and its ``description``, which tells it from the others. ``schema``
    is a JSON Schema (2020-12) of the answer; with both, the answer fits the schema and its choice is one of the labels.
    A ``prompt`` says what is asked, for the local model as a short question: ``What kind of mail is this?``.
    """

    text: Annotated[str, msgspec.Meta(max_length=MAX_TEXT), Sensitive]
    prompt: Annotated[str, msgspec.Meta(max_length=MAX_PROMPT), Sensitive] | None = None
    labels: Annotated[list[str | TextLabel], msgspec.Meta(min_length=1, max_length=MAX_LABELS)] | None = None
    schema: dict[str, Any] | None = None
    options: ClassifyOptions = ClassifyOptions()


class TextClassified(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the text is. ``result`` is ``{"label": …}``, or what the schema describes.

    ``label`` is the choice, if there is one to make; ``scores`` say how likely each label is, together 1, and only the
    local model gives them.
    """

    result: Annotated[Any, Sensitive]
    model: str
    backend: Literal["local", "endpoint"]
    label: Annotated[str, Sensitive] | None = None
    scores: Annotated[dict[str, float], Sensitive] | None = None


class Classifying:
    """The handler.

    Args:
        settings: which models there are.
        local: the model that ships.
        endpoint: the server that the embedder set, if any.
    """

    def __init__(self, settings: AiSettings, local: LocalModel, endpoint: Endpoint | None) -> None:
        self._settings = settings
        self._local = local
        self._endpoint = endpoint

    @query("ai.classify_text", timeout=MAX_SECONDS)
    def classify(self, context: CallContext, request: ClassifyText) -> TextClassified:
        """Say what a text is: one of some labels, or JSON of a schema."""
        model = chat_model(self._settings, request.options.model)
        labels = _checked(request.labels or [])
        schema = None if request.schema is None else AnswerSchema(request.schema)
        if model.backend == "local" or self._endpoint is None:
            return self._locally(context, request, model, labels, schema)
        return self._remotely(context, request, model, labels, schema, self._endpoint)

    # --- the local model ---------------------------------------------------------------------------------------------

    def _locally(
        self,
        context: CallContext,
        request: ClassifyText,
        model: Model,
        labels: tuple[TextLabel, ...],
        schema: AnswerSchema | None,
    ) -> TextClassified:
        choices = _choices(labels, schema)
        scored = [
            self._local.scores(context, request.text, choice.labels, choice.question or request.prompt)
            for choice in choices
        ]
        chosen = [max(scores, key=lambda label: scores[label]) for scores in scored]
        result = put_together(choices, chosen)
        if schema is not None and schema.problems(result):
            result = chosen[0]  # a label alone, where the schema has a text without choices of its own
            if schema.problems(result):
                raise OperationFailed("unavailable", f"{_ONLY_LABELS}, and none fits the schema; {_CONFIGURE}")
        one = len(choices) == 1
        return TextClassified(
            result=result,
            label=chosen[0] if one else None,
            scores=scored[0] if one else None,
            model=model.name,
            backend="local",
        )

    # --- the endpoint ------------------------------------------------------------------------------------------------

    def _remotely(
        self,
        context: CallContext,
        request: ClassifyText,
        model: Model,
        labels: tuple[TextLabel, ...],
        schema: AnswerSchema | None,
        endpoint: Endpoint,
    ) -> TextClassified:
        strict = schema is None and bool(labels)
        if strict:
            schema = AnswerSchema(labels_schema(labels))
        # Servers that can be held to a schema take objects only; what is none is put into one, and taken out again.
        wrap = schema is not None and not schema.is_object
        sent = None if schema is None else wrapped(schema.schema) if wrap else schema.schema
        conversation = messages(request.text, request.prompt, labels, sent)
        for last in (False, True):
            said = endpoint.complete(
                context,
                model.name,
                conversation,
                temperature=request.options.temperature,
                schema=sent,
                strict=strict,
            )
            try:
                result = _read(said, schema, wrap=wrap)
                label = _label_of(result, labels)
            except WrongAnswer as error:
                if last:
                    raise OperationFailed("failed", f"the model's second answer is wrong, too: {error}") from None
                conversation = asked_again(conversation, said, str(error))
            else:
                return TextClassified(result=result, label=label, model=model.name, backend="endpoint")
        raise AssertionError("unreachable")


def _checked(labels: list[str | TextLabel]) -> tuple[TextLabel, ...]:
    found: dict[str, TextLabel] = {}
    for one in labels:
        label = TextLabel(label=one) if isinstance(one, str) else one
        if not label.label.strip() or len(label.label) > _LABEL or len(label.description or "") > _DESCRIPTION:
            text = f"labels: a label has 1 to {_LABEL} characters, its description at most {_DESCRIPTION:,}"
            raise OperationFailed("invalid_payload", text)
        if label.label in found:
            raise OperationFailed("invalid_payload", "labels: one is there twice")
        found[label.label] = label
    return tuple(found.values())


def _choices(labels: tuple[TextLabel, ...], schema: AnswerSchema | None) -> tuple[Choice, ...]:
    """What the local model has to choose.

    Raises:
        OperationFailed: ``unavailable``: it is asked for more than a choice.
    """
    if labels:
        return (Choice("label", None, labels),)
    if schema is None:
        raise OperationFailed("unavailable", f"{_ONLY_LABELS}: give labels; {_CONFIGURE}")
    choices = choices_of(schema.schema)
    if choices is None:
        text = f"{_ONLY_LABELS}: enum, const, or an object of these; {_CONFIGURE}"
        raise OperationFailed("unavailable", text)
    return choices


def _read(said: str, schema: AnswerSchema | None, *, wrap: bool) -> Any:
    result = json_of(said)
    if schema is None:
        return result
    # A model that was not held to the schema may leave the object around a value out.
    inner = result.get(WRAPPED, result) if wrap and isinstance(result, dict) else result
    problems = schema.problems(inner)
    if problems:
        raise WrongAnswer("; ".join(problems))
    return inner


def _label_of(result: Any, labels: tuple[TextLabel, ...]) -> str | None:
    if not labels:
        return None
    label = result.get("label") if isinstance(result, dict) else result
    names = [one.label for one in labels]
    if isinstance(label, str) and label in names:
        return label
    if isinstance(result, dict) and "label" not in result:
        return None  # the schema says otherwise
    raise WrongAnswer(f"the label must be one of {', '.join(names)}")
