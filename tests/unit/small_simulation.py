"""A simulation of seconds, for the tests of the simulation and of the stores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from hce.simulation.parameters import SimulationParameters

ROOT = Path(__file__).parents[2]
CONFIG = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
CELL_TYPES = pd.read_csv(ROOT / "config" / "cell_types.tsv", sep="\t")
SMALL = {
    "genes": 60,
    "collections_train": 8,
    "collections_ood": 5,
    "donors_train": 6,
    "donors_ood": 3,
    "cells_train": 2800,
    "cells_ood": 700,
    "tissues_per_collection": 6,
    "two_study_collections": 0.25,
    "min_tech_samples_per_label": 6,
    "min_cells_per_label": 10,
    "min_cells_per_ood_label": 4,
    "rare_type_cells": 5,
}


def small_parameters(**changes: Any) -> SimulationParameters:
    """The default simulation made small, with changes."""
    return SimulationParameters.from_dict({**CONFIG["simulation"], **SMALL, **changes})
