from __future__ import annotations

from tests.contract.operations_contract import OperationsContract
from tests.support.distributions import NOTES


class TestShippedOperations(OperationsContract):
    pass


class TestOperationsOfADistribution(OperationsContract):
    SOURCE = NOTES
    # The entry points are named like the operations that they bring.
    POINTS = {"action:notes.create": "create", "query:notes.find": "Find"}  # noqa: RUF012  # as in the contract
