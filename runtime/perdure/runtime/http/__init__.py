"""``http.request``: extensions reach the hosts that were granted to them, and nothing else.

``hosts``, ``addresses``, ``url``, ``headers`` and ``redirects`` decide, without I/O; ``connecting`` makes the one
connection that was checked; ``client`` sends a request and reads its answer within limits; ``operations`` declares what
guests call. Other parts of the runtime that must reach a host on an extension's behalf use `client.HttpClient`, or
`client.send_once` where there is no event loop.

Nothing here imports httpx before the first request: it would make every start a tenth of a second slower.
"""
