from __future__ import annotations

from pathlib import Path

from tests.contract.blob_store_contract import BlobStoreContract

from perdure.store import FileBlobs, MemoryBlobs
from perdure.store.blobs import SweptBlobs


class TestFileBlobs(BlobStoreContract):
    def make(self, folder: Path) -> SweptBlobs:
        return FileBlobs(folder)


class TestMemoryBlobs(BlobStoreContract):
    def make(self, folder: Path) -> SweptBlobs:
        return MemoryBlobs()
