"""``python3 -m perdure.api.reference > docs/api.md``: the API as a page, its endpoints from the table."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any, Final

from perdure.api.endpoint import Body, Endpoint
from perdure.api.problems import STATUSES, codes_of
from perdure.api.schemas import Schema, Schemas, endpoint_schemas
from perdure.api.table import ENDPOINTS
from perdure.runtime.operations.reference import kind_text

COMMAND: Final = "python3 -m perdure.api.reference > docs/api.md"

_HEAD: Final = """\
# The API

Made from the table of endpoints by `python3 -m perdure.api.reference > docs/api.md`; a test fails when it is stale, and
another runs the commands. For programs the same is in [openapi.json](openapi.json), which a server has at
`/v1/openapi.json`, and in [graphql.graphql](graphql.graphql). Python programs need none of it: `perdure.client.Client`
has the methods of `Runtime` ([server.md](server.md)).

## A job, from outside

`perdure serve` says where it listens, and where the token is.

```sh
server=http://127.0.0.1:7373
token="Authorization: Bearer $(cat data/server.token)"
```

Dispatch a job. The answer is the job, with its id; whoever sends the same key once more gets the same answer, and no
second job.

```sh
job=$(curl -sS --fail-with-body "$server/v1/jobs" -H "$token" -H 'Idempotency-Key: first' \\
  --json '{"job_type": "counter:counter", "state": {"target": 200, "work": 0}}' | jq -r .job_id)
```

Watch it until it has ended, one event after another:

```sh
curl -sS --fail-with-body -N "$server/v1/jobs/$job/watch?type=checkpoint&type=completed" -H "$token"
```

See what became of it, and the newest two events of its history:

```sh
curl -sS --fail-with-body "$server/v1/jobs/$job" -H "$token" | jq '{status, progress, items}'
curl -sS --fail-with-body "$server/v1/jobs/$job/history?order=newest&limit=2" -H "$token" | jq -c '.events[].type'
```

The Unix socket in the data folder is its owner's, and needs no token:

```sh
curl -sS --fail-with-body --unix-socket data/server.sock http://perdure/v1/jobs/counts | jq -c .
```

## How it is meant

- Requests and answers are JSON. What a path names is in the path; of GET and DELETE all else is in the query, of the
  others in the body. What an endpoint does not know is refused, so that a mistyped field does not go unseen.
- Names are the log's. Times are RFC 3339 in UTC, to the microsecond; bytes are base64 or, of digests, hexadecimal;
  fuel, sequences and positions are whole numbers of up to 64 bits.
- A token needs the scope that stands with the endpoint; `admin` opens all. One that is for some extensions or libraries
  gets lists without the others, and 404 for their jobs.
- `X-Request-Id` names a request; the log has what it did under the same id.

### Pages

Lists of jobs come newest first: give `next` as `before` to get those behind them, until it is null. A history goes on
with `after` (or `before`, newest first). A page that was asked for stays right when there is more meanwhile.

### Asking twice

What changes something may have an `Idempotency-Key`: [server.md](server.md) says what it promises. It holds for a day,
and over a `kill -9` of the server. All that *acts*, in the tables below, honours it. What *shows* is a POST because
it shows what was secret, and the log has to name who saw it: it changes nothing else, so it may be asked for again as
it is, and a key that comes with it is not looked at.

### Watching

Streams are [server-sent events](https://html.spec.whatwg.org/multipage/server-sent-events.html). Each message has an
`id`; who comes again with the last one in `Last-Event-ID` misses nothing that the log has, however long it was away. A
comment comes every 15 seconds where nothing happens. The id of `events.watch` is a position in the log, that of
`jobs.watch` a sequence of the job. `jobs.live` says `reset` where it cannot tell what was missed: read the list again.

```sh
curl -sS --fail-with-body -N "$server/v1/jobs/$job/watch" -H "$token" -H 'Last-Event-ID: 600' | grep ^id:
```

### When it is refused

Refusals are problems ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)), `application/problem+json`: `code` and
`data` are for programs, `detail` for people, `instance` names the request. `perdure.client` raises the same error that
the runtime would, with the same fields.

```sh
curl -sS "$server/v1/jobs/00000000-0000-0000-0000-000000000001" -H "$token" | jq '{status, code, data}'
```
"""

_GRAPHQL: Final = """\
## GraphQL

With the extra `graphql` a server answers at `/graphql`: each endpoint is a field (`jobs.by_key` is `jobsByKey`), and so
is each operation (`query:test.ping` is `callTestPing`), with types of its own. What reads is a query, what changes
something a mutation, what is watched a subscription. Fields need the scopes of their endpoints, go through the same
checks, and leave the same events in the log.

```sh
curl -sS --fail-with-body "$server/graphql" -H "$token" --json '{
  "query": "{ jobsList(limit: 2, status: [COMPLETED]) { jobs { jobId } } jobsCounts { total } }"}' | jq -c .data
```

Errors have the problem in `extensions`. An `Idempotency-Key` holds for each mutation of the document under the name
that it has in the answer. Files come and go over HTTP only.

Subscriptions are server-sent events, too, as
[graphql-sse](https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md) has them with distinct connections, for
a request that accepts `text/event-stream`. There are no WebSockets: a stream over HTTP has the same token, the same
limits and the same proxies as all else. Each message has an `id`; give it as `lastId` to go on.

```sh
curl -sS --fail-with-body -N "$server/graphql" -H "$token" -H 'Accept: text/event-stream' --json '{
  "query": "subscription ($job: UUID!) { jobsWatch(jobId: $job, lastId: \\"3\\") { id event data { type } } }",
  "variables": {"job": "'"$job"'"}}' | tail -n 6
```

A document may ask for at most 15 fields under other names, have 4,000 words and signs, and go 12 fields deep. Four are
worked on at once, each on a thread of its own, so that a large one does not keep the others waiting.
"""


def reference(endpoints: Iterable[Endpoint[Any, Any]] = ENDPOINTS) -> str:
    """The page, in Markdown."""
    found = tuple(endpoints)
    schemas = endpoint_schemas(found)
    families: dict[str, list[Endpoint[Any, Any]]] = {}
    for endpoint in found:
        families.setdefault(endpoint.name.partition(".")[0], []).append(endpoint)
    parts = [_HEAD, _statuses(), _GRAPHQL, "## Endpoints\n", _INTRODUCTION]
    for family, members in families.items():
        parts.append(f"### {family}\n")
        parts.append(_table(("endpoint", "scope", ""), (_row(endpoint) for endpoint in members)))
        for endpoint in members:
            parts.extend(_section(endpoint, schemas))
    return "\n".join(parts).rstrip() + "\n"


_INTRODUCTION: Final = """\
What *acts*, and what *shows* a secret, is in the log before it is done, with the name of the client. Types of answers
are in [openapi.json](openapi.json).
"""


def _row(endpoint: Endpoint[Any, Any]) -> tuple[str, ...]:
    notes = {
        Body.EVENTS: "; server-sent events",
        Body.DOWNLOAD: "; answered by a file",
        Body.UPLOAD: "; the body is a file",
    }
    text = f"{endpoint.summary}{notes.get(endpoint.body, '')}{_doing(endpoint)}"
    return f"`{endpoint.verb} {endpoint.path}`", f"`{endpoint.scope}`", text


def _doing(endpoint: Endpoint[Any, Any]) -> str:
    if endpoint.only_shows:
        return "; shows"
    return "; acts" if endpoint.acts else ""


def _section(endpoint: Endpoint[Any, Any], schemas: Schemas) -> Iterator[str]:
    request = schemas.object_of(endpoint.request)
    properties = request.get("properties", {})
    if not properties or set(properties) == set(endpoint.path_fields):
        return
    yield f"#### `{endpoint.name}`\n"
    yield f"{request.get('description', '')}\n"
    rows = (_field(endpoint, name, part, request, schemas) for name, part in properties.items())
    yield _table(("field", "in", "type", "default", ""), rows)


def _field(endpoint: Endpoint[Any, Any], name: str, part: Schema, request: Schema, schemas: Schemas) -> tuple[str, ...]:
    place = "path" if name in endpoint.path_fields else "query" if name in endpoint.query_fields else "body"
    default = "" if name in request.get("required", ()) else _default(part)
    return f"`{name}`", place, _kind(part, schemas), default, str(part.get("description", ""))


def _default(part: Schema) -> str:
    value = part.get("default")
    if value is None or value == []:
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _kind(part: Schema, schemas: Schemas) -> str:
    """What a value may be; of types with fields, their names."""
    if choices := part.get("anyOf") or part.get("oneOf"):
        return " or ".join(dict.fromkeys(_kind(each, schemas) for each in choices))
    if "$ref" in part:
        found = schemas.resolved(part)
        return kind_text(found) if "enum" in found else str(found.get("title", "object"))
    if part.get("type") == "array" and isinstance(part.get("items"), dict) and part["items"]:
        return f"array of {_kind(part['items'], schemas)}"
    if part.get("type") == "object":
        return "object"
    return kind_text(part)


def _statuses() -> str:
    statuses = sorted({status for _, status in STATUSES})
    rows = ((str(status), ", ".join(f"`{code}`" for code in codes_of(status))) for status in statuses)
    return _table(("status", "codes"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    cells = [
        [cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in (head, ("---",) * len(head), *rows)
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in cells)


if __name__ == "__main__":
    sys.stdout.write(reference())
