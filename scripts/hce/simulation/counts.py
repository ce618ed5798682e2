"""Genes of the simulated Census, with names that nobody takes for real ones, and their counts.

Log abundance of gene g in a cell of type t, collection s, assay a, tissue u, disease e and donor i:

    η = b_g + W_g·(θ_st + sd_state·ε_cell) + B_sg + A_ag + U_ug + E_eg + D_ig

b_g ~ N(0, sd_gene²); each gene loads on programs_per_gene of the k programs, W ~ N(0, sd_load²);
the other effects are N(0, sd²) for each gene. Counts are negative binomial around μ = L·softmax(η)
with variance μ + φμ²; the library size L is lognormal, with a mean of its collection and a spread
of its cells.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from hce.simulation.collection import Collections
from hce.simulation.parameters import SimulationParameters
from hce.simulation.vocabulary import ASSAYS, DISEASES, OTHER_ASSAYS, TISSUES

GENE_LENGTHS = (500, 10_000)


def draw_genes(parameters: SimulationParameters) -> pd.DataFrame:
    """Make up the genes: those of the model, renamed ones and non-coding ones.

    The Census renames symbols that are not unique in its reference to SYMBOL_ENSG...; such genes
    are in the list of protein-coding genes, but matching by symbol does not find them.

    Returns
    -------
    pandas.DataFrame
        feature_id, feature_name (in the Census), symbol, kind (model | renamed | noncoding),
        feature_length. The genes of the model come first.
    """
    numbers = {
        "model": parameters.genes,
        "renamed": parameters.renamed_genes,
        "noncoding": parameters.noncoding_genes,
    }
    kind = np.repeat(list(numbers), list(numbers.values()))
    rank = np.concatenate([np.arange(1, n + 1) for n in numbers.values()])
    prefix = {"model": "SIM", "renamed": "SIMTWIN", "noncoding": "SIMNC"}
    symbol = [f"{prefix[k]}{n:04d}" for k, n in zip(kind, rank, strict=True)]
    feature_id = [f"ENSG9990000{n:04d}" for n in range(1, len(kind) + 1)]
    name = [
        f"{s}_{i}" if k == "renamed" else s
        for s, i, k in zip(symbol, feature_id, kind, strict=True)
    ]
    length = parameters.stream("genes", "length").integers(*GENE_LENGTHS, size=len(kind))
    return pd.DataFrame(
        {
            "feature_id": feature_id,
            "feature_name": name,
            "symbol": symbol,
            "kind": kind,
            "feature_length": length,
        }
    )


def protein_coding_genes(genes: pd.DataFrame) -> pd.DataFrame:
    """The list of protein-coding genes: Ensembl id as index, one column gene_names (as scTab's)."""
    coding = genes[genes["kind"] != "noncoding"]
    return pd.DataFrame(
        {"gene_names": coding["symbol"].to_numpy()}, index=list(coding["feature_id"])
    )


def simulate_counts(
    cells: pd.DataFrame,
    collections: Collections,
    states: NDArray[np.float32],
    is_model_gene: NDArray[np.bool_],
    parameters: SimulationParameters,
) -> sparse.csr_matrix:
    """Draw the counts of all cells.

    Parameters
    ----------
    cells
        N cells with collection, finest, donor, tissue, assay, is_empty (`add_contaminants`).
    collections
        S collections.
    states
        float32 S x types x k (`type_states`).
    is_model_gene
        Bool G. The softmax, and so the library size, runs over the genes of the model; the others
        are measured beside them.
    parameters
        Uses sd_*, programs_per_gene, library_median, dispersion.

    Returns
    -------
    scipy.sparse.csr_matrix
        float32 N x G, whole numbers.
    """
    loadings = _loadings(len(is_model_gene), parameters)
    effects = _gene_effects(len(is_model_gene), collections, parameters)
    library = parameters.stream("library").standard_normal(len(collections))
    depth = np.log(parameters.library_median) + parameters.sd_library_collection * library
    # collection by collection: the dense counts of one collection stay in cache
    groups = cast("dict[int, NDArray[np.intp]]", cells.groupby("collection", sort=True).indices)
    blocks = []
    for collection, rows in groups.items():
        rng = parameters.stream("counts", int(collection))
        part = cells.iloc[rows]
        state = states[collection, part["finest"].to_numpy()]
        state = state + parameters.sd_state * rng.standard_normal(state.shape, dtype=np.float32)
        # a sparse product sums in one order on every machine, unlike threaded BLAS
        eta = np.asarray(loadings @ state.T).T + effects["gene"]
        for effect in ("collection", "assay", "tissue", "disease", "donor"):
            code = collections.donors["disease"].to_numpy()[part["donor"]]
            code = code if effect == "disease" else part[effect].to_numpy()
            eta += effects[effect][code]
        size = np.exp(
            depth[collection] + parameters.sd_library_cell * rng.standard_normal(len(part))
        )
        size[part["is_empty"].to_numpy()] = 0
        blocks.append(_negative_binomial(_means(eta, size, is_model_gene), parameters, rng))
    order = np.argsort(np.concatenate(list(groups.values())), kind="stable")
    return sparse.vstack(blocks, format="csr")[order]


def _loadings(n_genes: int, parameters: SimulationParameters) -> sparse.csr_matrix:
    rng = parameters.stream("genes", "loadings")
    score = rng.random((n_genes, parameters.programs))
    column = np.argsort(score, axis=1)[:, : parameters.programs_per_gene]
    weight = parameters.sd_load * rng.standard_normal(column.shape)
    indptr = np.arange(n_genes + 1) * parameters.programs_per_gene
    return sparse.csr_matrix(
        (weight.astype(np.float32).ravel(), column.ravel(), indptr),
        shape=(n_genes, parameters.programs),
    )


def _gene_effects(
    n_genes: int, collections: Collections, parameters: SimulationParameters
) -> dict[str, NDArray[np.float32]]:
    sizes = {
        "gene": (1, parameters.sd_gene),
        "collection": (len(collections), parameters.sd_collection),
        "assay": (len(ASSAYS) + len(OTHER_ASSAYS), parameters.sd_assay),
        "tissue": (len(TISSUES), parameters.sd_tissue),
        "disease": (len(DISEASES), parameters.sd_disease),
        "donor": (len(collections.donors), parameters.sd_donor),
    }
    effects = {}
    for name, (levels, sd) in sizes.items():
        # the name of a stream is its seed: this one keeps the first that it had
        rng = parameters.stream("genes", "effects", "study" if name == "collection" else name)
        effects[name] = np.float32(sd) * rng.standard_normal((levels, n_genes), dtype=np.float32)
    return effects


def _means(
    eta: NDArray[np.float32], size: NDArray[np.float64], is_model_gene: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """μ = L·softmax(η), n x G."""
    abundance = np.exp(eta - eta.max(axis=1, keepdims=True))
    total = abundance[:, is_model_gene].sum(axis=1)
    return abundance * (size / total).astype(np.float32)[:, None]


def _negative_binomial(
    mean: NDArray[np.float32], parameters: SimulationParameters, rng: np.random.Generator
) -> sparse.csr_matrix:
    """Poisson counts around gamma-distributed rates: variance μ + φμ²."""
    rate = mean
    if parameters.dispersion > 0:
        shape = 1 / parameters.dispersion
        rate = mean * rng.standard_gamma(shape, size=mean.shape, dtype=np.float32)
        rate /= np.float32(shape)
    return sparse.csr_matrix(rng.poisson(rate).astype(np.float32))
