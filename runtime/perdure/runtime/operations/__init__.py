"""Operations: what guests, Python programs and the command line may call.

``declaration`` says what an operation is, ``registry`` holds them, ``service`` guards and runs them. What one needs to
write operations is exported here.
"""

from typing import TYPE_CHECKING

from perdure.store.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from perdure.actors.operations import OperationFailed
    from perdure.runtime.operations.context import CallContext
    from perdure.runtime.operations.declaration import Effect, Sensitive, action, query
else:
    __getattr__ = lazy_exports(
        __name__,
        {
            "perdure.actors.operations": "OperationFailed",
            "perdure.runtime.operations.context": "CallContext",
            "perdure.runtime.operations.declaration": "Effect Sensitive action query",
        },
    )

__all__ = ["CallContext", "Effect", "OperationFailed", "Sensitive", "action", "query"]
