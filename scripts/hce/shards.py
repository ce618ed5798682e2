"""Shards: shuffled cells, AnnData on disk, written once and streamed into training.

anndata.io.read_zarr(zarr.storage.ZipStore(path)) opens one; annbatch and scDataset train from it.
Raw counts are stored, so that one store serves every normalization; they compress to a third of
what normalized float32 values need (docs/performance.md).
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from hce.extras import needs
from hce.files import checked, recorded_checksum, sha256, write_atomically

with needs("models"):
    import numpy as np
    from numpy.typing import NDArray

    from hce.storage.rows import SparseRows
    from hce.storage.store import open_store, write_store

if TYPE_CHECKING:
    import pandas as pd


def write_shard(
    path: str | Path,
    soma_joinid: NDArray[np.int64],
    label: NDArray[np.int16],
    counts: SparseRows,
    split: str,
    genes: pd.DataFrame,
) -> None:
    """Write cells with raw counts to one shard, atomically.

    Equal cells give equal bytes.

    Parameters
    ----------
    path
        Zip file to write.
    soma_joinid, label
        int64 N and int16 N.
    counts
        Raw counts of the N cells, genes ascending. They are stored as uint16, uint32 where one is
        over 65,535, or float32 where one is no integer.
    split
        train, val, test or ood.
    genes
        The G genes: feature_id and feature_name.
    """
    with write_atomically(path) as temporary:
        write_store(temporary, soma_joinid, label, counts, split, genes)


def write_manifest(
    path: str | Path,
    n_genes: int,
    shards: dict[str, list[Path]],
    others: dict[str, list[dict]] | None = None,
) -> None:
    """List every shard of every split with its rows, nonzero counts, bytes and SHA-256.

    counts is the type of the counts, where it is not uint16.

    Parameters
    ----------
    path
        The manifest to write; shards are named relative to its folder.
    n_genes
        G.
    shards
        Shards of each split, in order; a shard that is there twice is listed twice.
    others
        Entries of another manifest, for further splits.
    """
    path = Path(path)
    splits: dict[str, list[dict]] = {}
    for split, parts in shards.items():
        known = {shard: _describe(shard, path.parent) for shard in dict.fromkeys(parts)}
        splits[split] = [known[shard] for shard in parts]
    splits |= others or {}
    with write_atomically(path) as temporary:
        temporary.write_text(json.dumps({"n_genes": n_genes, "splits": splits}, indent=1) + "\n")


def __getattr__(name: str) -> object:
    """Give `ShardReader` its public name, without torch for those who only write shards."""
    if name == "ShardReader":
        with needs("models"):
            return importlib.import_module("hce.loader.reader").ShardReader
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _describe(shard: Path, folder: Path) -> dict[str, str | int]:
    # that of whoever wrote it: one of what is there now would make it right
    digest = recorded_checksum(shard) or sha256(shard)
    with open_store(checked(shard)) as store:
        rows, nonzero, counts = store.n_cells, store.data.size, store.data.dtype.name
    wider: dict[str, str | int] = {} if counts == "uint16" else {"counts": counts}
    return wider | {
        "path": shard.relative_to(folder).as_posix(),
        "rows": rows,
        "nonzero": nonzero,
        "bytes": shard.stat().st_size,
        "sha256": digest,
    }
