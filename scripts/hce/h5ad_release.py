"""A user's own h5ad files as a release with the layout of the CELLxGENE Census.

Files follow the CELLxGENE schema as far as the pipeline needs it: raw counts, ontology term ids of
the cell types, donors. Whatever would have to be guessed is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from scipy import sparse

from hce.census_store import COUNTED_CATEGORIES, CensusTables

REQUIRED = ("cell_type_ontology_term_id", "donor_id", "assay", "disease")
OPTIONAL = ("dataset_id", "collection_id", "cell_type", "tissue", "tissue_general")
TERM_ID = r"CL:[0-9]{7}"


def read_release(paths: Sequence[Path]) -> CensusTables:
    """Read h5ad files into the tables of one release.

    Parameters
    ----------
    paths
        Files in the order of their cells. obs needs `REQUIRED` and tissue or tissue_general.
        dataset_id, collection_id (the study) default to the file's name, cell_type (the label) to
        the term id, is_primary_data to true. var is indexed by gene id, with feature_name (symbol)
        if there is one. Raw counts lie in raw.X or in X.

    Returns
    -------
    CensusTables
        Counts of the genes that all files have, in the order of the first; all in memory.

    Raises
    ------
    ValueError
        If a file has no counts, lacks a column or a value, has a cell type that is no ontology
        term id, genes twice, or no gene in common with the others.
    """
    parts = [_read_file(Path(path)) for path in paths]
    genes = parts[0][1]
    for path, (_, other, _) in zip(paths, parts, strict=True):
        genes = genes[genes["feature_id"].isin(other["feature_id"])]
        if genes.empty:
            raise ValueError(
                f"{path}: no gene in common with the files before it; the index of var must hold "
                "the same kind of gene ids in all files"
            )
    counts = []
    for _, var, matrix in parts:
        position = pd.Series(np.arange(len(var)), index=var["feature_id"])
        counts.append(matrix[:, position[genes["feature_id"]].to_numpy()])
    obs = pd.concat([part[0] for part in parts], ignore_index=True)
    return CensusTables(
        obs.drop(columns="collection_id"),
        genes.reset_index(drop=True),
        _datasets(obs),
        sparse.vstack(counts, format="csr", dtype=np.float32),
    )


def _read_file(path: Path) -> tuple[pd.DataFrame, pd.DataFrame, sparse.csr_matrix]:
    """obs with the columns of the Census, var, and counts of one file."""
    try:
        data = anndata.read_h5ad(path)
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"{path}: not a readable h5ad file ({error})") from error
    matrix, names = _counts(data, path)
    var = pd.DataFrame({"feature_id": names.index.astype(str).astype(object)})
    symbols = names.get("feature_name", names.index)
    var["feature_name"] = np.asarray(symbols, dtype=str).astype(object)
    if not var["feature_id"].is_unique:
        repeated = var.loc[var["feature_id"].duplicated(), "feature_id"].iloc[0]
        raise ValueError(f"{path}: gene {repeated} occurs twice in var")
    return _cells(data.obs, path), var, matrix


def _counts(data: anndata.AnnData, path: Path) -> tuple[sparse.csr_matrix, pd.DataFrame]:
    """Raw counts and the genes that they belong to: raw.X if it is there, else X."""
    source = data.raw if data.raw is not None else data
    place = "raw.X" if data.raw is not None else "X"
    if source.X is None:
        raise ValueError(f"{path}: no counts, neither in raw.X nor in X")
    matrix = sparse.csr_matrix(source.X, dtype=np.float32)
    wrong = (matrix.data < 0) | (matrix.data != np.round(matrix.data))
    if wrong.any():
        raise ValueError(
            f"{path}: {place} holds {matrix.data[wrong][0]:.6g}, which is no count; the pipeline "
            "normalizes by itself, so give raw counts in raw.X or X"
        )
    return matrix, source.var


def _cells(obs: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The columns of the Census, as text."""
    missing = [name for name in REQUIRED if name not in obs]
    if missing:
        raise ValueError(f"{path}: obs has no column {', '.join(missing)}")
    if not {"tissue", "tissue_general"} & set(obs):
        raise ValueError(f"{path}: obs has no column tissue or tissue_general")
    cells = pd.DataFrame(index=range(len(obs)))
    for name in (*REQUIRED, *OPTIONAL):
        if name in obs:
            if obs[name].isna().any():
                raise ValueError(f"{path}: obs column {name} has {obs[name].isna().sum()} gaps")
            cells[name] = obs[name].astype(str).to_numpy(object)
    terms = cells["cell_type_ontology_term_id"]
    wrong = ~terms.str.fullmatch(TERM_ID)
    if wrong.any():
        raise ValueError(
            f"{path}: cell_type_ontology_term_id {terms[wrong].iloc[0]!r} is no Cell Ontology term "
            "(CL:0000000); map the labels to terms first"
        )
    defaults = {"dataset_id": path.stem, "collection_id": path.stem, "cell_type": terms}
    for name, other in (("tissue", "tissue_general"), ("tissue_general", "tissue")):
        defaults[name] = cells.get(other)
    defaults |= dict.fromkeys(set(COUNTED_CATEGORIES) - set(defaults), "unknown")
    for name, value in sorted(defaults.items()):
        if name not in cells:
            cells[name] = value
    primary = obs["is_primary_data"].to_numpy(bool) if "is_primary_data" in obs else True
    cells["is_primary_data"] = primary
    return cells


def _datasets(obs: pd.DataFrame) -> pd.DataFrame:
    """The table of datasets: the study of each, and its cells."""
    studies = obs.groupby("dataset_id")["collection_id"].agg(["first", "nunique", "size"])
    divided = studies.index[studies["nunique"] > 1]
    if len(divided):
        raise ValueError(f"dataset {divided[0]} lies in two studies (collection_id)")
    table = pd.DataFrame({"collection_id": studies["first"].astype(object)})
    table["collection_name"] = table["collection_id"]
    table["dataset_total_cell_count"] = studies["size"].astype(np.int64)
    table.insert(0, "dataset_id", studies.index.astype(object))
    return table.reset_index(drop=True)
