"""Shards that are damaged, foreign or other than the manifest says are named, with the remedy."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import anndata
import numpy as np
import pytest
from shard_example import genes_of, parts_of, random_cells, rows_of, write_cells, write_shards

from hce.files import write_atomically
from hce.shards import write_manifest, write_shard
from hce.storage.blocks import CellBlock
from hce.storage.files import ShardFiles
from hce.storage.rows import SparseRows

N_GENES = 12
REMEDY = r"Delete it and run snakemake again"


def rewrite(manifest: Path, content: dict) -> None:
    """Give the shards another manifest, as a user would on purpose."""
    with write_atomically(manifest) as temporary:
        temporary.write_text(json.dumps(content))


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Two training shards."""
    return write_shards(tmp_path, {"train": parts_of((40, 25), N_GENES)})


def shard_of(manifest: Path, number: int = 0) -> Path:
    return manifest.parent / "train" / f"part-{number:05d}.zarr.zip"


def trusting(manifest: Path) -> ShardFiles:
    """A reader that takes the checksums of the manifest as seen."""
    files = ShardFiles(manifest, "train")
    files._verified = {0, 1}
    return files


def same_block(one: CellBlock, other: CellBlock) -> bool:
    names = ("soma_joinid", "label", "indptr", "genes", "counts")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_a_block_holds_the_cells_of_its_shards_in_order(manifest: Path, n_threads: int) -> None:
    block = ShardFiles(manifest, "train").block([1, 0], n_threads)
    expected = parts_of((40, 25), N_GENES)[::-1]
    assert np.array_equal(block.soma_joinid, np.concatenate([c.soma_joinid for c in expected]))
    assert np.array_equal(block.label, np.concatenate([c.label for c in expected]))
    rows = [rows_of(cells.expression) for cells in expected]
    assert np.array_equal(block.genes, np.concatenate([r.genes for r in rows]))
    assert np.array_equal(block.counts, np.concatenate([r.counts.wide() for r in rows]))
    sizes = np.concatenate([np.diff(r.indptr) for r in rows])
    assert np.array_equal(np.diff(block.indptr), sizes)
    assert (block.genes.dtype, block.counts.dtype) == (np.uint16, np.uint16)


@pytest.mark.parametrize("counts", ["integers", "fractions"])
def test_the_widest_shard_gives_the_type_of_a_block(tmp_path: Path, counts: str) -> None:
    paths = []
    for number, factor in enumerate([1, 70_000 if counts == "integers" else 0.25]):
        cells = random_cells(30, N_GENES, 4, number)
        matrix = cells.expression * np.float32(factor)
        rows = SparseRows(matrix.indptr, matrix.indices, matrix.data)
        paths.append(tmp_path / f"{number}.zarr.zip")
        write_shard(paths[-1], cells.soma_joinid, cells.label, rows, "train", genes_of(N_GENES))
        written = matrix
    write_manifest(tmp_path / "manifest.json", N_GENES, {"train": paths})
    files = ShardFiles(tmp_path / "manifest.json", "train")
    assert files.size(1).whole == 60 * 18 + 6 * files.nonzero
    both = files.block([0, 1], 2)
    assert both.counts.dtype == (np.uint32 if counts == "integers" else np.float32)
    assert np.array_equal(both.counts[-written.nnz :], written.data)
    assert np.array_equal(both.take(np.arange(30)).counts, files.block([0]).counts)


def test_positions_of_many_genes_are_read(tmp_path: Path) -> None:
    n_genes = 2**16 + 4
    last = np.array([n_genes - 1], dtype=np.int32)
    rows = SparseRows(np.array([0, 1]), last, np.array([3], dtype=np.uint16))
    one, path = np.array([1]), tmp_path / "one.zarr.zip"
    write_shard(path, one, one.astype(np.int16), rows, "train", genes_of(n_genes))
    write_manifest(tmp_path / "manifest.json", n_genes, {"train": [path]})
    block = ShardFiles(tmp_path / "manifest.json", "train").block([0])
    assert block.genes.tolist() == last.tolist()


def test_a_changed_byte_is_found_by_the_checksum(manifest: Path) -> None:
    content = bytearray(shard_of(manifest).read_bytes())
    content[len(content) // 2] ^= 1
    shard_of(manifest).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{shard_of(manifest)}: its SHA-256 differs.*{REMEDY}"):
        ShardFiles(manifest, "train").block([0])


def test_a_changed_byte_is_found_without_the_checksum_too(manifest: Path) -> None:
    """By CRC-32C of a chunk or by the zip file; or it lies where nothing depends on it."""
    whole = shard_of(manifest).read_bytes()
    expected, found = trusting(manifest).block([0]), 0
    for position in range(0, len(whole), 37):
        content = bytearray(whole)
        content[position] ^= 1 << position % 8
        shard_of(manifest).write_bytes(content)
        try:
            assert same_block(trusting(manifest).block([0]), expected), position
        except ValueError as error:
            found += 1
            assert f"{shard_of(manifest)}: cannot be decoded" in str(error)
            assert str(error).endswith(REMEDY)
    assert found > 20


def repacked(path: Path, change: dict[str, bytes | None]) -> None:
    """Write a zip file again with other members, or without them."""
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(path, "w") as file:
        for name, content in (members | change).items():
            if content is not None:
                file.writestr(name, content)


def test_the_crc32c_of_a_chunk_is_compared(manifest: Path) -> None:
    """In a zip file that is whole."""
    with zipfile.ZipFile(shard_of(manifest)) as file:
        chunk = bytearray(file.read("X/data/c/0"))
    chunk[-6] ^= 1
    repacked(shard_of(manifest), {"X/data/c/0": bytes(chunk)})
    with pytest.raises(ValueError, match=rf"{shard_of(manifest)}: cannot.*checksum.*{REMEDY}"):
        trusting(manifest).block([0])


def foreign(path: Path, kind: str) -> None:
    """Put something else in place of a shard."""
    cells = random_cells(40, N_GENES, 4, 0)
    if kind == "no zip file":
        path.write_bytes(b"PAR1" * 200)
    elif kind == "another zip file":
        path.unlink()
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("hello", "world")
    elif kind == "no counts":
        repacked(path, {"X/data/zarr.json": None})
    elif kind == "wide counts":
        data = anndata.AnnData(cells.expression.astype(np.int64))
        data.obs["soma_joinid"], data.obs["label"] = cells.soma_joinid, cells.label
        with anndata.settings.override(zarr_write_format=3):
            data.write_zarr(path.with_suffix(""))
        shutil.make_archive(str(path.with_suffix("")), "zip", path.with_suffix(""))
    elif kind == "offsets":
        rows = rows_of(cells.expression)
        rows.indptr[3] = rows.indptr[-1] + 9
        write_shard(path, cells.soma_joinid, cells.label, rows, "train", genes_of(N_GENES))
    else:
        rows = rows_of(cells.expression)
        rows.genes[5] = N_GENES
        write_shard(path, cells.soma_joinid, cells.label, rows, "train", genes_of(N_GENES))


@pytest.mark.filterwarnings("ignore:zarr v3 autosharding", "ignore:Consolidated metadata")
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("no zip file", "not a zip file"),
        ("another zip file", ""),
        ("no counts", "data"),
        ("wide counts", "gene positions of type int32"),
        ("offsets", "offsets of cells"),
        ("genes", "beyond the 12 genes"),
    ],
)
def test_what_is_no_shard_is_named(manifest: Path, kind: str, said: str) -> None:
    foreign(shard_of(manifest), kind)
    size = shard_of(manifest).stat().st_size
    content = json.loads(manifest.read_text())
    content["splits"]["train"][0]["bytes"] = size
    rewrite(manifest, content)
    expected = rf"{shard_of(manifest)}: cannot be decoded \(.*{said}.*\)\. {REMEDY}"
    with pytest.raises(ValueError, match=expected):
        trusting(manifest).block([0])


@pytest.mark.parametrize("n_cells", [39, 41])
def test_other_cells_than_the_manifest_says_are_refused(manifest: Path, n_cells: int) -> None:
    cells = random_cells(n_cells, N_GENES, 4, 0)
    write_cells(shard_of(manifest), cells)
    content = json.loads(manifest.read_text())
    content["splits"]["train"][0]["bytes"] = shard_of(manifest).stat().st_size
    rewrite(manifest, content)
    with pytest.raises(ValueError, match=rf"{shard_of(manifest)}: .*(than|more).*{REMEDY}"):
        trusting(manifest).block([0])


def test_a_missing_shard_is_named(manifest: Path) -> None:
    shard_of(manifest, 1).unlink()
    with pytest.raises(FileNotFoundError, match=rf"{shard_of(manifest, 1)}: listed in .*missing"):
        ShardFiles(manifest, "train")
