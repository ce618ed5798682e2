"""annbatch and scDataset train from shards as they are, where `make bench-peers` installed them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from shard_example import parts_of, write_shards

ROOT = Path(__file__).parents[3]
N_GENES, SIZES = 12, (40, 24, 32)

ANNBATCH = """
from annbatch import Loader
loader = Loader(batch_size=8, chunk_size=4, preload_nchunks=4, shuffle=True)
for store in stores:
    group = zarr.open_group(store=store, mode="r")
    obs = anndata.io.read_elem(group["obs"])
    loader.add_dataset(anndata.io.sparse_dataset(group["X"]), obs=obs)
for batch in loader:
    add(batch["obs"]["soma_joinid"], batch["obs"]["label"], batch["X"].toarray())
"""
# the counts stay on the disk
SCDATASET = """
import torch
from scdataset import BlockShuffling, scDataset
from torch.utils.data import DataLoader
for store in stores:
    group = zarr.open_group(store=store, mode="r")
    obs = anndata.io.read_elem(group["obs"])
    data = anndata.AnnData(anndata.io.sparse_dataset(group["X"]), obs=obs)
    dataset = scDataset(
        data,
        BlockShuffling(block_size=4),
        batch_size=8,
        fetch_factor=2,
        fetch_callback=lambda data, rows: data[np.sort(rows)].to_memory(),
    )
    model = torch.nn.Linear(data.n_vars, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for batch in DataLoader(dataset, batch_size=None):
        counts, label = batch.X.toarray(), batch.obs["label"].to_numpy()
        logits = model(torch.from_numpy(counts.astype(np.float32)))
        torch.nn.functional.cross_entropy(logits, torch.from_numpy(label).long()).backward()
        optimizer.step()
        add(batch.obs["soma_joinid"], label, counts)
"""
BEFORE = """
import json, sys
import anndata, numpy as np, zarr
stores = [zarr.storage.ZipStore(path, mode="r") for path in sys.argv[1:]]
cells = {}
def add(joinid, label, counts):
    for row in zip(joinid, label, counts, strict=True):
        assert int(row[0]) not in cells
        cells[int(row[0])] = [int(row[1]), *map(int, row[2])]
"""


@pytest.mark.parametrize(
    ("code", "environment"),
    [(ANNBATCH, ".venv-bench-annbatch"), (SCDATASET, ".venv-bench")],
    ids=["annbatch", "scDataset"],
)
def test_a_peer_gets_every_cell_once(tmp_path: Path, code: str, environment: str) -> None:
    python = ROOT / environment / "bin" / "python"
    if not python.exists():
        pytest.skip(f"{environment} is not there (make bench-peers)")
    parts = parts_of(SIZES, N_GENES)
    write_shards(tmp_path, {"train": parts})
    shards = sorted(str(path) for path in (tmp_path / "train").glob("[!.]*"))
    command = [str(python), "-c", BEFORE + code + "\nprint(json.dumps(cells))", *shards]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    joinid = np.concatenate([cells.soma_joinid for cells in parts])
    label = np.concatenate([cells.label for cells in parts])
    counts = np.concatenate([cells.expression.toarray() for cells in parts])
    expected = dict(zip(map(str, joinid), zip(label, counts, strict=True), strict=True))
    assert found == {key: [row[0], *row[1].astype(int)] for key, row in expected.items()}
