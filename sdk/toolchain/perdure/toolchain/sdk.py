"""Where the SDKs are: data of this package in a wheel, folders beside it in a source tree."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

SdkName = Literal["wit", "rust", "c"]

_IN_THE_WHEEL: Final = Path(__file__).parent / "sdk"
_IN_THE_TREE: Final = Path(__file__).parents[3]


def sdk_folder(name: SdkName) -> Path:
    """The folder of an SDK: ``wit`` (the contract of ABI 2), ``rust`` (the crates) or ``c`` (the header).

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    for place in (_IN_THE_WHEEL, _IN_THE_TREE):
        if (place / name).is_dir():
            return place / name
    raise FileNotFoundError(f"perdure's own {name} SDK is missing from {_IN_THE_WHEEL}; install perdure again")
