"""The comparison as pictures, in SVG: few bytes, and on a ground of their own, so that a dark page shows them as well.

matplotlib (extra ``bench``) is imported when something is drawn.
"""

from __future__ import annotations

import io
import statistics
from collections.abc import Mapping
from typing import Any, Final

from bench.peers.results import Results, best_peer, decoded, ratio
from bench.peers.rows import noun

GROUND: Final = "#fcfcfa"
INK: Final = "#24292f"
FAINT: Final = "#d0d4d9"
OURS: Final = "#0b6bcb"
# Okabe and Ito's, which people who see few colours can tell apart; the blues are ours.
THEIRS: Final = ("#e69f00", "#009e73", "#cc79a7", "#d55e00", "#8c8c8c", "#b8a100", "#5b4a8a")
_MARGIN: Final = 0.3  # inches: who looks at it may have wider letters than whoever drew it
_SETTINGS: Final[Mapping[str, Any]] = {
    "svg.fonttype": "none",  # text stays text: small, and searched
    "svg.hashsalt": "perdure",  # the same picture from the same values
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.facecolor": GROUND,
    "axes.facecolor": GROUND,
}


def drawn(data: bytes) -> dict[str, bytes]:
    """The pictures of bench/results/peers.json, by their files' names."""
    results = decoded(data)
    found = {}
    if any(pairs.row.startswith("steps_") for pairs in results.pairs):
        found["peers-steps.svg"] = steps(results)
    if results.pairs:
        found["peers-ratios.svg"] = ratios(results)
    return found


def saved(figure: Any) -> bytes:
    """A figure of matplotlib as SVG, without the date that it was drawn on."""
    file = io.BytesIO()
    figure.savefig(file, format="svg", bbox_inches="tight", pad_inches=_MARGIN, metadata={"Date": None})
    return file.getvalue()


def settings() -> Any:
    """The style of all pictures: ``with settings(): …``."""
    import matplotlib as mpl

    return mpl.rc_context(dict(_SETTINGS))


def steps(results: Results) -> bytes:
    """Bars of durable steps a second, on a logarithmic scale, a group for each number of jobs."""
    from matplotlib.figure import Figure

    rows = [row for row in results.rows if row.key.startswith("steps_") and results.ours.get(row.key)]
    peers = [
        peer for peer in results.peers[1:] if any(p.peer == peer.key and p.row == rows[0].key for p in results.pairs)
    ]
    values = [{"perdure": results.ours[row.key], **_theirs(results, row.key)} for row in rows]
    columns = [("perdure", "perdure", OURS), *((p.key, p.name, c) for p, c in zip(peers, THEIRS, strict=False))]
    with settings():
        figure = Figure(figsize=(8, 3.6))
        axes = figure.subplots()
        width = 0.84 / len(columns)
        for at, (key, name, colour) in enumerate(columns):
            places = [number + (at - (len(columns) - 1) / 2) * width for number in range(len(rows))]
            found = [one.get(key, []) for one in values]
            heights = [statistics.median(one) if one else 0.0 for one in found]
            spread = [
                [height - min(one) if one else 0.0 for one, height in zip(found, heights, strict=True)],
                [max(one) - height if one else 0.0 for one, height in zip(found, heights, strict=True)],
            ]
            axes.bar(places, heights, width * 0.92, yerr=spread, color=colour, label=name, ecolor=INK, capsize=1.5)
        axes.set_yscale("log")
        axes.set_xticks(range(len(rows)), [noun(int(row.key.rpartition("_")[2])) for row in rows])
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.set_ylabel("durable steps a second")
        axes.grid(axis="y", color=FAINT, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.legend(frameon=False, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.1), fontsize=9)
        return saved(figure)


def _theirs(results: Results, row: str) -> dict[str, list[float]]:
    return {pairs.peer: pairs.theirs for pairs in results.pairs if pairs.row == row}


def ratios(results: Results) -> bytes:
    """A line for each row: how many times as good as the best peer, with the spread, and what is wanted."""
    from matplotlib.figure import Figure

    lines = []
    for row in results.rows:
        best = best_peer(row, results)
        compared = None if best is None else ratio(row, best)
        if best is not None and compared is not None:
            name = next(peer.name for peer in results.peers if peer.key == best.peer)
            lines.append((f"{row.title}  ({name})", row, compared))
    lines.reverse()  # the first one is at the top
    with settings():
        figure = Figure(figsize=(8, 0.6 + 0.27 * len(lines)))
        axes = figure.subplots()
        axes.axvline(1, color=INK, linewidth=0.8)
        for at, (_, row, compared) in enumerate(lines):
            colour = OURS if compared.median >= 1 else THEIRS[3]
            axes.plot([compared.minimum, compared.maximum], [at, at], color=colour, linewidth=1.6, alpha=0.5)
            axes.plot([compared.median], [at], "o", color=colour, markersize=5)
            if row.wanted > 1:
                axes.plot([row.wanted], [at], "|", color=INK, markersize=10, markeredgewidth=1.2)
        axes.set_xscale("log")
        axes.set_yticks(range(len(lines)), [line[0] for line in lines])
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} \N{MULTIPLICATION SIGN}")
        axes.set_xlabel("perdure / best peer, pair by pair: right of 1 is ahead; | is what we want")
        axes.grid(axis="x", color=FAINT, linewidth=0.6)
        axes.set_axisbelow(True)
        return saved(figure)
