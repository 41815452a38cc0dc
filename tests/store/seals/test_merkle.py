"""The tree is that of RFC 6962, however it was put together, and its paths prove what is in it and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.small_disk import small_disk

from perdure.store import DiskFull, StoreFailed
from perdure.store.seals.leaves import BLOCK, LeafFile, Leaves, LeavesInMemory
from perdure.store.seals.merkle import MerkleTree, leaf_hash, node_hash, root_by

# RFC 6962's inputs, as certificate-transparency's tests have them, and the root of all eight.
INPUTS = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def recursive(leaves: list[bytes]) -> bytes:
    """The root as section 2.1 of the RFC defines it."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(recursive(leaves[:split]), recursive(leaves[split:]))


@pytest.mark.parametrize(("size", "root"), ROOTS.items())
def test_known_roots(size: int, root: str) -> None:
    tree = MerkleTree()
    tree.change((place, leaf_hash(data)) for place, data in enumerate(INPUTS[:size]))
    assert tree.root.hex() == root


def test_the_root_of_nothing() -> None:
    tree = MerkleTree()
    tree.change([])
    assert (tree.size, tree.root) == (0, hashlib.sha256().digest())
    assert tree.leaf(0) == b""
    with pytest.raises(IndexError):
        tree.path(0)


@contextmanager
def leaves_in_memory() -> Iterator[Leaves]:
    yield LeavesInMemory()


@contextmanager
def leaves_in_a_file() -> Iterator[Leaves]:
    with TemporaryDirectory() as folder, closing(LeafFile(Path(folder))) as leaves:
        yield leaves
        assert list(Path(folder).iterdir()) == []  # without a name


kept = pytest.mark.parametrize("kept", [leaves_in_memory, leaves_in_a_file])


@kept
@given(st.lists(st.lists(st.tuples(st.integers(0, 4 * BLOCK), st.binary(max_size=4)), max_size=12), max_size=8))
def test_changes_in_any_order_give_the_rfcs_tree(
    kept: Callable[[], AbstractContextManager[Leaves]], steps: list[list[tuple[int, bytes]]]
) -> None:
    with kept() as place_of_leaves:
        tree, leaves = MerkleTree(place_of_leaves), list[bytes]()
        for step in steps:
            changes: dict[int, bytes] = {}
            for place, data in step:
                at = min(place, len(leaves))
                leaves[at : at + 1] = [leaf_hash(data)]
                changes[at] = leaves[at]
            tree.change(sorted(changes.items()))
        check_tree(tree, leaves)


@kept
@given(st.lists(st.integers(1, 3 * BLOCK), max_size=4), st.lists(st.integers(0, 12 * BLOCK), max_size=4), st.booleans())
def test_trees_of_several_blocks(
    kept: Callable[[], AbstractContextManager[Leaves]], added: list[int], altered: list[int], looked_at: bool
) -> None:
    with kept() as place_of_leaves:
        tree, leaves = MerkleTree(place_of_leaves), list[bytes]()
        for count in added:
            new = {place: leaf_hash(b"%d" % place) for place in range(len(leaves), len(leaves) + count)}
            leaves += new.values()
            tree.change(new.items())
            if looked_at:
                assert tree.root == recursive(leaves)
        for place in altered:
            if place < len(leaves):
                leaves[place] = leaf_hash(b"other")
                tree.change([(place, leaves[place])])
        check_tree(tree, leaves)


def check_tree(tree: MerkleTree, leaves: list[bytes]) -> None:
    assert tree.size == len(leaves)
    if leaves:
        assert tree.root == recursive(leaves)
    for place, leaf in enumerate(leaves):
        assert tree.leaf(place) == leaf
        assert root_by(leaf, place, len(leaves), tree.path(place)) == tree.root
    assert tree.leaf(len(leaves)) == b""


@given(st.integers(1, 40), st.data())
def test_a_path_proves_nothing_else(size: int, data: st.DataObject) -> None:
    tree = MerkleTree()
    tree.change((place, leaf_hash(bytes([place]))) for place in range(size))
    place = data.draw(st.integers(0, size - 1))
    path, leaf = tree.path(place), tree.leaf(place)
    assert root_by(leaf_hash(b"other"), place, size, path) != tree.root
    other = data.draw(st.integers(-2, size + 2).filter(lambda other: other != place))
    assert root_by(leaf, other, size, path) != tree.root
    assert root_by(leaf, place, size, (*path, leaf)) is None
    for cut in range(len(path)):
        assert root_by(leaf, place, size, path[:cut]) is None
        altered = (*path[:cut], bytes(32), *path[cut + 1 :])
        assert root_by(leaf, place, size, altered) != tree.root
        assert root_by(leaf, place, size, (*path[:cut], b"short", *path[cut + 1 :])) is None


def test_leaves_follow_one_another() -> None:
    tree = MerkleTree()
    for leaf in ((1, bytes(32)), (-1, bytes(32)), (0, b"short"), (BLOCK, bytes(32))):
        with pytest.raises(ValueError, match="leaf"):
            tree.change([leaf])
    assert tree.size == 0


@pytest.mark.parametrize("places", [(0, 0), (1, 0), (0, 1, 1), (0, 2, 1), (BLOCK, 0)])
def test_leaves_are_given_in_order(places: tuple[int, ...]) -> None:
    tree = MerkleTree()
    tree.change((place, bytes(32)) for place in range(BLOCK + 1))
    with pytest.raises(ValueError, match=f"leaf {places[-1]} does not follow"):
        tree.change((place, b"x" * 32) for place in places)


@pytest.mark.parametrize("size", [1, BLOCK - 1, BLOCK, BLOCK + 1])
def test_no_leaf_stands_behind_a_gap(size: int) -> None:
    tree = MerkleTree()
    tree.change((place, bytes(32)) for place in range(size))
    for behind in (1, BLOCK, 2 * BLOCK):
        with pytest.raises(ValueError, match=f"leaf {size + behind} does not follow leaf {size - 1}"):
            tree.change([(size + behind, bytes(32))])
    assert tree.size == size


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk, closing(LeafFile(disk.path)) as leaves:
        tree = MerkleTree(leaves)
        disk.fill()
        with pytest.raises(DiskFull):
            tree.change((place, bytes(32)) for place in range(64 * BLOCK))
        disk.free()
        tree.change((place, bytes(32)) for place in range(64 * BLOCK))
        assert tree.size == 64 * BLOCK


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed):
        LeafFile(tmp_path / "none")
