"""What an extension's configuration is, from what was set: pure.

Values are set in two layers: for all libraries, and on top of that for one. Objects are merged, everything else is
replaced. Then defaults are filled in. What was set under an older schema and does not fit any more is left out, setting
by setting, so that an update of an extension never leaves it with a configuration that it does not understand.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import msgspec

from perdure.runtime.config.effort import TooMuchEffort
from perdure.runtime.config.problem import ConfigProblem
from perdure.runtime.config.schema import ConfigSchema

_Values = dict[str, Any]


class Effective(msgspec.Struct, frozen=True):
    """A configuration as it holds.

    Attributes:
        values: it, with defaults.
        left_out: what was set and does not fit, by layer.
        problems: what is still wrong, for example a required setting that nobody has set.
    """

    values: _Values
    left_out: tuple[tuple[ConfigProblem, ...], ...]
    problems: tuple[ConfigProblem, ...]


def effective(schema: ConfigSchema, layers: Sequence[_Values]) -> Effective:
    """The configuration that ``layers``, the strongest last, come to."""
    kept = [dict(layer) for layer in layers]
    left_out: list[list[ConfigProblem]] = [[] for _ in layers]
    while True:
        try:
            values = schema.completed(merged(kept))
        except TooMuchEffort as error:
            problem = ConfigProblem("$", str(error))
            return Effective(merged(kept), tuple(map(tuple, left_out)), (problem,))
        faults = schema.faults(values)
        wrong: dict[str | None, ConfigProblem] = {}
        for fault in faults:
            if _layer_of(fault.setting, kept) >= 0:
                wrong.setdefault(fault.setting, fault.problem)
        for setting, problem in wrong.items():
            layer = _layer_of(setting, kept)
            left_out[layer].append(problem)
            del kept[layer][str(setting)]
        if not wrong:
            problems = tuple(fault.problem for fault in faults)
            return Effective(values, tuple(map(tuple, left_out)), problems)


def _layer_of(setting: str | None, layers: list[_Values]) -> int:
    """The strongest layer that has the setting, -1 for none."""
    return max((index for index, layer in enumerate(layers) if setting is not None and setting in layer), default=-1)


def merged(layers: Sequence[_Values]) -> _Values:
    """The layers on top of each other, the strongest last."""
    result: _Values = {}
    for layer in layers:
        result = _over(result, layer)
    return copy.deepcopy(result)


def _over(below: _Values, above: _Values) -> _Values:
    both = dict(below)
    for name, value in above.items():
        under = both.get(name)
        both[name] = _over(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return both
