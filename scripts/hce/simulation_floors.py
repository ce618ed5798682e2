"""A check that no label of the simulation goes short of cells, studies or donors."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hce.simulation_parameters import SimulationParameters
from hce.simulation_studies import Studies
from hce.simulation_types import Hierarchy


def check_floors(
    cells: pd.DataFrame,
    label: NDArray[np.int64],
    hierarchy: Hierarchy,
    studies: Studies,
    parameters: SimulationParameters,
) -> None:
    """Check that every label is used by enough studies and has enough cells and donors.

    Parameters
    ----------
    cells
        N cells with study, donor, kept (`add_contaminants`); the kept ones count.
    label
        int N, reported label.
    hierarchy, studies
        C labels, S studies.
    parameters
        Uses min_*.

    Raises
    ------
    ValueError
        If a floor does not hold.
    """
    table = cells[["study", "donor"]].assign(label=label)[cells["kept"].to_numpy(bool)]
    is_ood = studies.is_ood[table["study"]]
    first_release = {
        "cells": parameters.min_cells_per_label,
        "studies": parameters.min_studies_per_label,
        "tech_samples": parameters.min_tech_samples_per_label,
    }
    new_studies = {"cells": parameters.min_cells_per_ood_label}
    for part, labels, floors in (
        (table[~is_ood], np.arange(len(hierarchy)), first_release),
        (table[is_ood], np.flatnonzero(hierarchy.in_ood), new_studies),
    ):
        by_label = part.groupby("label")
        found = pd.DataFrame(
            {
                "cells": by_label.size(),
                "studies": by_label["study"].nunique(),
                "tech_samples": by_label["donor"].nunique(),
            }
        ).reindex(labels, fill_value=0)
        for name, least in floors.items():
            scarcest = found[name].idxmin()
            if found.loc[scarcest, name] < least:
                raise ValueError(
                    f"label {hierarchy.labels[scarcest]} has {found.loc[scarcest, name]} {name}, "
                    f"fewer than {least}: raise simulation.cells_*, studies_* or donors_*, or "
                    "lower the floor simulation.min_*"
                )
