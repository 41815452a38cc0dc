"""The plot of a soak, as SVG. matplotlib is in the extra ``bench``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bench.peers.pictures import saved, settings
from bench.soak.result import SoakResult, read
from bench.soak.verdict import JUDGED

_PANELS: Final = (("private", "given_out", "resident"), ("blocks",), ("threads", "descriptors", "readers"))
_COLOURS: Final = ("#4477aa", "#ee6677", "#228833")


def drawn(content: bytes) -> Mapping[str, bytes]:
    """``soak.svg``: memory, Python's blocks, and what the system counts, over time."""
    with settings():
        return {"soak.svg": saved(_figure(read(content)))}


def _figure(result: SoakResult) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.4 * len(_PANELS), 3.2), layout="constrained")
    for panel, keys in zip(figure.subplots(1, len(_PANELS)), _PANELS, strict=True):
        for colour, key in zip(_COLOURS, keys, strict=False):
            title, unit, scale, _ = JUDGED.get(key, ("resident memory", "MiB", 2**20, 0))
            times = [sample.seconds / 60 for sample in result.samples]
            values = [getattr(sample, key) / scale for sample in result.samples]
            label = title if unit == "1" else f"{title}, {unit}"
            panel.plot(times, values, color=colour, linewidth=1, label=label)
        panel.axvspan(0, result.warm_up, color="#eeeeee")
        panel.set_ylim(bottom=0)
        panel.set_xlabel("minutes")
        panel.legend(fontsize=7)
        panel.grid(visible=True, color="#dddddd", linewidth=0.6)
    return figure
