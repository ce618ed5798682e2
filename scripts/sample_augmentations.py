"""Sample scTab's augmentation vectors from the training shards."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from hce.files import write_atomically
from hce.ingest.augmentation import (
    AugmentationParameters,
    GroupMeans,
    choose_vectors,
    draw_cells,
    pair_differences,
    passes,
)
from hce.storage.files import ShardFiles
from hce.tables import read_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="manifest.json of the shards")
    parser.add_argument(
        "--cells",
        type=Path,
        required=True,
        help="cells.parquet: the selected cells with their split",
    )
    parser.add_argument("--output", type=Path, required=True, help=".npy file to write")
    parser.add_argument("--memory", type=int, default=1000, help="for sums of expression, in MB")
    for field in fields(AugmentationParameters):
        flag = f"--{field.name.replace('_', '-')}"
        parser.add_argument(
            flag,
            type=type(field.default),
            default=field.default,
            help=f"augmentation.{field.name} of the configuration",
        )
    arguments = parser.parse_args()
    names = [field.name for field in fields(AugmentationParameters)]
    parameters = AugmentationParameters(**{name: getattr(arguments, name) for name in names})

    columns = ["soma_joinid", "class", "donor"]
    cells = read_table(arguments.cells, columns=columns, filters=[("split", "==", "train")])
    rng = np.random.default_rng(parameters.seed)
    drawn = cells.iloc[draw_cells(cells["class"].to_numpy(), parameters.n_cells, rng)]
    n_donors = len(drawn["donor"].cat.categories)
    donor = drawn["donor"].cat.codes.to_numpy(np.int64)
    pairs = np.sort(pd.unique(drawn["class"].to_numpy(np.int64) * n_donors + donor))

    reader = ShardFiles(arguments.manifest, "train")
    differences = []
    for cell_types in passes(pairs // n_donors, reader.n_genes, arguments.memory * 10**6):
        chosen = drawn["class"].isin(cell_types).to_numpy()
        groups = pairs[np.isin(pairs // n_donors, cell_types)]
        group = np.searchsorted(groups, drawn["class"][chosen] * n_donors + donor[chosen])
        group_of = pd.Series(group, index=drawn["soma_joinid"][chosen])
        means = mean_expression(reader, group_of, len(groups))
        differences.append(pair_differences(means, groups // n_donors, parameters, rng))
        print(f"cell types {cell_types[0]} to {cell_types[-1]}: {len(groups):,} groups", flush=True)
    vectors = choose_vectors(sparse.vstack(differences, format="csr"), parameters, rng)
    print(f"{len(drawn):,} cells, {len(pairs):,} groups, {len(vectors):,} vectors")
    with write_atomically(arguments.output) as temporary:
        np.save(temporary, vectors)


def mean_expression(reader: ShardFiles, group_of: pd.Series, n_groups: int) -> NDArray[np.float32]:
    """Stream the shards once and return the mean of each group of cells (float32 groups x G)."""
    means = GroupMeans(n_groups, reader.n_genes)
    for position in range(len(reader.shards)):
        shard = reader.read(position)
        chosen = shard.take(np.flatnonzero(np.isin(shard.soma_joinid, group_of.index)))
        if len(chosen):
            means.add(chosen.expression, group_of.loc[pd.Index(chosen.soma_joinid)].to_numpy())
    return means.means()


if __name__ == "__main__":
    main()
