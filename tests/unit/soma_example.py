"""A SOMA array in the place of a Census's X/raw."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import tiledbsoma
from scipy import sparse


def store(path: Path, counts: sparse.csr_matrix | sparse.coo_matrix) -> SimpleNamespace:
    """Write it and open it as a release; coo may hold a place twice."""
    entries = counts.tocoo()
    with tiledbsoma.SparseNDArray.create(
        path.as_posix(), type=pa.float32(), shape=counts.shape
    ) as array:
        columns = {
            "soma_dim_0": entries.row.astype(np.int64),
            "soma_dim_1": entries.col.astype(np.int64),
            "soma_data": entries.data.astype(np.float32),
        }
        array.write(pa.table(columns))
    layer = tiledbsoma.SparseNDArray.open(path.as_posix())
    rna = SimpleNamespace(X={"raw": layer})
    return SimpleNamespace(experiment=SimpleNamespace(ms={"RNA": rna}))
