"""Cells that a Census also holds and that the selection must filter out."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hce.simulation_composition import draw_tissues
from hce.simulation_parameters import SimulationParameters
from hce.simulation_studies import Studies
from hce.simulation_types import Hierarchy
from hce.simulation_vocabulary import ASSAYS, FOREIGN_TYPES, OTHER_ASSAYS

# a type with enough cells in too few technical samples
FEW_SAMPLES = 2


def add_contaminants(
    cells: pd.DataFrame, hierarchy: Hierarchy, studies: Studies, parameters: SimulationParameters
) -> pd.DataFrame:
    """Complete the table of cells by those that must be filtered out.

    - cells marked as not primary, and cells of other assays than 10x, of types that their
      study has; the new studies have as many in proportion to their cells;
    - cells of the `FOREIGN_TYPES`: a rare one, one in too few technical samples, two that are too
      general, a cultured one, and one that only the new studies have, in a dataset of its own;
    - empty cells: cells of the atlas in which no molecule was counted.

    Parameters
    ----------
    cells
        study, finest, donor, tissue of the cells that are to be kept.
    hierarchy, studies
        C labels, S studies.
    parameters
        Uses *_cells.

    Returns
    -------
    pandas.DataFrame
        As `cells`, and: dataset, assay (code into `ASSAYS` + `OTHER_ASSAYS`), is_primary, kept,
        is_empty. finest >= C are the `FOREIGN_TYPES`. The dataset that only foreign cells are in
        has the number after the last of `studies.datasets`.
    """
    cells = cells.assign(kept=True, is_primary=True, is_empty=False)
    ratio = parameters.cells_ood / parameters.cells_train
    parts = [cells]
    for ood, scale in ((False, 1.0), (True, ratio)):
        name = "ood" if ood else "train"
        pool = cells[studies.is_ood[cells["study"]] == ood]
        rng = parameters.stream("contaminants", name)
        n_secondary = round(scale * parameters.non_primary_cells)
        n_other = round(scale * parameters.other_assay_cells)
        parts.append(_resample(pool, n_secondary, rng).assign(is_primary=False))
        assay = len(ASSAYS) + rng.integers(len(OTHER_ASSAYS), size=n_other)
        parts.append(_resample(pool, n_other, rng).assign(assay=assay))
    parts.extend(_foreign_cells(len(hierarchy), studies, parameters))
    table = pd.concat(parts, ignore_index=True)
    donors = studies.donors.loc[table["donor"]].reset_index(drop=True)
    own_dataset = table.pop("dataset").astype(float)
    table["dataset"] = own_dataset.fillna(donors["dataset"]).astype(np.int64)
    dataset = table["dataset"].where(own_dataset.isna(), donors["dataset"])
    measured = studies.datasets.loc[dataset, "assay"].to_numpy()
    table["assay"] = table["assay"].astype(float).fillna(pd.Series(measured)).astype(np.int64)
    rng = parameters.stream("contaminants", "empty")
    n_empty = min(parameters.empty_cells, len(cells))
    table.loc[rng.choice(len(cells), n_empty, replace=False), "is_empty"] = True
    return table


def _resample(pool: pd.DataFrame, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """More cells of the same study, type, donor and tissue as random ones."""
    return pool.iloc[rng.integers(len(pool), size=n)].assign(kept=False)


def _foreign_cells(
    n_labels: int, studies: Studies, parameters: SimulationParameters
) -> list[pd.DataFrame]:
    parts = []
    train = np.flatnonzero(~studies.is_ood[studies.donors["study"]])
    new = np.flatnonzero(studies.donors["study"] == len(studies) - 1)
    for number, foreign in enumerate(FOREIGN_TYPES):
        rng = parameters.stream("contaminants", foreign.cell_type.term_id)
        donors = {"few_samples_type_cells": train[:FEW_SAMPLES], "ood_only_type_cells": new}.get(
            foreign.parameter, train
        )
        donor = rng.choice(donors, size=getattr(parameters, foreign.parameter))
        study = studies.donors["study"].to_numpy()[donor]
        part = pd.DataFrame(
            {
                "study": study,
                "finest": n_labels + number,
                "donor": donor,
                "tissue": draw_tissues(studies.tissues[study], rng),
                "kept": False,
                "is_primary": True,
                "is_empty": False,
            }
        )
        if foreign.parameter == "ood_only_type_cells":
            part["dataset"] = len(studies.datasets)
        parts.append(part)
    return parts
