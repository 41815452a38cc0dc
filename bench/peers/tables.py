"""The comparison as Markdown, which reads well as text, too."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import Final

from bench.peers.results import Pairs, Ratio, Results, best_peer, decoded, ratio
from bench.peers.rows import Row, Subject, noun
from bench.report import aligned, number

_TITLES: Final = {
    Subject.STEPS: "Durable steps",
    Subject.BUSY: "Beside a busy Python thread",
    Subject.RECOVERY: "After kill -9",
    Subject.LOG: "The log",
    Subject.SANDBOX: "The sandbox",
}
_HEAD: Final = ("figure", "unit", "perdure", "min … max", "peer", "its median", "min … max", "perdure / peer", "wanted")
_LEFT: Final = (0, 1, 4)
TIMES: Final = "\N{MULTIPLICATION SIGN}"


def markdown(data: bytes) -> str:
    """What docs/benchmarks.md says of bench/results/peers.json."""
    return text(decoded(data))


def text(results: Results) -> str:
    """Who and where, what we lose, and a table for each subject."""
    parts = [_where(results), _who(results), *_pictures(results), _lost(results), *_tables(results), _failures(results)]
    return "\n\n".join(part for part in parts if part)


def _where(results: Results) -> str:
    machine = results.machine
    packages = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    spins = results.spin_ms
    runs, minutes = _counted(results.runs, "run"), _counted(round(results.seconds / 60), "minute")
    return (
        f"`{results.command}` on {results.measured}: {runs} in {minutes};"
        f" {machine.system}, {machine.processors} processors, data on {machine.filesystem}; Python {machine.python},"
        f" {packages}. A fixed piece of Python took {number(statistics.median(spins))} ms"
        f" ({number(min(spins))} … {number(max(spins))}): the more it differs, the busier the machine was."
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _who(results: Results) -> str:
    counts = results.counts
    lines = [
        "| | version | who flushes when | steps of each job with "
        + ", ".join(noun(jobs) for jobs in counts.steps)
        + " |",
        "| --- | --- | --- | --- |",
    ]
    for peer in results.peers:
        at_pace = counts.at_pace(peer.pace).steps
        measures_steps = peer.key in {pair.peer for pair in results.pairs if pair.row.startswith("steps_")}
        steps = ", ".join(f"{count:,}" for count in at_pace.values())
        shown = steps if measures_steps or peer is results.peers[0] else ""
        version = f"missing: {peer.missing}" if peer.missing else peer.version
        lines.append(f"| {peer.name} | {version} | {peer.durability} | {shown} |")
    return "\n".join(lines)


def _pictures(results: Results) -> Iterator[str]:
    drawn = {pair.row for pair in results.pairs}
    if any(row.startswith("steps_") for row in drawn):
        yield "![Durable steps a second of 1, 8 and 100 jobs, of perdure and of its peers](pictures/peers-steps.svg)"
    if drawn:
        yield "![How many times as fast as the best peer perdure is, row by row](pictures/peers-ratios.svg)"


def losses(results: Results) -> list[tuple[Row, Pairs, Ratio]]:
    """The rows, with the peer, in which perdure is behind one, or not as far ahead of the best as we want to be."""
    found = []
    for row in results.rows:
        best = best_peer(row, results)
        compared = None if best is None else ratio(row, best)
        if best is not None and compared is not None and compared.median < max(1.0, row.wanted):
            found.append((row, best, compared))
    return found


def _lost(results: Results) -> str:
    names = {peer.key: peer.name for peer in results.peers}
    lines = []
    for row, pairs, compared in losses(results):
        if compared.median < 1:
            lines.append(f"- {row.title}: {names[pairs.peer]} is ahead, we are at {_times(compared.median)}.")
        else:
            lines.append(
                f"- {row.title}: {_times(compared.median)} of {names[pairs.peer]}, where we want {_times(row.wanted)}."
            )
    return "\n".join(["Where a peer is ahead, or we are less far ahead than we want:", "", *lines]) if lines else ""


def _times(value: float) -> str:
    return f"{number(value)} {TIMES}"


def _tables(results: Results) -> Iterator[str]:
    for subject, title in _TITLES.items():
        lines = [line for row in results.rows if row.subject is subject for line in _lines(row, results)]
        if lines:
            yield f"### {title}\n\n{aligned([list(_HEAD), *lines], _LEFT)}"


def _lines(row: Row, results: Results) -> Iterator[list[str]]:
    ours = results.ours.get(row.key, [])
    if not ours:
        return
    names = {peer.key: peer.name for peer in results.peers}
    first = (row.title, row.unit, _median(ours), _spread(ours))
    wanted = f"{_times(row.wanted)} the best" if row.wanted > 1 else "faster" if row.wanted else ""
    found = [pairs for pairs in results.pairs if pairs.row == row.key]
    if not found:
        yield [*first, "none", "", "", "", wanted]
    for at, pairs in enumerate(found):
        compared = ratio(row, pairs)
        shown = (
            ""
            if compared is None
            else f"{_times(compared.median)} ({number(compared.minimum)} … {number(compared.maximum)})"
        )
        peer = (names[pairs.peer], _median(pairs.theirs), _spread(pairs.theirs), shown)
        yield [*(first if at == 0 else ("", "", "", "")), *peer, wanted if at == 0 else ""]


def _median(values: list[float]) -> str:
    return number(statistics.median(values))


def _spread(values: list[float]) -> str:
    return f"{number(min(values))} … {number(max(values))}"


def _failures(results: Results) -> str:
    names = {peer.key: peer.name for peer in results.peers}
    lines = [
        f"- {names[one.peer]}, {one.subject}, {f'run {one.run}' if one.run else 'warm-up'}: {_one_line(one.reason)}"
        for one in results.failures
    ]
    return (
        "\n".join(["Turns that failed, and were the last of that peer at that subject:", "", *lines]) if lines else ""
    )


def _one_line(reason: str) -> str:
    return " ".join(reason.replace("|", "/").replace("`", "'").split())
