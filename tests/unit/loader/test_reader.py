"""The reader of shards: the order of an epoch, and the same batches wherever the cells are kept."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator, Sequence
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from shard_example import parts_of, random_cells, write_shards

import hce.storage.files
from hce.loader.batches import Batch, BatchMaker, Rows
from hce.loader.device import DeviceBlock
from hce.loader.reader import open_splits
from hce.normalize import size_factor_log1p
from hce.shards import ShardReader
from hce.storage.blocks import CellBlock, Cells
from hce.storage.residency import MB, Kept

pytestmark = pytest.mark.usefixtures("one_torch_thread")

N_GENES = 12
SIZES = (37, 5, 64, 20, 41)


def same_cells(one: Batch, other: Batch) -> bool:
    """Whether two batches are equal to the last bit, in order."""
    return (
        np.array_equal(one.soma_joinid, other.soma_joinid)
        and np.array_equal(one.label, other.label)
        and torch.equal(one.expression.dense(), other.expression.dense())
    )


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five training shards of uneven size."""
    folder = tmp_path_factory.mktemp("shards")
    return write_shards(folder, {"train": parts_of(SIZES, N_GENES)})


@pytest.fixture
def no_split_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the compiled loops of large splits work on these few cells."""
    monkeypatch.setattr(hce.storage.files, "SMALL", 0)


def test_reading_normalizes_each_cell_to_10000_counts(manifest: Path) -> None:
    raw = parts_of(SIZES, N_GENES)[2]
    counts = raw.expression.toarray().astype(np.float64)
    total = counts.sum(axis=1, keepdims=True)
    expected = np.log1p(np.divide(counts * 1e4, total, out=np.zeros_like(counts), where=total > 0))
    read = ShardReader(manifest, "train").read(2)
    assert read.expression.dtype == np.float32
    np.testing.assert_allclose(read.expression.toarray(), expected, rtol=1e-5)
    assert np.array_equal(read.soma_joinid, raw.soma_joinid)


@pytest.mark.parametrize("batch_size", [1, 7, 64, 1000])
def test_in_order_gives_every_cell_once_in_the_order_of_the_shards(
    manifest: Path, batch_size: int
) -> None:
    batches = list(ShardReader(manifest, "train").in_order(batch_size))
    expected = np.concatenate([cells.soma_joinid for cells in parts_of(SIZES, N_GENES)])
    assert np.array_equal(np.concatenate([b.soma_joinid for b in batches]), expected)
    assert max(len(batch) for batch in batches) <= batch_size


@given(
    batch_size=st.integers(1, 200),
    window=st.integers(1, 7),
    epoch=st.integers(0, 5),
    data=st.data(),
)
def test_starting_at_a_batch_gives_the_rest_of_the_uninterrupted_epoch(
    manifest: Path, batch_size: int, window: int, epoch: int, data: st.DataObject
) -> None:
    reader = ShardReader(manifest, "train")
    whole = list(reader.shuffled(batch_size, 3, epoch, window))
    start = data.draw(st.integers(0, len(whole)))
    rest = list(reader.shuffled(batch_size, 3, epoch, window, start))
    assert len(rest) == len(whole) - start
    assert all(same_cells(*pair) for pair in zip(rest, whole[start:], strict=True))


@given(batch_size=st.integers(1, 200), window=st.integers(1, 7), seed=st.integers(0, 9))
def test_an_epoch_has_full_batches_of_different_cells(
    manifest: Path, batch_size: int, window: int, seed: int
) -> None:
    reader = ShardReader(manifest, "train")
    batches = list(reader.shuffled(batch_size, seed, 0, window))
    assert [len(batch) for batch in batches] == [batch_size] * (sum(SIZES) // batch_size)
    assert len(batches) == reader.n_batches(batch_size)
    seen = np.concatenate([np.zeros(0, dtype=np.int64), *(b.soma_joinid for b in batches)])
    assert len(np.unique(seen)) == len(seen)
    assert set(seen) <= set(range(sum(SIZES)))


def epoch_order(manifest: Path, seed: int, epoch: int) -> list[int]:
    """The joinids of one epoch, in order."""
    batches = ShardReader(manifest, "train").shuffled(8, seed, epoch, window=2)
    return np.concatenate([batch.soma_joinid for batch in batches]).tolist()


def test_the_order_depends_on_seed_and_epoch_only(manifest: Path) -> None:
    first = epoch_order(manifest, seed=1, epoch=0)
    np.random.default_rng().random()
    assert epoch_order(manifest, seed=1, epoch=0) == first
    others = [epoch_order(manifest, 1, 1), epoch_order(manifest, 2, 0), epoch_order(manifest, 0, 1)]
    assert all(other != first for other in others)


def test_shards_before_the_start_are_not_read(tmp_path: Path) -> None:
    sizes = (16, 16, 16)
    parts = parts_of(sizes, N_GENES)
    reader = ShardReader(write_shards(tmp_path, {"train": parts}), "train", "stream")
    whole = list(reader.shuffled(16, 1, 0, window=1))
    first = next(i for i, p in enumerate(parts) if set(p.soma_joinid) == set(whole[0].soma_joinid))
    (tmp_path / reader.shards[first]["path"]).unlink()
    rest = list(reader.shuffled(16, 1, 0, window=1, start=1))
    assert all(same_cells(*pair) for pair in zip(rest, whole[1:], strict=True))


def test_unknown_and_empty_splits_are_refused(tmp_path: Path) -> None:
    manifest = write_shards(tmp_path, {"train": [random_cells(0, N_GENES, 4, seed=0)]})
    with pytest.raises(ValueError, match=r"no split 'ood', only \['train'\]"):
        ShardReader(manifest, "ood")
    with pytest.raises(ValueError, match="'train' has no cells"):
        ShardReader(manifest, "train")
    with pytest.raises(FileNotFoundError, match="no such shard manifest"):
        ShardReader(tmp_path / "other.json", "train")


def test_an_empty_shard_among_others_is_read(tmp_path: Path) -> None:
    parts = [random_cells(0, N_GENES, 4, 0), random_cells(10, N_GENES, 4, 1)]
    reader = ShardReader(write_shards(tmp_path, {"train": parts}), "train")
    assert sum(len(batch) for batch in reader.in_order(4)) == 10
    assert sum(len(batch) for batch in reader.shuffled(5, 1, 0, window=1)) == 10


def test_the_order_is_the_one_of_the_first_release(manifest: Path) -> None:
    """A checkpoint of any version resumes with the cells that it had not seen."""
    expected, rng = [], np.random.default_rng([3, 2])
    parts, order = parts_of(SIZES, N_GENES), rng.permutation(len(SIZES))
    for first in range(0, len(order), 2):
        joined = np.concatenate([parts[i].soma_joinid for i in order[first : first + 2]])
        expected += joined[rng.permutation(len(joined))].tolist()
    assert epoch_order(manifest, seed=3, epoch=2) == expected[: len(expected) // 8 * 8]


def on_device(reader: ShardReader) -> ShardReader:
    """A reader whose residency is device, on a device that every machine has."""
    reader.kept = Kept("device", 1, 0)
    return reader


@pytest.mark.usefixtures("no_split_is_small")
@pytest.mark.parametrize("prefetch", [0, 2])
@settings(max_examples=25)  # each reads the shards with four readers
@given(batch_size=st.integers(1, 200), window=st.integers(1, 7), epoch=st.integers(0, 3))
def test_batches_are_the_same_wherever_the_cells_are_kept(
    manifest: Path, prefetch: int, batch_size: int, window: int, epoch: int
) -> None:
    """Bit for bit on the host, and to rounding against the operations of a device."""
    readers = [
        ShardReader(manifest, "train", residency, prefetch=prefetch)
        for residency in ("stream", "host")
    ]
    readers.append(on_device(ShardReader(manifest, "train", prefetch=prefetch)))
    readers.append(ShardReader(manifest, "train", "stream", prefetch=prefetch))
    readers[-1].kept = Kept("stream", 0, 0)
    epochs = [list(reader.shuffled(batch_size, 1, epoch, window)) for reader in readers]
    for stream, host, device, slow in zip(*epochs, strict=True):
        assert same_cells(stream, host)
        assert same_cells(slow, host)
        assert np.array_equal(stream.soma_joinid, device.soma_joinid)
        assert np.array_equal(stream.label, device.label)
        torch.testing.assert_close(
            device.expression.dense(), host.expression.dense(), rtol=3e-7, atol=0
        )


@pytest.mark.usefixtures("no_split_is_small")
@pytest.mark.parametrize("residency", ["stream", "host", "device"])
@pytest.mark.parametrize("largest", [2**16 - 1, 2**16, 3_000_000_000, 0.75])
def test_large_counts_and_empty_cells_are_normalized_like_all_others(
    tmp_path: Path, residency: str, largest: float
) -> None:
    counts = np.zeros((40, N_GENES))
    counts[5:, 2:8] = np.random.default_rng(0).poisson(20, (35, 6))
    counts[11, 3] = largest
    cells = Cells(np.arange(40), np.zeros(40, dtype=np.int16), sparse.csr_matrix(counts))
    first = random_cells(10, N_GENES, 4, 0, first_joinid=100)
    path = write_shards(tmp_path, {"train": [first, cells]})
    reader = ShardReader(path, "train", "host" if residency == "device" else residency)
    reader = on_device(reader) if residency == "device" else reader
    dense = torch.cat([batch.expression.dense() for batch in reader.in_order(16)])[10:].numpy()
    assert not dense[:5].any()
    expected = size_factor_log1p(sparse.csr_matrix(counts)).toarray()
    np.testing.assert_allclose(dense, expected, rtol=1e-6)


@pytest.mark.usefixtures("no_split_is_small")
def test_a_batch_that_is_kept_is_not_overwritten(manifest: Path) -> None:
    reader = ShardReader(manifest, "train", "host")
    kept = list(reader.in_order(10))
    values = [batch.expression.values.clone() for batch in kept]
    list(reader.in_order(10))
    assert all(torch.equal(b.expression.values, v) for b, v in zip(kept, values, strict=True))


def prefetch_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("hce-prefetch")]


def test_leaving_an_epoch_early_stops_its_threads(manifest: Path) -> None:
    reader = ShardReader(manifest, "train", "stream", prefetch=2)
    for _ in range(3):
        batches = reader.shuffled(4, 1, 0, window=1)
        next(batches)
        assert prefetch_threads()
        batches.close()
        assert not prefetch_threads()
    for _ in reader.shuffled(4, 1, 0, window=1):
        pass
    assert not prefetch_threads()


@pytest.mark.parametrize("prefetch", [0, 2])
def test_an_error_while_reading_ahead_reaches_the_caller(tmp_path: Path, prefetch: int) -> None:
    path = write_shards(tmp_path, {"train": parts_of((16, 16, 16), N_GENES)})
    reader = ShardReader(path, "train", "stream", prefetch=prefetch)
    broken = tmp_path / reader.shards[2]["path"]
    content = bytearray(broken.read_bytes())
    content[len(content) // 2] ^= 1
    broken.write_bytes(content)
    seen = 0

    def read() -> Iterator[Batch]:
        nonlocal seen
        for batch in reader.in_order(8):
            seen += len(batch)
            yield batch

    with pytest.raises(ValueError, match="its SHA-256 differs"):
        list(read())
    assert seen == 32
    assert not prefetch_threads()


def test_a_block_of_a_device_holds_4_bytes_a_nonzero() -> None:
    block = DeviceBlock(10, 100, np.uint16, torch.device("cpu"))
    assert block.genes.nbytes + block.counts.nbytes == 400


def small_block(count_type: type[np.unsignedinteger], rng: np.random.Generator) -> CellBlock:
    """Six cells of three genes each."""
    block = CellBlock.empty(6, 18, count_type)
    block.soma_joinid[:], block.label[:] = np.arange(6), 0
    block.indptr[:] = np.arange(7) * 3
    block.genes[:] = np.tile([1, 4, 9], 6)
    block.counts[:] = rng.integers(1, np.iinfo(count_type).max, 18)
    return block


def test_rows_copied_to_a_device_are_normalized_like_those_on_the_host() -> None:
    """From blocks of 16-bit and of 32-bit counts in one batch."""
    rng = np.random.default_rng(0)
    blocks = [small_block(count_type, rng) for count_type in (np.uint16, np.uint32)]
    parts = [Rows(block, rng.permutation(6)[:4]) for block in blocks]
    maker = BatchMaker(N_GENES, torch.device("cpu"), in_flight=1)
    host = maker.make(parts).expression
    copied = maker._copied(parts, host.indptr.numpy()).normalized(N_GENES)
    assert torch.equal(copied.genes, host.genes)
    torch.testing.assert_close(copied.values, host.values, rtol=3e-7, atol=0)


def test_a_batch_of_blocks_of_several_kinds_is_refused() -> None:
    """Whichever comes first: its kind says nothing about the others."""
    raw = small_block(np.uint16, np.random.default_rng(0))
    on_device = DeviceBlock(6, 18, np.uint16, torch.device("cpu"))
    on_device.fill(raw, 0, 0)
    maker = BatchMaker(N_GENES, torch.device("cpu"), in_flight=1)
    for blocks in permutations((raw.normalized(N_GENES), raw, on_device), 2):
        kinds = ", ".join(sorted(type(block).__name__ for block in blocks))
        with pytest.raises(ValueError, match=f"blocks of one kind, got {kinds}"):
            maker.make([Rows(block, np.arange(2)) for block in blocks])


def test_a_batch_of_two_blocks_of_a_device_is_refused() -> None:
    """Positions in the second one would be taken for cells of the first."""
    blocks = [DeviceBlock(6, 18, np.uint16, torch.device("cpu")) for _ in range(2)]
    maker = BatchMaker(N_GENES, torch.device("cpu"), in_flight=1)
    with pytest.raises(ValueError, match="one block of a device"):
        maker.make([Rows(block, np.arange(2)) for block in blocks])
    assert len(maker.make([Rows(blocks[0], np.arange(2)), Rows(blocks[0], np.arange(3))])) == 5


def decoding(reader: ShardReader, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many blocks of the reader are in memory, at the end of each decoding."""
    blocks, alive, load = [], [], reader._loaded

    def loaded(positions: Sequence[int]) -> CellBlock | Cells:
        block = load(positions)
        blocks.append(weakref.ref(block))
        alive.append(sum(reference() is not None for reference in blocks))
        return block

    monkeypatch.setattr(reader, "_loaded", loaded)
    return alive


@pytest.mark.usefixtures("no_split_is_small")
@pytest.mark.parametrize("ahead", [0, 1])
def test_no_more_windows_are_in_memory_than_was_planned(
    tmp_path: Path, ahead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_shards(tmp_path, {"train": parts_of((16,) * 8, N_GENES)})
    reader = ShardReader(path, "train", "stream", prefetch=2)
    reader.kept = Kept("stream", ahead, 0)
    alive = decoding(reader, monkeypatch)
    for _ in reader.shuffled(5, 1, 0, window=2):
        pass
    assert len(alive) == 4
    assert max(alive) <= 1 + ahead


def test_splits_are_opened_with_what_the_memory_holds(tmp_path: Path) -> None:
    path = write_shards(tmp_path, {name: parts_of(SIZES, N_GENES) for name in ("train", "val")})
    windows = {"train": 2, "val": 1}
    size = ShardReader(path, "train").size(2)

    def opened(residency: str, memory: float) -> list[str]:
        cpu = torch.device("cpu")
        readers = open_splits(path, windows, residency, cpu, memory, lambda n_genes: n_genes * MB)
        assert [reader.split for reader in readers] == ["train", "val"]
        return [reader.kept.residency for reader in readers]

    other = N_GENES * MB
    assert opened("auto", other + 2 * size.whole) == ["host", "host"]
    assert opened("auto", other + size.whole + size.shard) == ["host", "stream"]
    assert opened("auto", other + size.window + size.shard) == ["stream", "stream"]
    assert opened("stream", other + 2 * size.whole) == ["stream", "stream"]
    with pytest.raises(ValueError, match=r"resources\.train_memory: 12 MB are too little"):
        opened("auto", other + size.window)
