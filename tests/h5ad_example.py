"""Small h5ad files as a user has them: four kinds of lymphocytes, and monocytes."""

from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from scipy import sparse

T_CELL, CD4, CD8, B_CELL = "CL:0000084", "CL:0000624", "CL:0000625", "CL:0000236"
MONOCYTE = "CL:0000576"
TERMS = (T_CELL, CD4, CD8, B_CELL, MONOCYTE)


def make_file(seed: int, cells: int = 200, genes: int = 20, donors: int = 5) -> anndata.AnnData:
    """Counts of a study whose donors have every cell type."""
    rng = np.random.default_rng(seed)
    names = [f"ENSG{number:011d}" for number in rng.permutation(genes)]
    kind = np.arange(cells) % len(TERMS)
    obs = pd.DataFrame(
        {
            "cell_type_ontology_term_id": [TERMS[i] for i in kind],
            "donor_id": [f"donor {seed} {i % donors}" for i in np.arange(cells) // len(TERMS)],
            "assay": "10x 3' v3",
            "tissue": "blood",
            "disease": "normal",
        },
        index=[f"cell{i}" for i in range(cells)],
    )
    var = pd.DataFrame({"feature_name": [f"GENE{name[-2:]}" for name in names]}, index=names)
    counts = rng.poisson(1 + kind[:, None], (cells, genes)).astype(np.float32)
    return anndata.AnnData(sparse.csr_matrix(counts), obs=obs, var=var)


def write_file(data: anndata.AnnData, path: Path) -> Path:
    """Write a file and return its path."""
    data.write_h5ad(path)
    return path
