"""Genes of the simulated Census, with names that nobody takes for real ones."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hce.simulation_parameters import SimulationParameters

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
