"""What is asked of a runtime from below: by the module cache (`ArtifactLedger`) and by the metrics (`Gauges`)."""

from __future__ import annotations

from perdure.runtime.facade.parts import Parts
from perdure.runtime.proof.modules import recorded_artifacts
from perdure.runtime.wasm.boundary.choice import MODULES
from perdure.runtime.wasm.boundary.names import BoundaryName
from perdure.store.events import RUNTIME_STREAM, ModuleCompiled
from perdure.store.lmdb_store import LmdbEventStore


class GaugeFacade(Parts):
    """What `Runtime` answers to its own parts."""

    # --- of modules ---------------------------------------------------------------------------------------------------

    def artifact(self, module: str, engine: str) -> str | None:
        """The SHA-256 of a module's machine code, from the log."""
        return recorded_artifacts(self.store)(module, engine)

    def record(self, module: str, engine: str, artifact: str, size: int) -> None:
        """Record a module's machine code. Durable."""
        self._system.append(RUNTIME_STREAM, [ModuleCompiled(module, engine, artifact, size)])

    def boundary(self) -> BoundaryName:
        """The boundary that modules here are behind. The first to ask in a process waits for its check."""
        return MODULES.of(self.settings.boundary).name

    # --- of what goes on ----------------------------------------------------------------------------------------------

    def jobs_by_status(self) -> dict[str, int]:
        """See `Gauges.jobs_by_status`."""
        counts = self.store.count_unfinished()
        return {str(status): count for status, count in counts.items()}

    def mailbox_depths(self) -> dict[str, int]:
        """See `Gauges.mailbox_depths`."""
        return self._system.mailbox_depths()

    def map_usage(self) -> tuple[int, int] | None:
        """See `Gauges.map_usage`."""
        return self.store.map_usage() if isinstance(self.store, LmdbEventStore) else None

    def held_calls(self) -> int:
        """See `Gauges.held_calls`."""
        return self._system.held_calls()

    def lost_threads(self) -> int:
        """See `Gauges.lost_threads`."""
        return self._system.lost_threads()

    def rate_limit_remaining(self) -> dict[str, float]:
        """See `Gauges.rate_limit_remaining`."""
        return self._service.rate_limit_remaining()
