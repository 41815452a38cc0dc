"""The API asked for what its document allows, and for what it does not; by schemathesis.

What comes back has to be what the document says: a status that is there for this address, a body of its kind and shape.
What the document does not allow is refused, and so is whoever has no token. No answer is a fault of the server.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.support.servers import Served, serving
from tests.support.waiting import TIMEOUT

from perdure.api.endpoint import Body
from perdure.api.openapi import document
from perdure.api.table import ENDPOINTS
from perdure.runtime import grant_as_asked

COUNTER: Final = Path(__file__).parents[2] / "examples" / "counter"
EXAMPLES: Final = 4  # of each kind, for each endpoint
# Not asked, and why. `positive_data_acceptance` is not among the checks: 422 also says that what can be read makes no
# sense, as a job's state that its guest does not take.
LEFT_OUT: Final = {
    "backups.make": "writes where it is told on this machine",
    "extensions.install": "reads where it is told on this machine",
    "folders.share": "opens what it is told on this machine",
    "keys.rotate_master": "writes where it is told on this machine",
}
LAST: Final = {"jobs.fold", "erasures.make"}  # nothing is left behind them
CHECKS: Final[list[Any]] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


class Target:
    """A server with an extension and some jobs, and what to put into paths so that something is found."""

    def __init__(self, served: Served) -> None:
        self.served = served
        runtime = served.runtime
        runtime.install(COUNTER, consent=grant_as_asked)
        jobs = [
            runtime.dispatch("counter:counter", {"target": 5, "work": 0}, idempotency_key=f"k{n}") for n in range(3)
        ]
        for job in jobs:
            job.wait(TIMEOUT)
        self.known: dict[str, Any] = {
            "job_id": str(jobs[0].job_id),
            "extension": "counter",
            "key": "k1",
            "sequence": 2,
            "name": "query:test.ping",
            "library_id": str(UUID(int=0)),
        }

    def ask(self, case: Case[Any]) -> Any:
        return case.call(base_url=self.served.address, headers=self.served.headers, timeout=TIMEOUT)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with serving(tmp_path_factory.mktemp("asked")) as served:
        yield Target(served)


def operations() -> list[Any]:
    asked = [each for each in ENDPOINTS if each.body is not Body.EVENTS and each.name not in LEFT_OUT]
    asked.sort(key=lambda each: (each.acts, each.verb == "DELETE", each.name in LAST))
    schema = schemathesis.openapi.from_dict(document(asked))
    found: list[Any] = list(schema.get_all_operations())
    return [each.ok() for each in found]


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_api_is_what_its_document_says(target: Target) -> None:
    failures: list[str] = []
    for operation in operations():
        names = [each.name for each in operation.path_parameters]
        known = {name: target.known[name] for name in names if name in target.known}
        try:
            _ask(operation, GenerationMode.POSITIVE, known, target, [ignored_auth], 1)
        except (Exception, FailureGroup) as error:  # all that is wrong is wanted, not the first of it
            failures.append(f"{operation.label} (without a token): {error}")
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            for given_path in (known, {}) if known else ({},):
                try:
                    _ask(operation, mode, given_path, target, CHECKS, EXAMPLES)
                except (Exception, FailureGroup) as error:
                    failures.append(f"{operation.label} ({mode.value}): {error}")
    assert failures == []


def _ask(
    operation: Any, mode: GenerationMode, path: dict[str, Any], target: Target, checks: list[Any], examples: int
) -> None:
    strategy = operation.as_strategy(mode, **({"path_parameters": path} if path else {}))

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def asked(case: Case[Any]) -> None:
        case.validate_response(target.ask(case), checks=checks)

    asked()
