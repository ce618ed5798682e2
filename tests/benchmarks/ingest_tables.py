"""Tables of cells and genes for `bench_ingest.py`, made as the pipeline makes them.

The store's cell types are no ontology terms, so every type that occurs is a class; the split by
donor, the truncation to row groups and the shuffle keys are the pipeline's.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
from ingest_store import ASSAY

from hce.census.reading import model_genes, open_release, read_datasets, read_genes, read_obs
from hce.files import write_atomically
from hce.ingest.cells import atlas_cells, cells_table

SHARE = 0.15
SEED = 1
ROW_GROUP = 1024


def make_tables(uri: str, n_cells: int, folder: Path) -> None:
    """Write cells.parquet, of the first `n_cells` cells, and genes.parquet."""
    with open_release(uri) as census:
        obs = read_obs(census, [ASSAY]).to_pandas().iloc[:n_cells]
        datasets, var = read_datasets(census), read_genes(census)
    columns = {"cell_type_ontology_term_id": "ontology_term_id", "cell_type": "label"}
    cell_types = obs[list(columns)].astype(str).drop_duplicates().sort_values("cell_type")
    cell_types = cell_types.rename(columns=columns).reset_index(drop=True)
    atlas = atlas_cells(obs, datasets, cell_types, SHARE, SHARE, SEED, ROW_GROUP)
    no_ood = atlas.iloc[:0]
    cells = cells_table(atlas, no_ood, cell_types, SEED)
    genes = model_genes(var, var["feature_name"].tolist())
    tables: dict[str, pd.DataFrame] = {"cells.parquet": cells, "genes.parquet": genes}
    for name, table in tables.items():
        with write_atomically(folder / name) as temporary:
            table.to_parquet(temporary, index=False, compression="zstd")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uri", required=True)
    parser.add_argument("--cells", type=int, required=True, help="how many, from joinid 0 on")
    parser.add_argument("--folder", type=Path, required=True)
    arguments = parser.parse_args()
    make_tables(arguments.uri, arguments.cells, arguments.folder)


if __name__ == "__main__":
    main()
