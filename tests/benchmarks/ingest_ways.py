"""The ways of reading a Census that `bench_ingest.py` compares with the pipeline.

Prints one line of JSON: cells, and CPU seconds of the work itself, without start-up.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import cellxgene_census
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hce.census.reading import gene_positions, open_release, read_genes
from hce.census.schema import HOMO_SAPIENS
from hce.ingest.counts import TILE_ROWS, read_counts

# of 2,048, 4,096, 8,192 and 16,384 the fastest for get_anndata, which favors the published way
PUBLISHED_CHUNK = 4096
BARE_CHUNK = 8 * TILE_ROWS


def published(uri: str, n_cells: int, folder: Path) -> None:
    """scTab's way: get_anndata by obs_coords, normalize, dense Parquet in row groups of 1,024.

    One list column without dictionaries is 4 times as fast as one column a gene.
    """
    import scanpy

    path = folder / "published.parquet"
    with cellxgene_census.open_soma(uri=uri) as census:
        writer = None
        for first in range(0, n_cells, PUBLISHED_CHUNK):
            cells = cellxgene_census.get_anndata(
                census,
                HOMO_SAPIENS,
                X_name="raw",
                obs_coords=np.arange(first, min(first + PUBLISHED_CHUNK, n_cells)).tolist(),
                obs_column_names=["soma_joinid", "cell_type", "dataset_id", "donor_id"],
            )
            scanpy.pp.normalize_total(cells, target_sum=1e4)
            scanpy.pp.log1p(cells)
            dense = cells.X.toarray()
            rows = pa.FixedSizeListArray.from_arrays(pa.array(dense.ravel()), dense.shape[1])
            table = pa.table({"soma_joinid": cells.obs["soma_joinid"].to_numpy(), "X": rows})
            if writer is None:
                writer = pq.ParquetWriter(path, table.schema, use_dictionary=False)
            writer.write_table(table, row_group_size=1024)
    if writer is not None:
        writer.close()
    path.unlink()


def read(uri: str, n_cells: int, folder: Path) -> None:
    """The fastest read known: the pipeline's own, into sorted rows; nothing is written."""
    with open_release(uri) as release:
        var = read_genes(release)
        positions = gene_positions(var, var["feature_id"].tolist())
        n_read = sum(len(rows) for _, rows in read_counts(release, np.arange(n_cells), positions))
    if n_read != n_cells:
        raise ValueError(f"{uri}: read {n_read} cells, expected {n_cells}")


def bare_read(uri: str, n_cells: int, folder: Path) -> None:
    """Only decode: go over the tables that TileDB returns and drop them."""
    with open_release(uri) as release:
        matrix = release.experiment.ms["RNA"].X["raw"]
        for first in range(0, n_cells, BARE_CHUNK):
            rows = slice(first, min(first + BARE_CHUNK, n_cells) - 1)
            for table in matrix.read((rows, None)).tables():
                if table.num_columns != 3:
                    raise ValueError(f"{uri}: a table of X has the columns {table.column_names}")


WAYS = {"published": published, "read": read, "bare_read": bare_read}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("--uri", required=True)
    parser.add_argument("--cells", type=int, required=True, help="how many, from joinid 0 on")
    parser.add_argument("--folder", type=Path, required=True, help="for what is written")
    arguments = parser.parse_args()
    way = WAYS[arguments.way]
    # imports, compiled loops and buffers are start-up
    way(arguments.uri, TILE_ROWS, arguments.folder)
    start = time.process_time()
    way(arguments.uri, arguments.cells, arguments.folder)
    seconds = time.process_time() - start
    print(json.dumps({"cells": arguments.cells, "cpu_seconds": seconds}))


if __name__ == "__main__":
    main()
