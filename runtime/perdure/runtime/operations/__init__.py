"""Operations: what guests, Python programs and the command line may call.

``declaration`` says what an operation is, ``registry`` holds them, ``service`` guards and runs them. What one needs to
write operations is exported here.
"""

from perdure.actors.operations import OperationFailed
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Effect, Sensitive, action, query

__all__ = ["CallContext", "Effect", "OperationFailed", "Sensitive", "action", "query"]
