"""perdure.client: `Runtime`'s methods, for a runtime in another process, by way of a perdure server."""

from typing import TYPE_CHECKING

from perdure.store.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from perdure.client.async_client import AsyncClient
    from perdure.client.async_job_handle import AsyncJobHandle
    from perdure.client.client import Client
else:
    __getattr__ = lazy_exports(
        __name__,
        {
            "perdure.client.async_client": "AsyncClient",
            "perdure.client.async_job_handle": "AsyncJobHandle",
            "perdure.client.client": "Client",
        },
    )

__all__ = ["AsyncClient", "AsyncJobHandle", "Client"]
