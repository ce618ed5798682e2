"""Our decoder of shards: the cells that Arrow reads, and an error where a page is damaged.

NUMBA_BOUNDSCHECK=1 (and a NUMBA_CACHE_DIR of its own) lets a compiled loop that leaves its arrays
fail these tests with an IndexError.
"""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from shard_example import parts_of, write_shards

import hce.storage.files
from hce.storage.blocks import CellBlock, CountTooLargeError
from hce.storage.decoding import decode_shard, is_ours, join_streams, list_sizes, unpack_deltas
from hce.storage.files import ShardFiles
from hce.storage.parquet import (
    BYTE_STREAM_SPLIT,
    DELTA_BINARY_PACKED,
    UNCOMPRESSED,
    Column,
    byte_stream_split,
    delta_binary_packed,
    list_levels,
    write_parquet,
)
from hce.storage.rows import Counts

ARRAYS = ("soma_joinid", "label", "indptr", "genes", "counts")
# around the blocks of 128 and miniblocks of 32 gaps, and cells without genes
list_sizes_of_cells = st.lists(st.sampled_from([0, 0, 1, 2, 31, 32, 33, 129, 300]), max_size=40)


@pytest.fixture(autouse=True)
def no_split_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let our decoder work on these few cells."""
    monkeypatch.setattr(hce.storage.files, "SMALL", 0)


def shard(sizes: list[int], count_bits: int, seed: int, group: int = 16, page: int = 4) -> bytes:
    """A shard of cells with so many genes; gaps of every width, the widest of 17 bits."""
    rng = np.random.default_rng(seed)
    indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    n_values = int(indptr[-1])
    genes = rng.integers(0, 2 ** rng.integers(1, 17, n_values)).astype(np.uint16)
    counts = rng.integers(0, 2 ** rng.integers(1, count_bits + 1, n_values)).astype(np.uint32)
    columns = [
        Column("soma_joinid", rng.integers(0, 2**62, len(sizes))),
        Column("label", rng.integers(0, 2**15, len(sizes)).astype(np.int16)),
        Column("genes", genes, indptr, DELTA_BINARY_PACKED, UNCOMPRESSED),
        Column("counts", Counts.of(counts), indptr, BYTE_STREAM_SPLIT),
    ]
    file = io.BytesIO()
    write_parquet(file, columns, group, page, {"nonzero": str(n_values)})
    return file.getvalue()


def list_by_hand(folder: Path, content: bytes, rows: int, nonzero: int) -> ShardFiles:
    """A split of one shard of these bytes, whose checksum is right whatever they are."""
    (folder / "damaged.parquet").write_bytes(content)
    description = {"path": "damaged.parquet", "rows": rows, "nonzero": nonzero}
    description |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    manifest = {"n_genes": 2**16, "splits": {"train": [description]}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return ShardFiles(folder / "manifest.json", "train")


def overwrite(file: BinaryIO, at: int, byte: int) -> None:
    """Change one byte of a file."""
    file.seek(at)
    file.write(bytes([byte]))


def page(content: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bytes as they come from a file: nobody may write to them."""
    return np.frombuffer(content.tobytes(), dtype=np.uint8)


def same(one: CellBlock, other: CellBlock) -> bool:
    """Whether two blocks are equal."""
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ARRAYS)


@settings(max_examples=60)
@given(
    sizes=list_sizes_of_cells,
    group=st.integers(1, 50),
    page=st.integers(1, 50),
    count_bits=st.sampled_from([3, 16, 17, 32]),
    seed=st.integers(0, 99),
)
def test_the_cells_are_those_that_arrow_reads(
    sizes: list[int], group: int, page: int, count_bits: int, seed: int
) -> None:
    source = pa.BufferReader(shard(sizes, count_bits, seed, group, page))
    file = pq.ParquetFile(source)
    for count_type in (np.uint16, np.uint32):
        blocks = [CellBlock.empty(len(sizes) + 3, sum(sizes) + 2, count_type) for _ in range(2)]
        for block in blocks:  # what lies before the shard must stay
            for name in ARRAYS:
                getattr(block, name)[:] = 7
        try:
            end = blocks[0].fill(file, 3, 2)
        except CountTooLargeError:
            with pytest.raises(CountTooLargeError):
                decode_shard(source, file.metadata, blocks[1], 3, 2)
        else:
            assert is_ours(file.metadata)
            assert decode_shard(source, file.metadata, blocks[1], 3, 2) == end
            assert end == (len(sizes) + 3, sum(sizes) + 2)
            assert same(*blocks)


@pytest.mark.parametrize("n_threads", [1, 3])
def test_shards_that_arrow_wrote_give_the_same_cells(tmp_path: Path, n_threads: int) -> None:
    manifest = write_shards(tmp_path, {"train": parts_of((37, 5, 64, 20), n_genes=12)})
    expected = ShardFiles(manifest, "train").block([2, 0, 3, 1], n_threads)
    content = json.loads(manifest.read_text())
    for description in content["splits"]["train"]:
        path = tmp_path / description["path"]
        pq.write_table(pq.read_table(path, memory_map=False), path)
        assert not is_ours(pq.read_metadata(path))
        description["bytes"] = path.stat().st_size
        description["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest.write_text(json.dumps(content))
    assert same(ShardFiles(manifest, "train").block([2, 0, 3, 1], n_threads), expected)


def test_counts_over_65535_make_the_block_wide(tmp_path: Path) -> None:
    files = list_by_hand(tmp_path, shard([300] * 20, 32, seed=0), 20, 6000)
    block = files.block([0])
    assert block.counts.dtype == np.uint32
    assert block.counts.max() > 2**16
    assert same(files.block([0]), block)  # the second time from the disk, without the checksum


def test_a_changed_byte_of_a_page_is_an_error_or_another_value(tmp_path: Path) -> None:
    sizes = [0, 40, 3, 0, 1]
    content = shard(sizes, 8, seed=1, group=3, page=2)
    end_of_pages = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    flips = np.random.default_rng(0).integers(1, 256, end_of_pages).tolist()
    files = list_by_hand(tmp_path, content, len(sizes), sum(sizes))
    files.block([0])  # the checksum is right, and is not asked again
    refused = 0
    with (tmp_path / "damaged.parquet").open("r+b", buffering=0) as file:
        for at in range(4, end_of_pages):
            overwrite(file, at, content[at] ^ flips[at])
            try:
                block = files.block([0])
            except ValueError as error:
                assert "damaged.parquet" in str(error)
                refused += 1
            else:
                assert (len(block), block.indptr[-1]) == (len(sizes), sum(sizes))
                assert (np.diff(block.indptr) >= 0).all()
            overwrite(file, at, content[at])
    # the others are in values, which only the checksum protects
    assert refused > end_of_pages / 2


def test_a_shard_cut_short_after_it_was_verified_is_an_error(tmp_path: Path) -> None:
    content = shard([40, 0, 3], 8, seed=2)
    files = list_by_hand(tmp_path, content, 3, 43)
    files.block([0])
    footer = int.from_bytes(content[-8:-4], "little") + 8
    for removed in (1, footer, len(content) // 3):
        # pages are missing, or the footer is
        for damaged in (content[:-removed], content[removed:]):
            (tmp_path / "damaged.parquet").write_bytes(damaged)
            with pytest.raises(ValueError, match=r"damaged\.parquet"):
                files.block([0])


@pytest.mark.parametrize("wrong", [(2, 43), (4, 43), (3, 42), (3, 44)])
@pytest.mark.parametrize("small", [0, 10**6])
def test_another_number_of_cells_than_listed_is_an_error(
    tmp_path: Path, wrong: tuple[int, int], small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hce.storage.files, "SMALL", small)
    files = list_by_hand(tmp_path, shard([40, 0, 3], 8, seed=2), *wrong)
    with pytest.raises(ValueError, match=r"damaged\.parquet"):
        files.block([0])


def test_packed_values_of_another_length_are_refused() -> None:
    values = np.random.default_rng(0).integers(0, 2**16, 200).astype(np.uint16)
    packed, out = page(delta_binary_packed(values)), np.empty(200, dtype=np.uint16)
    for length in range(len(packed)):
        with pytest.raises(ValueError):
            unpack_deltas(packed[:length], out)
    with pytest.raises(ValueError, match="another length"):
        unpack_deltas(page(np.append(packed, np.uint8(0))), out)
    with pytest.raises(ValueError, match="another number"):
        unpack_deltas(packed, out[1:])
    unpack_deltas(packed, out)
    assert np.array_equal(out, values)


def test_levels_of_another_length_are_refused() -> None:
    cells = np.array([3, 0, 0, 200, 1, 0], dtype=np.int64)
    levels, sizes = page(list_levels(cells)), np.empty(6, dtype=np.int64)
    assert list_sizes(levels, 207, sizes) == (6, 204, len(levels))
    assert np.array_equal(sizes, cells)
    for length in range(len(levels)):
        with pytest.raises(ValueError):
            list_sizes(levels[:length], 207, sizes)
    for n_levels in (0, 206, 208):
        with pytest.raises(ValueError):
            list_sizes(levels, n_levels, sizes)
    with pytest.raises(ValueError, match="more lists"):
        list_sizes(levels, 207, sizes[:5])


def test_streams_of_another_length_are_refused() -> None:
    counts = np.array([1, 70_000, 255], dtype=np.uint32)
    streams, out = page(byte_stream_split(Counts.of(counts))), np.empty(3, dtype=np.uint32)
    assert join_streams(streams, out) >= 70_000
    assert np.array_equal(out, counts)
    with pytest.raises(ValueError, match="another number"):
        join_streams(streams[:-1], out)
