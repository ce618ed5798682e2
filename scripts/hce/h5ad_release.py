"""A user's own h5ad files as a release with the layout of the CELLxGENE Census.

Files follow the CELLxGENE schema as far as the pipeline needs it: raw counts, ontology term ids of
the cell types, donors. Whatever would have to be guessed is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from anndata.io import read_elem

from hce.census_store import COUNTED_CATEGORIES, CensusTables
from hce.h5ad_counts import CountsFile, H5adCounts, counts_place, matrix_shape
from hce.organism import HOMO_SAPIENS, organism_label

REQUIRED = ("cell_type_ontology_term_id", "donor_id", "assay", "disease")
OPTIONAL = ("dataset_id", "collection_id", "cell_type", "tissue", "tissue_general")
TERM_ID = r"CL:[0-9]{7}"


def read_release(paths: Sequence[Path], organism: str = HOMO_SAPIENS) -> CensusTables:
    """Read h5ad files into the tables of one release.

    Parameters
    ----------
    paths
        Files in the order of their cells. obs needs `REQUIRED` and tissue or tissue_general.
        dataset_id, collection_id (the study) default to the file's name, cell_type (the label) to
        the term id, is_primary_data to true. var is indexed by gene id, with feature_name (symbol)
        if there is one. Raw counts lie in raw.X or in X.
    organism
        Whose cells these are, as the Census names it; obs may say so in a column organism.

    Returns
    -------
    CensusTables
        Genes that all files have, in the order of the first. The tables are in memory; the counts
        are `H5adCounts`, which are read when they are iterated.

    Raises
    ------
    ValueError
        If a file has no counts, lacks a column or a value, has a cell type that is no ontology
        term id, cells of another organism, genes twice, or no gene in common with the others. Of
        the counts the first of each file are checked here, the others when they are read.
    """
    parts = [_read_file(Path(path), organism) for path in paths]
    genes = parts[0].var
    for part in parts:
        genes = genes[genes["feature_id"].isin(part.var["feature_id"])]
        if genes.empty:
            raise ValueError(
                f"{part.path}: no gene in common with the files before it; the index of var must "
                "hold the same kind of gene ids in all files"
            )
    counts = H5adCounts([part.counts_of(genes["feature_id"]) for part in parts])
    obs = pd.concat([part.obs for part in parts], ignore_index=True)
    return CensusTables(
        obs.drop(columns="collection_id"), genes.reset_index(drop=True), _datasets(obs), counts
    )


@dataclass(frozen=True)
class _FileTables:
    """What is read of a file at first: obs with the columns of the Census, var, where X is."""

    path: Path
    obs: pd.DataFrame
    var: pd.DataFrame
    place: str

    def counts_of(self, genes: pd.Series) -> CountsFile:
        position = pd.Series(np.arange(len(self.var)), index=self.var["feature_id"])
        return CountsFile(self.path, self.place, len(self.obs), position[genes].to_numpy())


def _read_file(path: Path, organism: str) -> _FileTables:
    try:
        with h5py.File(path) as file:
            # anndata would read the layers and embeddings, too
            obs = read_elem(file["obs"])
            place = "raw/var" if "raw" in file else "var"
            names = read_elem(file[place])
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"{path}: not a readable h5ad file ({error})") from error
    if not (isinstance(obs, pd.DataFrame) and isinstance(names, pd.DataFrame)):
        raise ValueError(
            f"{path}: not a readable h5ad file (of anndata before 0.7; write it again with anndata)"
        )
    with h5py.File(path) as file:
        place = counts_place(file, path)
        shape = matrix_shape(file[place])
    if shape != (len(obs), len(names)):
        raise ValueError(
            f"{path}: {place.replace('/', '.')} has {shape[0]:,} rows and {shape[1]:,} columns for "
            f"{len(obs):,} cells and {len(names):,} genes; the file is damaged"
        )
    _check_organism(obs, path, organism)
    return _FileTables(path, _cells(obs, path), _genes(names, path), place)


def _genes(names: pd.DataFrame, path: Path) -> pd.DataFrame:
    """feature_id and feature_name, as text."""
    var = pd.DataFrame({"feature_id": names.index.astype(str).astype(object)})
    symbols = names.get("feature_name", names.index)
    var["feature_name"] = np.asarray(symbols, dtype=str).astype(object)
    if not var["feature_id"].is_unique:
        repeated = var.loc[var["feature_id"].duplicated(), "feature_id"].iloc[0]
        raise ValueError(f"{path}: gene {repeated} occurs twice in var")
    return var


def _check_organism(obs: pd.DataFrame, path: Path, organism: str) -> None:
    """Refuse cells that say that they are of another organism."""
    label = organism_label(organism)
    others = sorted(set(obs.get("organism", pd.Series(dtype=str)).astype(str)) - {label})
    if others:
        raise ValueError(
            f"{path}: obs column organism has {', '.join(others)}, but census.organism is "
            f"{organism} ({label}); set it to the organism of the files, or leave out other cells"
        )


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
