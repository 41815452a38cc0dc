"""Which boundary a process uses: ``raw`` where it passes its self-check, else ``stock``.

The check is made when the first guest is loaded, not at import, and its result is kept: some 3 ms for modules, and once
more as much for components where there are any. A ``raw`` that fails it is named in one warning, and works no less:
`RuntimeSettings.boundary` and ``perdure doctor`` show what is used.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from perdure.runtime.wasm.boundary.names import BoundaryChoice
from perdure.runtime.wasm.boundary.protocol import Boundary, ComponentBoundary
from perdure.runtime.wasm.boundary.support import why_unknown
from perdure.runtime.wasm.errors import BoundaryUnavailable

_log = logging.getLogger("perdure.boundary")
_Chosen = TypeVar("_Chosen")


class Selection(Generic[_Chosen]):
    """The choice between two boundaries, made once. Thread-safe.

    Args:
        raw: makes it, which fails where wasmtime lacks something; `why_unknown` is asked before.
        stock: makes the other.
        check: says what is wrong with one; empty if nothing is.
    """

    def __init__(
        self,
        what: str,
        raw: Callable[[], _Chosen],
        stock: Callable[[], _Chosen],
        check: Callable[[_Chosen], str],
        unknown: Callable[[], str] = why_unknown,
    ) -> None:
        self._what = what
        self._raw, self._stock = raw, stock
        self._check = check
        self._unknown = unknown
        self._lock = threading.Lock()
        self._chosen: _Chosen | None = None
        self.refusal = ""  # why it is not raw

    def of(self, choice: BoundaryChoice) -> _Chosen:
        """The boundary.

        Raises:
            BoundaryUnavailable: ``raw`` was asked for, and there is none.
            ValueError: ``choice`` is none.
        """
        if choice == "stock":
            return self._stock()
        if choice == "raw":
            try:
                return self._raw()
            except (AttributeError, ImportError) as error:
                raise BoundaryUnavailable(str(error)) from error
        if choice != "auto":
            raise ValueError(f"boundary is {choice!r}; it must be auto, raw or stock")
        with self._lock:
            if self._chosen is None:
                self._chosen = self._choose()
            return self._chosen

    def _choose(self) -> _Chosen:
        self.refusal = self._unknown()
        if not self.refusal:
            try:
                raw = self._raw()
                self.refusal = self._check(raw)
            except Exception as error:  # noqa: BLE001  # whatever it is, there is another way
                self.refusal = f"{type(error).__name__}: {error}"
            else:
                if not self.refusal:
                    return raw
        _log.warning("%s use the slower boundary to guests: %s", self._what, self.refusal)
        return self._stock()


def _raw() -> Boundary:
    from perdure.runtime.wasm.boundary.raw import RawBoundary  # noqa: PLC0415  # fails where wasmtime is another

    return RawBoundary()


def _stock() -> Boundary:
    from perdure.runtime.wasm.boundary.stock import StockBoundary  # noqa: PLC0415  # not needed as a rule

    return StockBoundary()


def _check(boundary: Boundary) -> str:
    from perdure.runtime.wasm.boundary.self_check import fault  # noqa: PLC0415  # once in a process

    return fault(boundary)


def _raw_components() -> ComponentBoundary:
    from perdure.runtime.wasm.boundary.raw_components import RawComponentBoundary  # noqa: PLC0415  # as above

    return RawComponentBoundary()


def _stock_components() -> ComponentBoundary:
    from perdure.runtime.wasm.boundary.stock_components import StockComponentBoundary  # noqa: PLC0415  # as above

    return StockComponentBoundary()


def _check_components(boundary: ComponentBoundary) -> str:
    from perdure.runtime.wasm.boundary.component_self_check import component_fault  # noqa: PLC0415  # as above

    return component_fault(boundary)


MODULES: Final[Selection[Boundary]] = Selection("modules", _raw, _stock, _check)
COMPONENTS: Final[Selection[ComponentBoundary]] = Selection(
    "components", _raw_components, _stock_components, _check_components
)
