"""A soak as it stands in docs/benchmarks.md."""

from __future__ import annotations

import statistics

from bench.report import aligned, number
from bench.soak.result import SoakResult, read
from bench.soak.verdict import is_flat


def markdown(content: bytes) -> str:
    """The part of docs/benchmarks.md that bench/results/soak.json makes."""
    return "![Memory over time](pictures/soak.svg)\n\n" + as_markdown(read(content))


def as_markdown(result: SoakResult) -> str:
    """The verdict, the table, and what it was measured with."""
    rows = [["", "unit", "first quarter", "last quarter", "growth an hour", "its interval", "verdict"]]
    rows += [
        [
            one.title,
            one.unit,
            number(one.first),
            number(one.last),
            number(one.an_hour),
            f"{number(one.low)} … {number(one.high)}",
            "**grows**" if one.grows else "flat",
        ]
        for one in result.judged
    ]
    machine, first, last = result.machine, result.samples[0], result.samples[-1]
    ended = max(1, last.ended - first.ended)
    seconds = last.seconds - first.seconds
    verdict = "flat" if is_flat(result.judged) else "not flat"
    ends = ", ".join(f"{count:,} {status}" for status, count in sorted(result.ended.items()))
    said = (
        f"`python3 -m bench.soak --minutes {result.minutes:g} --load {result.load:g}`: {verdict}. At full load "
        f"{number(statistics.median(result.full_rates))} jobs/s of 10 steps (progress, query, action, checkpoint) "
        f"ended ({number(min(result.full_rates))} to {number(max(result.full_rates))}, measured "
        f"{len(result.full_rates)} times); over all, with those times, "
        f"{number(last.ended / last.seconds)} jobs/s and {number((last.events - first.events) / seconds)} events/s "
        f"were kept up ({ends}; {result.shed} not dispatched), with {(last.cpu - first.cpu) / seconds:.2f} "
        f"processors. The log grew by {number((last.log_used - first.log_used) / ended)} bytes a job, folded ones "
        f"among them. The first {result.warm_up:g} minutes are not judged. perdure {machine.perdure}, "
        f"Python {machine.python}, {machine.system}, {machine.processors} processors, {machine.filesystem}."
    )
    return "\n\n".join([aligned(rows, to_left=(0, 1, 6)), said])
