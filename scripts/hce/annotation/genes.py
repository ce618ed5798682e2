"""Which column of a user's file is which gene of a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from hce.annotation.cells import Rows
from hce.h5ad import OTHER_SPECIES, without_version
from hce.models import ModelFacts


@dataclass(frozen=True)
class MatchedGenes:
    """The genes of a file in the order of a model.

    Attributes
    ----------
    position
        int64, for each gene of the file its place in the model, -1 if that does not know it.
    n_genes
        G of the model.
    by
        What the genes were matched by: "gene ids in the index of var".
    nameless
        Genes of the file without a name.
    """

    position: NDArray[np.int64]
    n_genes: int
    by: str
    nameless: int

    @property
    def matched(self) -> int:
        """Genes of the model that the file has."""
        return len(np.unique(self.position[self.position >= 0]))

    def align(self, rows: Rows) -> sparse.csr_matrix:
        """Counts of the model's genes, float32 B x G; what a file has twice is summed.

        Genes that the file lacks are zero.
        """
        genes = self.position[rows.columns]
        kept = genes >= 0
        indptr = np.concatenate([[0], np.cumsum(kept)])[rows.indptr]
        parts = (rows.counts[kept], genes[kept], indptr)
        matrix = sparse.csr_matrix(parts, shape=(len(rows), self.n_genes))
        matrix.sum_duplicates()
        return matrix


def match_genes(var: pd.DataFrame, facts: ModelFacts, path: Path, least: float) -> MatchedGenes:
    """Find the genes of a model in the table of genes of a file.

    The index and every column of text is tried, as gene ids (without Ensembl's version) and as
    symbols; what finds most genes is taken. A symbol of several genes of the model is none.

    Parameters
    ----------
    var
        Table of the genes of the file.
    facts
        Of the model.
    path
        Of the file, for messages.
    least
        Share of the model's genes that must be there, 0 to 1.

    Raises
    ------
    ValueError
        If fewer are.
    """
    columns = {"the index of var": var.index.to_series()}
    for name in var:
        if var[name].dtype == object or isinstance(
            var[name].dtype, (pd.CategoricalDtype, pd.StringDtype)
        ):
            columns[f"var column {name}"] = var[name]
    names = {where: _texts(values) for where, values in columns.items()}
    known = _known(facts)
    found = [
        MatchedGenes(
            _positions(texts, places, clean),
            len(facts.gene_ids),
            f"{kind} in {where}",
            sum(not text for text in texts),
        )
        for where, texts in names.items()
        for kind, (places, clean) in known.items()
    ]
    best = max(found, key=lambda match: match.matched)
    if best.matched < least * best.n_genes:
        raise ValueError(
            f"{path}: has {best.matched:,} of the {best.n_genes:,} genes of the model, less than "
            f"{least:.0%} (--least-genes): {_reason(names, facts, best)}"
        )
    return best


Clean = Callable[[str], str]


def _known(facts: ModelFacts) -> dict[str, tuple[Mapping[str, int], Clean]]:
    often = Counter(facts.symbols)
    symbols = {name: i for i, name in enumerate(facts.symbols) if often[name] == 1}
    ids = {without_version(name): i for i, name in enumerate(facts.gene_ids)}
    return {"gene ids": (ids, without_version), "symbols": (symbols, str)}


def _texts(values: pd.Series) -> list[str]:
    return [value.strip() if isinstance(value, str) else "" for value in values.astype(object)]


def _positions(texts: list[str], places: Mapping[str, int], clean: Clean) -> NDArray[np.int64]:
    return np.array([places.get(clean(text), -1) for text in texts], dtype=np.int64)


def _reason(names: dict[str, list[str]], facts: ModelFacts, best: MatchedGenes) -> str:
    """Why genes were not found, as far as their names tell."""
    organism = "it was trained on another organism; map the genes to their orthologs first"
    others = pd.Series([text for texts in names.values() for text in texts])
    strange = others[others.str.fullmatch(f"{OTHER_SPECIES}.*")]
    if len(strange) and not pd.Series(facts.gene_ids).str.match(OTHER_SPECIES).any():
        return (
            f"{strange.iloc[0]}, ... are not of the model's ({facts.gene_ids[0]}, ...): {organism}"
        )
    folded = {name.casefold() for name in facts.symbols}
    known = {*facts.symbols, *facts.gene_ids}
    cased = [text for text in others if text not in known and text.casefold() in folded]
    if len(cased) > best.matched:
        return (
            f"symbols such as {cased[0]} differ from the model's in upper and lower case. Write "
            f"them as the model does if they are of its organism. If they are of mouse, {organism}"
        )
    first = next(iter(names.values()))
    return (
        f"var has {', '.join(first[:2])}, ..., the model {facts.gene_ids[0]} "
        f"({facts.symbols[0]}), .... Give all genes, not a selection, with Ensembl ids or symbols "
        "in the index or a column of var"
    )
