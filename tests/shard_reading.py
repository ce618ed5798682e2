"""Shards as anyone reads them: by anndata, without hce."""

from __future__ import annotations

from pathlib import Path

import anndata
from zarr.storage import ZipStore


def read_anndata(path: Path) -> anndata.AnnData:
    """Read a shard."""
    with ZipStore(path, mode="r") as store:
        return anndata.io.read_zarr(store)
