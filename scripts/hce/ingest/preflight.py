"""What can be known of a run before it starts, looked at in two minutes and written nowhere.

Releases are opened as the jobs open them; tables that are small are read whole, cells and counts at
a few places. Each finding is right, will fail, or cannot be told, and says why.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd

from hce.census.check import check_release, retraction
from hce.census.obs import term_ids
from hce.census.reading import (
    OBS_COLUMNS,
    Release,
    gene_positions,
    model_genes,
    open_release,
    read_datasets,
    read_genes,
)
from hce.ingest.counts import BLOCK_ROWS, read_counts
from hce.ingest.irregular import Irregular
from hce.ingest.plan import BYTES_PER_CELL, free_disk
from hce.ontology import current_ids, resolve_root

RIGHT, FAILS, UNKNOWN = "right", "will fail", "cannot be told"
# obs is read at so many places, so many cells at each; counts at one place, a tile or two
PLACES, CELLS = 4, 1000
COUNTED = 2000
# a disk with less than this share of the room for all cells is small even for a selection
SMALLEST_SHARE = 0.4


@dataclass
class Findings:
    """What was looked at, in order."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, what: str, verdict: str, because: str) -> None:
        """Note one finding."""
        self.rows.append((what, verdict, because))

    def attempt(self, what: str, look: Callable[[], str]) -> bool:
        """Note what a look says: right, or that it will fail if a ValueError or OSError says so."""
        try:
            self.add(what, RIGHT, look())
        except (ValueError, OSError) as error:
            self.add(what, FAILS, str(error))
            return False
        return True

    def table(self) -> pd.DataFrame:
        """Columns what, verdict, because."""
        return pd.DataFrame(self.rows, columns=["what", "verdict", "because"])


@dataclass(frozen=True)
class Wanted:
    """What a run asks of the releases.

    Attributes
    ----------
    organism, assays, s3, fractional_counts, missing_genes
        Section census of the configuration.
    symbols
        Gene list; None if it is not there yet.
    """

    organism: str
    assays: Sequence[str]
    s3: Mapping[str, object]
    fractional_counts: str
    missing_genes: str
    symbols: Sequence[str] | None


@dataclass(frozen=True)
class Seen:
    """What was seen of one release."""

    n_cells: int
    datasets: pd.DataFrame
    genes: pd.DataFrame
    cells: pd.DataFrame


def look_at_release(name: str, uri: str, wanted: Wanted, findings: Findings) -> Seen | None:
    """Open a release and read its small tables and some cells; None if it does not open.

    Parameters
    ----------
    name
        What it is called in the findings: train or ood.
    uri
        Where it is.
    wanted
        What the run asks of it.
    findings
        Where to note what was found.
    """

    if not findings.attempt(f"{name}: {uri}", partial(opened, uri, wanted.organism, wanted.s3)):
        return None
    try:
        gone = retraction(uri)
    except OSError as error:
        findings.add(f"{name}: withdrawn", UNKNOWN, str(error))
    else:
        if gone:
            findings.add(f"{name}: withdrawn", FAILS, gone)
    with open_release(uri, wanted.organism, wanted.s3) as release:
        n_cells = release.experiment.obs.count
        seen = Seen(n_cells, read_datasets(release), read_genes(release), some_cells(release))
    findings.add(f"{name}: tables", RIGHT, _sizes(seen))
    _judge_cells(name, seen.cells, wanted, findings)
    return seen


def opened(uri: str, organism: str, s3: Mapping[str, object]) -> str:
    """Open a release within a minute; returns what it says of its versions.

    Raises
    ------
    ValueError
        If it does not open, as `hce.census.check.check_release`.
    """
    summary = check_release(uri, organism, s3)
    return ", ".join(f"{key} {value}" for key, value in summary.items() if "version" in key)


def _sizes(seen: Seen) -> str:
    return (
        f"{seen.n_cells:,} cells of {len(seen.datasets):,} datasets, {len(seen.genes):,} genes; "
        f"{len(seen.cells):,} cells looked at"
    )


def some_cells(release: Release, places: int = PLACES, cells: int = CELLS) -> pd.DataFrame:
    """Cells at a few places of obs, evenly apart: `OBS_COLUMNS` and is_primary_data."""
    obs = release.experiment.obs
    columns = [*OBS_COLUMNS, "is_primary_data"]
    starts = np.linspace(0, max(obs.count - cells, 0), places, dtype=np.int64)
    parts = [
        obs.read((slice(int(start), int(start) + cells - 1),), column_names=columns).concat()
        for start in np.unique(starts)
    ]
    table = pd.concat([part.to_pandas() for part in parts], ignore_index=True)
    return table.drop_duplicates("soma_joinid")


def _judge_cells(name: str, cells: pd.DataFrame, wanted: Wanted, findings: Findings) -> None:
    ids = cells["cell_type_ontology_term_id"].astype(str)
    odd = ids[~ids.str.fullmatch(term_ids()) & (ids != "unknown")]
    if len(odd):
        because = f"{odd.iloc[0]!r} is no id of the Cell Ontology ({len(odd):,} such cells)"
        findings.add(f"{name}: cell types", FAILS, because)
    there = set(cells["assay"].astype(str))
    absent = [assay for assay in wanted.assays if assay not in there]
    chosen = cells["assay"].isin(wanted.assays) & cells["is_primary_data"].astype(bool)
    because = f"{chosen.sum():,} of {len(cells):,} cells looked at are primary and of them"
    if absent:
        because += f"; none of {', '.join(absent)} among these, read_obs will tell"
    findings.add(f"{name}: assays", RIGHT if chosen.any() and not absent else UNKNOWN, because)


def look_at_counts(name: str, uri: str, genes: Sequence[str], wanted: Wanted) -> str:
    """Read the counts of some cells in the middle of a release, as the run will.

    Parameters
    ----------
    name
        train or ood: genes of the model that train lacks are refused in any case.
    genes
        feature_id of the model's genes.

    Raises
    ------
    ValueError
        If they cannot be read, or the run would refuse them.
    """
    with open_release(uri, wanted.organism, wanted.s3) as release:
        obs = release.experiment.obs
        start = max(obs.count // 2 - COUNTED, 0) // BLOCK_ROWS * BLOCK_ROWS
        rows = (slice(start, start + COUNTED - 1),)
        cells = obs.read(rows, column_names=["soma_joinid", "dataset_id"]).concat().to_pandas()
        missing = "refuse" if name == "train" else wanted.missing_genes
        positions = gene_positions(read_genes(release), genes, missing)
        irregular = Irregular(
            cells.set_index("soma_joinid")["dataset_id"].astype(str), wanted.fractional_counts
        )
        joinids = cells["soma_joinid"].to_numpy(np.int64)
        total = nonzero = empty = 0
        for _, block in irregular.watch(read_counts(release, joinids, positions)):
            sizes = np.diff(block.indptr)
            total, nonzero = total + len(sizes), nonzero + int(sizes.sum())
            empty += int((sizes == 0).sum())
    said = " ".join(irregular.report().splitlines())
    mean = f"{nonzero / max(total, 1):,.0f} genes a cell on average"
    return f"{total:,} cells read, {mean}, {empty:,} without any" + (f"; {said}" if said else "")


def look_across(train: Seen, ood: Seen, wanted: Wanted, findings: Findings) -> pd.DataFrame | None:
    """Compare two releases with each other and with the gene list; returns the model's genes."""
    new = ~ood.datasets["dataset_id"].isin(train.datasets["dataset_id"])
    verdict = RIGHT if new.any() else FAILS
    because = f"{new.sum():,} of {len(new):,} datasets of the later release are not in the other"
    if not new.any():
        because += "; the OOD test would be empty: check census.ood"
    findings.add("OOD: new datasets", verdict, because)
    if wanted.symbols is None:
        findings.add("genes", UNKNOWN, "the gene list is not there yet: the run brings it")
        return None
    genes: list[pd.DataFrame] = []

    def chosen() -> str:
        genes.append(model_genes(train.genes, wanted.symbols or []))
        return f"{len(genes[0]):,} genes of {len(set(wanted.symbols or [])):,} symbols"

    def shared() -> str:
        gene_positions(ood.genes, genes[0]["feature_id"].tolist(), wanted.missing_genes)
        there = genes[0]["feature_id"].isin(ood.genes["feature_id"])
        lacking = genes[0].loc[~there, "feature_name"]
        if not len(lacking):
            return "the later release has all of them"
        return f"counts of 0 for {len(lacking):,} that the later release lacks: " + ", ".join(
            lacking.head(5)
        )

    if not findings.attempt("genes: list", chosen):
        return None
    findings.attempt("genes: later release", shared)
    return genes[0]


def judge_labels(
    graph: nx.DiGraph, root: str, cells: Mapping[str, pd.DataFrame], findings: Findings
) -> None:
    """See that the ontology has the root and the cell types of the cells looked at."""
    try:
        resolve_root(graph, root)
    except ValueError as error:
        findings.add("ontology: root", FAILS, f"selection.root: {error}")
    for name, part in cells.items():
        ids = sorted(set(part["cell_type_ontology_term_id"].astype(str)) - {"unknown"})
        current = current_ids(graph, ids)
        unknown = [term for term in ids if term not in current]
        if unknown:
            because = f"{len(unknown)} of {len(ids)} cell types looked at are no terms of the file"
            because += f", {unknown[0]} for one: ontology.path is of another release"
            findings.add(f"ontology: cell types of {name}", FAILS, because)
        else:
            because = f"all {len(ids)} cell types of the cells looked at"
            findings.add(f"ontology: cell types of {name}", RIGHT, because)


def judge_disk(results: Path, n_cells: int, findings: Findings) -> None:
    """Compare the free disk with what all cells of the releases would take."""
    most, free = n_cells * sum(BYTES_PER_CELL.values()) / 1e9, free_disk(results)
    because = f"{free:,.0f} GB free in {results}, {most:,.0f} GB if every cell were selected"
    if free >= most:
        findings.add("disk", RIGHT, because)
    elif free < SMALLEST_SHARE * most:
        because += "; set `results` to a larger disk (`snakemake plan` has the exact number)"
        findings.add("disk", FAILS, because)
    else:
        because += "; `snakemake plan` tells, once the cells are selected"
        findings.add("disk", UNKNOWN, because)


def judge_machine(resources: Mapping[str, int], findings: Findings) -> None:
    """Compare memory, cores and GPU of this machine with the section resources."""
    import psutil

    there = psutil.virtual_memory().total / 1e6
    for key in ("memory", "train_memory"):
        asked = resources[key]
        because = f"resources.{key} {asked:,} MB, the machine has {there:,.0f} MB"
        findings.add(f"memory: {key}", RIGHT if asked <= there else FAILS, because)
    threads, cores = resources["train_threads"], len(psutil.Process().cpu_affinity())
    because = f"resources.train_threads {threads}, the machine has {cores}"
    findings.add("cores", RIGHT if threads <= cores else UNKNOWN, because)
    if resources["gpus"]:
        _judge_gpu(findings)


def _judge_gpu(findings: Findings) -> None:
    remedy = (
        "set resources.gpus to 0 to train on the CPU, install PyTorch's build for your driver, or "
        "run on a cluster"
    )
    try:
        import torch
    except ImportError:
        found = shutil.which("nvidia-smi")
        because = "PyTorch is not in this environment; nvidia-smi is" if found else remedy
        findings.add("GPU", UNKNOWN if found else FAILS, because)
        return
    if torch.cuda.is_available():
        findings.add("GPU", RIGHT, torch.cuda.get_device_name())
        return
    built = f"for CUDA {torch.version.cuda}" if torch.version.cuda else "without CUDA"
    because = f"resources.gpus is set, but PyTorch (built {built}) sees no GPU here; {remedy}"
    findings.add("GPU", FAILS, because)
