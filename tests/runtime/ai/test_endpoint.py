"""The texts' operations by a server of OpenAI's protocol, over HTTP, with all it may do wrong."""

from __future__ import annotations

import array
import base64
import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.openai_server import CHAT, KEY, OpenAiServer, completion, openai_server, status
from tests.support.python_guest import PythonHost
from tests.support.python_jobs import PythonJobs
from tests.support.waiting import TIMEOUT
from tests.support.web_server import Visit

from perdure.actors import GuestSpec
from perdure.runtime import AiSettings, OperationError, Runtime, RuntimeSettings
from perdure.runtime.ai.endpoint import TRIES

CLASSIFY, EMBED = "query:ai.classify_text", "query:ai.embed"
TEXT = "Total paid: 12.30 xyzzytext"
MOOD = {"type": "object", "properties": {"mood": {"type": "integer", "maximum": 5}}, "required": ["mood"]}


@contextlib.contextmanager
def asking(server: OpenAiServer, **options: Any) -> Iterator[Runtime]:
    with Runtime.in_memory(settings=server.settings(**options)) as runtime:
        yield runtime


def refused(runtime: Runtime, request: dict[str, Any], method: str = CLASSIFY, **options: Any) -> OperationError:
    with pytest.raises(OperationError) as caught:
        runtime.call(method, request, **options)
    return caught.value


# --- what is asked, and what comes of it -----------------------------------------------------------------------------


def test_one_of_some_labels() -> None:
    with openai_server('{"label": "receipt"}') as server, asking(server) as runtime:
        labels = ["letter", {"label": "receipt", "description": "something was paid"}]
        answer = runtime.call(CLASSIFY, {"text": TEXT, "prompt": "What is it?", "labels": labels})
        assert (answer.result, answer.label, answer.scores) == ({"label": "receipt"}, "receipt", None)
        assert (answer.model, answer.backend) == ("small-1", "endpoint")
        (asked,) = server.asked
        (seen,) = server.server.seen
    assert (asked["model"], asked["temperature"]) == ("small-1", 0.0)
    assert asked["response_format"]["type"] == "json_schema"
    assert asked["response_format"]["json_schema"]["strict"] is True
    assert asked["response_format"]["json_schema"]["schema"]["properties"]["label"]["enum"] == ["letter", "receipt"]
    system, user = asked["messages"]
    assert "What is it?" in system["content"]
    assert "- receipt: something was paid" in system["content"]
    assert TEXT not in system["content"], "a stranger's text among the instructions"
    assert user == {"role": "user", "content": TEXT}
    assert seen.header("authorization") == f"Bearer {KEY}"


def test_json_of_a_schema() -> None:
    with openai_server('{"mood": 4}') as server, asking(server) as runtime:
        answer = runtime.call(CLASSIFY, {"text": TEXT, "schema": MOOD, "options": {"temperature": 0.5}})
        assert (answer.result, answer.label) == ({"mood": 4}, None)
        (asked,) = server.asked
    assert asked["temperature"] == 0.5
    assert asked["response_format"]["json_schema"]["schema"] == MOOD
    assert asked["response_format"]["json_schema"]["strict"] is False, "strict takes only some schemas"


@pytest.mark.parametrize("said", ['{"answer": ["a"]}', '["a"]'])
def test_a_schema_of_no_object_is_put_into_one(said: str) -> None:
    words = {"$defs": {"word": {"type": "string"}}, "type": "array", "items": {"$ref": "#/$defs/word"}}
    with openai_server(said) as server, asking(server) as runtime:
        assert runtime.call(CLASSIFY, {"text": TEXT, "schema": words}).result == ["a"]
        sent = server.asked[0]["response_format"]["json_schema"]["schema"]
    assert sent["type"] == "object"
    assert sent["properties"]["answer"]["items"] == {"$ref": "#/properties/answer/$defs/word"}


def test_any_json_without_labels_and_schema() -> None:
    with openai_server('{"what": [1, null]}') as server, asking(server) as runtime:
        assert runtime.call(CLASSIFY, {"text": TEXT, "prompt": "as JSON"}).result == {"what": [1, None]}
        assert server.asked[0]["response_format"] == {"type": "json_object"}


def test_labels_in_a_schema_of_ones_own() -> None:
    schema = {"type": "object", "properties": {"label": {"type": "string"}, "why": {"type": "string"}}}
    with openai_server('{"label": "c"}', '{"label": "b", "why": "so"}') as server, asking(server) as runtime:
        answer = runtime.call(CLASSIFY, {"text": TEXT, "labels": ["a", "b"], "schema": schema})
        assert (answer.result, answer.label) == ({"label": "b", "why": "so"}, "b")
        assert "the label must be one of a, b" in server.asked[1]["messages"][-1]["content"]


@pytest.mark.parametrize(
    ("setting", "sent"), [("json_object", {"type": "json_object"}), ("none", None), ("json_schema", ...)]
)
def test_how_the_server_is_told(setting: str, sent: Any) -> None:
    with openai_server('{"mood": 1}') as server, asking(server, response_format=setting) as runtime:
        runtime.call(CLASSIFY, {"text": TEXT, "schema": MOOD})
        (asked,) = server.asked
    assert sent is ... or asked.get("response_format") == sent
    assert json.dumps(MOOD) in asked["messages"][0]["content"], "in words too, for models that are not held to it"


def test_a_model_that_takes_no_temperature() -> None:
    with openai_server('{"mood": 1}') as server, asking(server, takes_temperature=False) as runtime:
        runtime.call(CLASSIFY, {"text": TEXT, "schema": MOOD})
        assert "temperature" not in server.asked[0]


@pytest.mark.parametrize(
    "said",
    [
        ' {"mood": 3}\n',
        '```json\n{"mood": 3}\n```',
        'Here you are:\n```\n{"mood": 3}\n```\nGood luck!',
        '<think>is it {"mood": 9}? no</think>\n{"mood": 3}',
    ],
)
def test_json_that_a_model_wrapped_up(said: str) -> None:
    with openai_server(said) as server, asking(server) as runtime:
        assert runtime.call(CLASSIFY, {"text": TEXT, "schema": MOOD}).result == {"mood": 3}


def test_content_in_parts() -> None:
    parts: Any = [{"type": "text", "text": '{"mood"'}, {"type": "text", "text": ": 3}"}]
    with openai_server(status(200, completion(parts))) as server, asking(server) as runtime:
        assert runtime.call(CLASSIFY, {"text": TEXT, "schema": MOOD}).result == {"mood": 3}


# --- answers that are wrong ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("I think it is fine", "no JSON value"),
        ('{"mood": 17}', "$.mood: 17 is greater"),
        ("{}", "'mood' is a required"),
    ],
)
def test_a_wrong_answer_is_asked_for_again(wrong: str, told: str) -> None:
    with openai_server(wrong, '{"mood": 2}') as server, asking(server) as runtime:
        assert runtime.call(CLASSIFY, {"text": TEXT, "schema": MOOD}).result == {"mood": 2}
        first, second = server.asked
    assert second["messages"][:2] == first["messages"]
    assert second["messages"][2] == {"role": "assistant", "content": wrong}
    assert told in second["messages"][3]["content"]


def test_twice_wrong_is_failed() -> None:
    with openai_server("no", '{"mood": "xyzzysaid"}', '{"mood": 1}') as server, asking(server) as runtime:
        error = refused(runtime, {"text": TEXT, "schema": MOOD})
        assert error.code == "failed"
        assert "$.mood" in error.message
        assert len(server.asked) == 2


def test_a_label_that_is_none() -> None:
    with openai_server('{"label": "Receipt!"}', '{"label": "bill"}') as server, asking(server) as runtime:
        assert refused(runtime, {"text": TEXT, "labels": ["receipt", "letter"]}).code == "failed"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (completion(None, refusal="I cannot do that"), "refused"),
        (completion('{"mood": ', finish_reason="length"), "cut off"),
        (completion("", finish_reason="content_filter"), "filter"),
        (b"<html>Welcome</html>", "no chat completion"),
        (b"{}", "no chat completion"),
        (b'{"choices": []}', "no chat completion"),
        (b'{"choices": ' + b"[" * 5_000, "no chat completion"),
        (b"\xff\xfe", "no chat completion"),
    ],
)
def test_an_answer_that_says_nothing(body: bytes, words: str) -> None:
    with openai_server(status(200, body)) as server, asking(server) as runtime:
        error = refused(runtime, {"text": TEXT, "schema": MOOD})
        assert (error.code, words in error.message) == ("failed", True), error


def test_a_server_without_content() -> None:
    with openai_server(status(200, completion(None)), '{"mood": 1}') as server, asking(server) as runtime:
        assert runtime.call(CLASSIFY, {"text": TEXT, "schema": MOOD}).result == {"mood": 1}


def test_a_huge_answer() -> None:
    def huge(visit: Visit) -> None:
        visit.begin(200, ("Transfer-Encoding", "chunked"))
        with contextlib.suppress(OSError):
            while not visit.server.over.is_set():
                visit.write(b"100000\r\n" + b" " * 0x100000 + b"\r\n")

    with openai_server(huge) as server, asking(server) as runtime:
        error = refused(runtime, {"text": TEXT, "schema": MOOD})
        assert (error.code, error.message) == ("failed", "the endpoint's answer has more than 32 MiB")


# --- servers that cannot ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "answered", "words"),
    [
        (400, "failed", "too long"),
        (401, "unavailable", "API key"),
        (403, "unavailable", "API key"),
        (404, "unavailable", "does not know the model"),
        (302, "unavailable", "is not where"),
        (500, "unavailable", "busy or broken"),
    ],
)
def test_a_status_that_is_an_error(code: int, answered: str, words: str, caplog: pytest.LogCaptureFixture) -> None:
    body = json.dumps({"error": {"message": f"wrong key {KEY} for {TEXT}"}}).encode()
    with openai_server(status(code, body, Location="http://127.0.0.1:1/")) as server, asking(server) as runtime:
        error = refused(runtime, {"text": TEXT, "schema": MOOD})
        assert (error.code, words in error.message) == (answered, True), error
        assert str(code) in error.message
        assert len(server.asked) == 1, "a redirect is not followed, and nothing is repeated"
    assert f"status {code}" in caplog.text, "the host's log says so"
    for said in (error.message, caplog.text):
        assert KEY not in said
        assert "xyzzytext" not in said


def test_a_busy_server_is_asked_again() -> None:
    busy = status(429, b"", Retry_After="0")
    with openai_server(busy, busy, '{"mood": 1}') as server, asking(server) as runtime:
        assert runtime.call(CLASSIFY, {"text": TEXT, "schema": MOOD}).result == {"mood": 1}
        assert len(server.asked) == TRIES


def test_a_server_that_stays_busy() -> None:
    busy = status(503, b"", Retry_After="0")
    with openai_server(busy, busy, busy, '{"mood": 1}') as server, asking(server) as runtime:
        error = refused(runtime, {"text": TEXT, "schema": MOOD})
        assert (error.code, error.retry_after_ms) == ("unavailable", 0)
        assert len(server.asked) == TRIES


def test_a_server_that_is_busy_for_an_hour() -> None:
    with openai_server(status(429, b"", Retry_After="3600"), '{"mood": 1}') as server, asking(server) as runtime:
        error = refused(runtime, {"text": TEXT, "schema": MOOD})
        assert (error.code, error.retry_after_ms) == ("unavailable", 3_600_000)
        assert len(server.asked) == 1


def test_a_slow_server() -> None:
    with openai_server(Visit.hang) as server, asking(server, timeout=0.2) as runtime:
        error = refused(runtime, {"text": TEXT, "schema": MOOD})
        assert (error.code, error.message) == ("unavailable", "the endpoint did not answer within 0.2 s")


def test_a_server_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    with openai_server() as server:
        gone = server.settings()
    with Runtime.in_memory(settings=gone) as runtime:
        error = refused(runtime, {"text": TEXT, "schema": MOOD})
    assert error.code == "unavailable"
    assert "127.0.0.1" not in error.message, "where the embedder's server is, is none of a guest's business"
    assert "127.0.0.1" in caplog.text


def test_a_job_that_is_cancelled_does_not_keep_its_request(tmp_path: Path) -> None:
    there, gone = threading.Event(), threading.Event()

    def wait(visit: Visit) -> None:
        there.set()
        if visit.connection.recv(1) == b"":
            gone.set()

    with openai_server(wait) as server, asking(server, timeout=300.0) as runtime:

        def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
            host.call(CLASSIFY, json.dumps({"text": TEXT, "schema": MOOD}).encode())

        job = PythonJobs(runtime, tmp_path, body, methods=[CLASSIFY]).start()
        assert there.wait(TIMEOUT)
        job.cancel()
        assert gone.wait(TIMEOUT), "the request went on for its 300 s"


# --- models ----------------------------------------------------------------------------------------------------------


def test_a_guest_may_name_the_models_that_the_embedder_offers() -> None:
    with openai_server('{"mood": 1}', '{"mood": 1}') as server, asking(server, models=("large-2",)) as runtime:
        for name in ("large-2", "small-1"):
            answer = runtime.call(CLASSIFY, {"text": TEXT, "schema": MOOD, "options": {"model": name}})
            assert answer.model == name
        assert [asked["model"] for asked in server.asked] == ["large-2", "small-1"]
        error = refused(runtime, {"text": TEXT, "schema": MOOD, "options": {"model": "gigantic-9"}})
        assert error.code == "not_found"
        assert "local, small-1, large-2" in error.message


def test_the_local_model_stays_the_default_if_the_embedder_says_so() -> None:
    with openai_server() as server:
        ai = AiSettings(endpoint=server.endpoint(), default="local")
        with Runtime.in_memory(settings=RuntimeSettings(ai=ai)) as runtime:
            error = refused(runtime, {"text": TEXT, "schema": MOOD})
            assert (error.code, server.asked) == ("unavailable", [])
            assert "configure an endpoint" in error.message


# --- vectors ---------------------------------------------------------------------------------------------------------


def test_vectors() -> None:
    with openai_server() as server, asking(server, embedding_model="vectors-1") as runtime:
        answer = runtime.call(EMBED, {"texts": ["abc", ""]})
        assert (answer.model, answer.backend, answer.dimensions) == ("vectors-1", "endpoint", 3)
        first, second = ([round(value, 4) for value in array.array("f", one)] for one in answer.vectors)
        assert (first, second) == ([0.9487, 0.3162, 0.0], [0.0, 1.0, 0.0]), "in the order of the texts, of length 1"
        assert server.asked == [{"model": "vectors-1", "input": ["abc", ""], "encoding_format": "float"}]


def test_a_vector_of_zeros_stays_one() -> None:
    with openai_server() as server, asking(server, embedding_model="vectors-1") as runtime:
        server.embed = lambda text: [0.0, 0.0]
        assert runtime.call(EMBED, {"texts": ["abc"]}).vectors == [bytes(8)]


@pytest.mark.parametrize(
    "data",
    [
        [],
        [{"embedding": [1.0]}],
        [{"embedding": [1.0]}, {"embedding": [1.0, 2.0]}],
        [{"embedding": []}, {"embedding": []}],
        [{"embedding": [1e400]}, {"embedding": ["x"]}],
        "none",
    ],
)
def test_embeddings_that_are_none(data: Any) -> None:
    wrong = status(200, json.dumps({"data": data}).encode())
    with openai_server(wrong) as server, asking(server, embedding_model="vectors-1") as runtime:
        assert refused(runtime, {"texts": ["a", "b"]}, EMBED).code == "failed"


# --- secrets ---------------------------------------------------------------------------------------------------------


def test_the_key_and_the_text_are_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    planted = [KEY, "xyzzytext", "xyzzyprompt", "xyzzyanswer"]
    wrong = '{"mood": "xyzzyanswer"}'
    caplog.set_level(0)
    with openai_server(wrong, wrong, '{"say": "xyzzyanswer"}') as server:
        with Runtime.open(tmp_path / "data", settings=server.settings()) as runtime:
            assert KEY not in repr(runtime.settings)
            request = {"text": TEXT, "prompt": "xyzzyprompt"}
            assert refused(runtime, {**request, "schema": MOOD}).code == "failed"
            assert runtime.call(CLASSIFY, request).result == {"say": "xyzzyanswer"}
        assert server.asked[0]["messages"][1]["content"] == TEXT
    for file in (path for path in (tmp_path / "data").rglob("*") if path.is_file()):
        content = file.read_bytes()
        for word in planted:
            assert word.encode() not in content, file
            assert base64.b64encode(word.encode()) not in content, file
    for word in planted:
        assert word not in caplog.text


def test_only_post_to_the_one_place() -> None:
    with openai_server('{"mood": 1}') as server, asking(server) as runtime:
        runtime.call(CLASSIFY, {"text": TEXT, "schema": MOOD})
        (seen,) = server.server.seen
        assert (seen.method, seen.path) == ("POST", CHAT)
