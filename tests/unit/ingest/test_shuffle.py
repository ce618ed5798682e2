"""The external shuffle: however the cells are cut into pieces, the shards are the same."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shard_example import csr_of, random_cells, rows_of, write_cells

from hce.ingest.order import shuffle_keys
from hce.ingest.shuffle import gather_part, order_blocks, verify_piece, write_piece
from hce.storage.blocks import Cells

N_CELLS = 60
N_GENES = 9
N_PARTS = {"train": 3, "val": 1, "test": 2}


def example() -> tuple[pd.DataFrame, Cells]:
    """Sixty cells of three splits, in order of soma_joinid, with counts of one to four bytes."""
    cells = random_cells(N_CELLS, N_GENES, 4, seed=5, first_joinid=100)
    large = cells.expression.data[::3]
    large[:] = np.resize([253, 254, 255, 256, 65_535, 65_536, 2**24], len(large))
    cells = cells.take(np.argsort(cells.soma_joinid))
    split = np.random.default_rng(1).choice(["train", "val", "test"], N_CELLS, p=[0.6, 0.2, 0.2])
    table = pd.DataFrame(
        {
            "soma_joinid": cells.soma_joinid,
            "split": pd.Categorical(split, ["train", "val", "test", "ood"]),
            "class": cells.label,
            "shuffle_key": shuffle_keys(cells.soma_joinid, seed=1),
        }
    )
    return table, cells


def write_pieces(folder: Path, piece_of_cell: list[int]) -> list[Path]:
    """Write the cells as pieces: cell i into piece `piece_of_cell[i]`."""
    table, cells = example()
    paths = []
    for piece in range(max(piece_of_cell) + 1):
        rows = np.flatnonzero(np.array(piece_of_cell) == piece)
        block = np.arange(len(rows)) // 7
        chosen = order_blocks(table.iloc[rows], block)
        ordered = cells.take(chosen.index.to_numpy())
        starts = np.cumsum([0, *np.bincount(block)])
        blocks = [ordered.take(slice(start, end)) for start, end in pairwise(starts)]
        paths.append(folder / f"{piece}.arrow")
        write_piece(
            paths[-1],
            chosen,
            iter([(b.soma_joinid, rows_of(b.expression)) for b in blocks if len(b)]),
        )
    return paths


def keys_of(split: str, part: int) -> pd.Series:
    """Shuffle keys of the cells of a part: equal slices of the 64-bit range, as integers."""
    table, _ = example()
    keys = table[table["split"] == split].set_index("soma_joinid")["shuffle_key"]
    return keys[[int(key) * N_PARTS[split] // 2**64 == part for key in keys]]


def gather(pieces: list[Path], split: str, part: int, keys: pd.Series) -> Cells:
    """One shard."""
    joinid, label, counts = gather_part(pieces, split, part, keys)
    return Cells(joinid, label, csr_of(counts, N_GENES))


def gather_all(pieces: list[Path]) -> dict[tuple[str, int], Cells]:
    """Every shard."""
    return {
        (split, part): gather(pieces, split, part, keys_of(split, part))
        for split, n in N_PARTS.items()
        for part in range(n)
    }


def test_shards_hold_the_counts_of_their_cells_in_order_of_the_key(tmp_path: Path) -> None:
    table, cells = example()
    shards = gather_all(write_pieces(tmp_path, [0] * N_CELLS))
    row_of = {joinid: row for row, joinid in enumerate(table["soma_joinid"])}
    gathered = []
    for split, n in N_PARTS.items():
        order = []
        for part in range(n):
            shard = shards[split, part]
            rows = [row_of[joinid] for joinid in shard.soma_joinid]
            assert np.array_equal(shard.expression.toarray(), cells.expression[rows].toarray())
            assert np.array_equal(shard.label, cells.label[rows])
            order += table["shuffle_key"].iloc[rows].tolist()
            gathered += rows
        assert order == sorted(table.loc[table["split"] == split, "shuffle_key"])
    assert sorted(gathered) == list(range(N_CELLS))


@settings(max_examples=15)
@given(st.lists(st.integers(0, 4), min_size=N_CELLS, max_size=N_CELLS))
def test_any_partition_into_pieces_gives_the_same_shards(
    tmp_path_factory: pytest.TempPathFactory, piece_of_cell: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("pieces")
    one = gather_all(write_pieces(folder / "one", [0] * N_CELLS))
    many = gather_all(write_pieces(folder / "many", piece_of_cell))
    for name in one:
        for file, shard in (("one.zip", one[name]), ("many.zip", many[name])):
            write_cells(folder / file, shard)
        assert (folder / "one.zip").read_bytes() == (folder / "many.zip").read_bytes()


def test_a_missing_or_repeated_piece_is_an_error(tmp_path: Path) -> None:
    pieces = write_pieces(tmp_path, [i % 2 for i in range(N_CELLS)])
    for wrong in (pieces[:1], [*pieces, pieces[0]]):
        with pytest.raises(ValueError, match=r"part 0 of train: the pieces hold \d+ cells"):
            gather(wrong, "train", 0, keys_of("train", 0))


def test_no_flipped_bit_of_a_piece_gives_other_cells(tmp_path: Path) -> None:
    (piece,) = write_pieces(tmp_path, [0] * N_CELLS)
    verify_piece(piece)
    content, expected = piece.read_bytes(), gather_all([piece])
    rng = np.random.default_rng(0)
    refused = 0
    for bit in rng.choice(8 * len(content), 300, replace=False):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        piece.write_bytes(flipped)
        try:
            verify_piece(piece)
        except ValueError as error:
            assert f"{piece}: this piece is cut short or damaged" in str(error)
            refused += 1
            continue
        for name, shard in gather_all([piece]).items():
            assert shard.soma_joinid.tolist() == expected[name].soma_joinid.tolist()
            assert shard.label.tolist() == expected[name].label.tolist()
            assert (shard.expression != expected[name].expression).nnz == 0
    # padding and names may change
    assert refused > 150


def test_a_part_without_cells_is_an_empty_shard(tmp_path: Path) -> None:
    pieces = write_pieces(tmp_path, [0] * N_CELLS)
    none = pd.Series([], index=pd.Index([], dtype=np.int64), dtype=np.uint64)
    shard = gather(pieces, "train", 99, none)
    assert len(shard) == 0
    assert shard.expression.shape == (0, N_GENES)


def test_a_piece_needs_the_counts_of_all_its_cells(tmp_path: Path) -> None:
    table, cells = example()
    block = cells.take(slice(0, 7))
    with pytest.raises(ValueError, match="read 7 cells, expected 60"):
        write_piece(
            tmp_path / "piece.arrow",
            table,
            iter([(block.soma_joinid, rows_of(block.expression))]),
        )
    assert list(tmp_path.iterdir()) == []
