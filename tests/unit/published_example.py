"""A record of the authors' shape for 3 runs of few cells: predictions, and ID scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

# T cell > CD4, CD8; B cell alone; sorted, as the authors have them
LABELS = ["B cell", "CD4 T cell", "CD8 T cell", "T cell"]
TERMS = ["CL:0000236", "CL:0000624", "CL:0000625", "CL:0000084"]
REACH = np.eye(4, dtype=bool)
REACH[3, 1:3] = True
N_CELLS = 50


def cell_types() -> pd.DataFrame:
    """The classes, of which the B cell is in no OOD study."""
    return pd.DataFrame(
        {
            "index": range(4),
            "label": LABELS,
            "ontology_term_id": TERMS,
            "in_ood": [False, True, True, True],
        }
    )


def cells() -> pd.DataFrame:
    """The run's OOD cells."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"soma_joinid": 1000 + 3 * np.arange(N_CELLS), "class": rng.integers(1, 4, N_CELLS)}
    )


def probabilities() -> np.ndarray:
    """float32 N x C of the cells in their order, without ties."""
    values = np.exp(np.random.default_rng(1).normal(0, 2, (N_CELLS, 4)))
    return (values / values.sum(axis=1, keepdims=True)).astype(np.float32)


def detailed_results(probability: np.ndarray | None = None) -> pd.DataFrame:
    """A table as the authors wrote it with pandas, in another order than the cells'."""
    own = cells()
    p = probabilities() if probability is None else probability
    labels = np.array(LABELS, dtype=object)
    table = pd.DataFrame(
        {
            "y_true": labels[own["class"]],
            "y_pred": labels[p.argmax(axis=1)],
            "cell_type": labels[own["class"]],
            "soma_joinid": own["soma_joinid"],
            "assay": "10x 3' v3",
            "y_probs": list(p),
        }
    )
    return table.sample(frac=1, random_state=2).reset_index(drop=True)


def write_detailed(path: Path, table: pd.DataFrame) -> Path:
    """Write it in row groups of some cells."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), path, row_group_size=17)
    return path


def checkpoint(folder: Path, run: str, version: int, name: str = "val_f1_macro_epoch=1") -> Path:
    """Where the table of a run is in a record."""
    where = folder / "tb_logs" / f"cxg_2023_05_15_{run}" / "default" / f"version_{version}"
    return where / "checkpoints" / name / f"{run.split('_')[0]}_detailed_results.parquet"
