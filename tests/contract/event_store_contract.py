"""What every event store does. A store binds it in a few lines:

class TestMyStore(EventStoreContract):
    def make(self, folder: Path, clock: Callable[[], int]) -> EventStore:
        return MyStore(folder, clock=clock)
"""

from __future__ import annotations

from tests.contract.append_contract import AppendContract
from tests.contract.folding_contract import FoldingContract
from tests.contract.projection_contract import ProjectionContract
from tests.contract.read_contract import ReadContract
from tests.contract.rows_contract import RowsContract


class EventStoreContract(AppendContract, ReadContract, ProjectionContract, RowsContract, FoldingContract):
    """The whole contract; `make` opens a store in a folder that need not exist, with the clock for `append`."""
