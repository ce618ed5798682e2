"""Sample scTab's augmentation vectors from the training shards."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd

from hce.augmentation_vectors import (
    AugmentationParameters,
    GroupMeans,
    augmentation_vectors,
    draw_cells,
)
from hce.files import write_atomically
from hce.shards import ShardReader


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--cells", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True, help=".npy file to write")
    for field in fields(AugmentationParameters):
        flag = f"--{field.name.replace('_', '-')}"
        parser.add_argument(flag, type=type(field.default), default=field.default)
    arguments = parser.parse_args()
    names = [field.name for field in fields(AugmentationParameters)]
    parameters = AugmentationParameters(**{name: getattr(arguments, name) for name in names})

    columns = ["soma_joinid", "split", "class", "donor"]
    cells = pd.read_parquet(arguments.cells, columns=columns)
    cells = cells[cells["split"] == "train"]
    rng = np.random.default_rng(parameters.seed)
    drawn = cells.iloc[draw_cells(cells["class"].to_numpy(), parameters.n_cells, rng)]
    pairs = drawn["class"].to_numpy(np.int64) * len(drawn["donor"].cat.categories)
    codes, pairs = pd.factorize(pairs + drawn["donor"].cat.codes.to_numpy())
    group = pd.Series(codes, index=drawn["soma_joinid"])
    cell_types = pairs // len(drawn["donor"].cat.categories)

    reader = ShardReader(arguments.manifest, "train", keep_in_memory=0)
    means = GroupMeans(len(pairs), reader.n_genes)
    for position in range(len(reader.shards)):
        shard = reader.read(position)
        rows = np.flatnonzero(np.isin(shard.soma_joinid, group.index))
        chosen = shard.take(rows)
        means.add(chosen.expression, group.loc[chosen.soma_joinid].to_numpy())
    vectors = augmentation_vectors(means.means(), cell_types, parameters)
    print(f"{len(drawn):,} cells, {len(pairs):,} groups, {len(vectors):,} vectors")
    with write_atomically(arguments.output) as temporary:
        np.save(temporary, vectors)


if __name__ == "__main__":
    main()
