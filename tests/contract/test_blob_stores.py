from __future__ import annotations

from pathlib import Path

from tests.contract.blob_store_contract import BlobStoreContract

from perdure.store import BlobStore, FileBlobs, MemoryBlobs


class TestFileBlobs(BlobStoreContract):
    def make(self, folder: Path) -> BlobStore:
        return FileBlobs(folder)


class TestMemoryBlobs(BlobStoreContract):
    def make(self, folder: Path) -> BlobStore:
        return MemoryBlobs()
