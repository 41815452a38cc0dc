"""Traces go to a real receiver, as OpenTelemetry's variables say; one that is not there keeps nobody."""

from __future__ import annotations

import time

import pytest
from tests.support.otlp_receiver import OtlpReceiver

from perdure.runtime import Runtime
from perdure.tracing import TraceHooks, exporting_provider


def trace_something(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> float:
    """Seconds that the end of it took."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    provider = exporting_provider("1.2.3")
    with Runtime.in_memory(hooks=TraceHooks(provider)) as runtime:
        runtime.call("query:test.ping", {"message": "hi"})
    began = time.monotonic()
    provider.shutdown()
    return time.monotonic() - began


def test_what_is_left_is_sent_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "our-perdure")
    with OtlpReceiver() as receiver:
        trace_something(monkeypatch, receiver.endpoint)

        assert "operation query:test.ping" in {span.name for span in receiver.spans()}
        assert receiver.services == {"our-perdure"}


def test_a_sampler_of_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    with OtlpReceiver() as receiver:
        trace_something(monkeypatch, receiver.endpoint)

        assert receiver.spans() == []


def test_a_receiver_that_is_not_there_keeps_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.tracing.exporting._PATIENCE", 0.2)

    assert trace_something(monkeypatch, "http://127.0.0.1:1") < 9  # without an end to it, ten
