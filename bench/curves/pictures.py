"""Plots of the growth curves, as SVG. matplotlib is in the extra ``bench``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bench.curves import results
from bench.curves.results import CurveResult
from bench.peers.pictures import saved, settings

# Of each curve what is drawn, one panel each: the quantities in it.
PANELS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "gil": (("rate",), ("p99",)),
    "crowds": (("rate",), ("p50", "p99", "max")),
    "log": (("append", "rebuild_one", "rebuild_all"), ("open_store", "open_store_cold", "open_runtime")),
    "running": (("private",), ("start",)),
    "mailbox": (("p50",), ("p99",)),
}
_NAMED: Final = 8  # places on an axis that are named, each
_FEW: Final = 50  # an axis from one value to less than so many times that has too few powers of ten
# Paul Tol's bright scheme: told apart by those who do not see all colours.
_COLOURS: Final = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#444444")


def drawn(content: bytes) -> Mapping[str, bytes]:
    """A file for each curve that has an axis."""
    found = results.read(content)
    return {f"curve-{key}.svg": picture(found[key], panels) for key, panels in PANELS.items() if key in found}


def picture(result: CurveResult, panels: tuple[tuple[str, ...], ...]) -> bytes:
    """The panels side by side; lines through the medians, and all values around them."""
    from matplotlib.figure import Figure

    with settings():
        figure = Figure(figsize=(5.2 * len(panels), 3.6), layout="constrained")
        axes = figure.subplots(1, len(panels), squeeze=False)[0]
        for panel, keys in zip(axes, panels, strict=True):
            _draw(panel, result, keys)
        figure.suptitle(result.title)
        return saved(figure)


def _draw(panel: Any, result: CurveResult, keys: tuple[str, ...]) -> None:
    quantities = {one.key: one for one in result.quantities}
    keys = tuple(key for key in keys if key in quantities)
    lines = [(name, line, key) for name, line in result.series().items() for key in keys]
    for colour, (name, line, key) in zip(_COLOURS, lines, strict=False):
        points = [(point.x, value) for point in line if (value := point.median(key)) is not None]
        words = [quantities[key].title] if len(keys) > 1 else []
        label = ", ".join(words + ([name] if len(result.series()) > 1 else []))
        if not points:
            continue  # nobody measured that
        panel.plot(*zip(*points, strict=True), color=colour, marker="o", markersize=3.5, label=label or None)
        every = [(point.x, value) for point in line for value in point.values.get(key, ())]
        panel.scatter(*zip(*every, strict=True), color=colour, s=5, alpha=0.4)
    places = {point.x for point in result.points}
    panel.set_xscale("symlog" if 0 in places else "log")
    panel.set_yscale("log")
    if len(places) <= _NAMED:
        panel.set_xticks(sorted(places), [_words(place) for place in sorted(places)])
        panel.tick_params(axis="x", which="minor", bottom=False)
    _name_places(panel)
    panel.set_xlabel(result.axis)
    units = {quantities[key].unit for key in keys}
    title = quantities[keys[0]].title if len(keys) == 1 else ""
    panel.set_ylabel(", ".join(part for part in (title, *units) if part))
    panel.grid(visible=True, which="major", color="#dddddd", linewidth=0.6)
    if any(label for label in panel.get_legend_handles_labels()[1]):
        panel.legend(fontsize=7)


def _name_places(panel: Any) -> None:
    """Name the places of the upright axis in plain numbers, also between powers of ten if it has few of those."""
    from matplotlib.ticker import LogLocator, NullFormatter

    low, high = panel.get_ylim()
    panel.yaxis.set_major_formatter(lambda value, _: _words(value))
    panel.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    if high < low * _FEW:
        panel.yaxis.set_minor_formatter(lambda value, _: _words(value))
    else:
        panel.yaxis.set_minor_formatter(NullFormatter())


def _words(value: float) -> str:
    return f"{value:,.10g}"
