"""A store for `bench_ingest.py`: laid out as the Census, at the true width, drawn from a seed.

Counts are Poisson around lognormal gene abundances: about 1,970 of the 19,331 genes of a cell are
not zero and 62 % of those are 1, as in the simulated stores of earlier measurements. A count
depends on (seed, cell, gene) only, so any number of processes draws the same store.

Filters, tiles and capacity are the Census's. The counts are drawn tile by tile in TileDB's own
order, so that the writes need no sort: the bytes of a tile are the same, the writing takes a third
of the time. A fragment holds `FRAGMENT_ROWS` cells, where a released Census has one fragment.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from dataclasses import asdict, dataclass
from pathlib import Path

import numba
import numpy as np
import pandas as pd
import pyarrow as pa
import tiledbsoma
from numpy.typing import NDArray
from scipy import sparse

from hce.census.schema import HOMO_SAPIENS
from hce.census.writing import CensusTables, write_store
from hce.files import write_atomically

RELEASE = "2023-05-15"
ASSAY = "10x 3' v3"
TILE = 2048
FRAGMENT_ROWS = 8 * TILE
CELL_TYPES = 32
DATASETS = 8
DONORS_PER_DATASET = 40
# room for the counts of one fragment; cells have 1,970 on average and fragments vary little
MAX_NONZERO_PER_CELL = 3000


@dataclass(frozen=True)
class StoreParameters:
    """What the content of a store depends on.

    Attributes
    ----------
    cells, genes
        Shape of X.
    seed
        Of every random number.
    molecules
        Median molecules of a cell.
    sd_molecules, sd_gene, sd_type
        Standard deviations, in natural-log units, of molecules between cells, of abundance between
        genes, and of the abundance of one gene between cell types.
    """

    cells: int
    genes: int = 19_331
    seed: int = 1
    molecules: float = 5_300.0
    sd_molecules: float = 0.37
    sd_gene: float = 2.3
    sd_type: float = 0.5


def make_store(folder: Path, parameters: StoreParameters, processes: int) -> Path:
    """Make the store, or use the one that is there if its parameters are the same.

    Parameters
    ----------
    folder
        Gets soma/ and parameters.json, which is written last.
    parameters
        Content of the store.
    processes
        How many draw and write at a time.

    Returns
    -------
    Path
        The store, which `cellxgene_census.open_soma(uri=...)` opens.
    """
    soma, stamp = folder / "soma", folder / "parameters.json"
    wanted = json.dumps(asdict(parameters))
    if stamp.exists() and stamp.read_text() == wanted:
        return soma
    stamp.unlink(missing_ok=True)
    write_store(soma, _tables_without_counts(parameters), RELEASE)
    starts = range(0, parameters.cells, FRAGMENT_ROWS)
    jobs = [(str(soma), parameters, start) for start in starts]
    # TileDB's threads do not survive a fork
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for done, nonzero in enumerate(pool.imap(_write_fragment, jobs), start=1):
            print(f"  store: fragment {done} of {len(jobs)}, {nonzero:,} counts", flush=True)
    with write_atomically(stamp) as temporary:
        temporary.write_text(wanted)
    return soma


def _tables_without_counts(parameters: StoreParameters) -> CensusTables:
    shape = (parameters.cells, parameters.genes)
    gene = np.arange(parameters.genes)
    var = pd.DataFrame(
        {
            "feature_id": [f"ENSG{number:011d}" for number in gene],
            "feature_name": [f"GENE{number}" for number in gene],
            "feature_length": 1000 + gene,
        }
    )
    dataset = np.arange(DATASETS)
    datasets = pd.DataFrame(
        {
            "collection_id": [f"collection {number}" for number in dataset],
            "dataset_id": [f"dataset {number}" for number in dataset],
            "dataset_title": [f"Dataset {number}" for number in dataset],
        }
    )
    counts = sparse.csr_matrix(shape, dtype=np.float32)
    return CensusTables(_obs(parameters), var, datasets, counts)


def _obs(parameters: StoreParameters) -> pd.DataFrame:
    """The obs columns that reading and splitting need; the cells of a dataset are contiguous."""
    rng = np.random.default_rng([parameters.seed, 0])
    dataset = np.arange(parameters.cells) * DATASETS // parameters.cells
    donor = rng.integers(DONORS_PER_DATASET, size=parameters.cells)
    cell_type = _cell_types(parameters)
    columns = {
        "dataset_id": [f"dataset {number}" for number in dataset],
        "assay": ASSAY,
        "cell_type": [f"cell type {number:02d}" for number in cell_type],
        "cell_type_ontology_term_id": [f"CL:{number:07d}" for number in cell_type],
        "disease": "normal",
        "disease_ontology_term_id": "PATO:0000461",
        "donor_id": [f"donor {number}" for number in donor],
        "is_primary_data": True,
        "self_reported_ethnicity": "unknown",
        "sex": "unknown",
        "suspension_type": "cell",
        "tissue": "blood",
        "tissue_general": "blood",
        "tissue_general_ontology_term_id": "UBERON:0000178",
    }
    return pd.DataFrame(columns)


def _cell_types(parameters: StoreParameters) -> NDArray[np.int64]:
    rng = np.random.default_rng([parameters.seed, 1])
    return rng.integers(CELL_TYPES, size=parameters.cells)


def _abundances(parameters: StoreParameters) -> NDArray[np.float32]:
    """float32 types x genes: share of each gene in the molecules of a cell type."""
    rng = np.random.default_rng([parameters.seed, 2])
    level = parameters.sd_gene * rng.standard_normal(parameters.genes)
    change = parameters.sd_type * rng.standard_normal((CELL_TYPES, parameters.genes))
    abundance = np.exp(level + change)
    return (abundance / abundance.sum(axis=1, keepdims=True)).astype(np.float32)


def _molecules(parameters: StoreParameters) -> NDArray[np.float32]:
    rng = np.random.default_rng([parameters.seed, 3])
    log = parameters.sd_molecules * rng.standard_normal(parameters.cells)
    return (parameters.molecules * np.exp(log)).astype(np.float32)


def _write_fragment(job: tuple[str, StoreParameters, int]) -> int:
    """Draw and write the cells of one fragment; return how many counts are not zero."""
    soma, parameters, start = job
    rows = np.arange(start, min(start + FRAGMENT_ROWS, parameters.cells))
    room = MAX_NONZERO_PER_CELL * len(rows)
    row, column = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int64)
    value = np.empty(room, dtype=np.float32)
    n = _draw(
        parameters.seed,
        start,
        _molecules(parameters)[rows],
        _cell_types(parameters)[rows],
        _abundances(parameters),
        row,
        column,
        value,
    )
    columns = {"soma_dim_0": row[:n], "soma_dim_1": column[:n], "soma_data": value[:n]}
    uri = f"{soma}/census_data/{HOMO_SAPIENS}/ms/RNA/X/raw"
    # one thread a process: TileDB would take every core for its filters
    context = tiledbsoma.SOMATileDBContext(
        tiledb_config={"sm.compute_concurrency_level": 1, "sm.io_concurrency_level": 1}
    )
    with tiledbsoma.SparseNDArray.open(uri, "w", context=context) as array:
        in_order = tiledbsoma.TileDBWriteOptions(sort_coords=False)
        array.write(pa.table(columns), platform_config=in_order)
    return n


@numba.njit(cache=True)
def _uniform(seed, row, column):
    """A number in (0, 1) that depends on its arguments only (the finalizer of splitmix64)."""
    key = np.uint64(seed) ^ ((np.uint64(row) << np.uint64(20)) + np.uint64(column))
    key *= np.uint64(0x9E3779B97F4A7C15)
    key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    key ^= key >> np.uint64(31)
    return ((key >> np.uint64(11)) + 0.5) * (1.0 / 9007199254740992.0)


@numba.njit(cache=True)
def _poisson(mean, uniform):
    """The count whose upper tail holds `uniform`: Poisson, rounded normal where mean > 50."""
    if mean > 50:
        # logistic approximation of the normal quantile
        return np.floor(mean - np.sqrt(mean) * 0.5513 * np.log(uniform / (1 - uniform)) + 0.5)
    probability = np.exp(-mean)
    cumulative, count = probability, 0.0
    while 1 - uniform > cumulative and probability > 1e-17:
        count += 1
        probability *= mean / count
        cumulative += probability
    return count


@numba.njit(cache=True)
def _draw(seed, start, molecules, cell_type, abundance, row, column, value):
    """Fill in the counts of some cells, tile by tile; return how many are not zero."""
    n = 0
    n_cells, n_genes = len(molecules), abundance.shape[1]
    for first_cell in range(0, n_cells, TILE):
        for first_gene in range(0, n_genes, TILE):
            for cell in range(first_cell, min(first_cell + TILE, n_cells)):
                for gene in range(first_gene, min(first_gene + TILE, n_genes)):
                    mean = molecules[cell] * abundance[cell_type[cell], gene]
                    uniform = _uniform(seed, start + cell, gene)
                    # P(count > 0) = 1 - exp(-mean) < mean, so most zeros need no exponential
                    if uniform >= mean:
                        continue
                    count = _poisson(mean, uniform)
                    if count > 0:
                        row[n], column[n], value[n] = start + cell, gene, count
                        n += 1
    return n


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--cells", type=int, required=True)
    parser.add_argument("--processes", type=int, required=True)
    arguments = parser.parse_args()
    make_store(arguments.folder, StoreParameters(arguments.cells), arguments.processes)


if __name__ == "__main__":
    main()
