import pytest

# The contracts are plain modules: without this their assertions would fail without saying what they compared.
pytest.register_assert_rewrite(
    "tests.contract.append_contract",
    "tests.contract.blob_store_contract",
    "tests.contract.operations_contract",
    "tests.contract.projection_contract",
    "tests.contract.read_contract",
    "tests.contract.runtime_contract",
)
