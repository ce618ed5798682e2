"""The parameters of the simulated Census, and their independent streams of random numbers."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

ANNOTATIONS = ("policy", "finest", "cell")


def _count(at_least: int = 1) -> Any:
    return field(metadata={"at_least": at_least, "whole": True})


def _level(at_most: float = np.inf) -> Any:
    return field(metadata={"at_least": 0.0, "at_most": at_most, "whole": False})


@dataclass(frozen=True)
class SimulationParameters:
    """Every parameter of the generative model; the meaning of each is said in the configuration.

    Standard deviations (`sd_*`) are in natural-log units of gene abundance unless their name says
    otherwise.

    Raises
    ------
    ValueError
        If a value has the wrong type or lies outside its range.
    """

    annotation: str
    seed: int = _count(at_least=0)
    genes: int = _count()
    noncoding_genes: int = _count(at_least=0)
    renamed_genes: int = _count(at_least=0)
    collections_train: int = _count()
    collections_ood: int = _count()
    donors_train: int = _count()
    donors_ood: int = _count()
    cells_train: int = _count()
    cells_ood: int = _count()
    tissues_per_collection: int = _count()
    two_study_collections: float = _level(at_most=1)
    programs: int = _count()
    programs_per_gene: int = _count()
    sd_type: float = _level()
    decay: float = _level(at_most=1)
    collection_biology: float = _level()
    sd_gene: float = _level()
    sd_load: float = _level()
    sd_state: float = _level()
    sd_collection: float = _level()
    sd_assay: float = _level()
    sd_tissue: float = _level()
    sd_disease: float = _level()
    sd_donor: float = _level()
    library_median: float = _level()
    sd_library_collection: float = _level()
    sd_library_cell: float = _level()
    dispersion: float = _level()
    type_presence: float = _level(at_most=1)
    sd_abundance: float = _level()
    residual: float = _level()
    subdivide: float = _level(at_most=1)
    subdivide_slope: float = _level()
    min_collections_per_label: int = _count()
    min_tech_samples_per_label: int = _count()
    min_cells_per_label: int = _count()
    min_cells_per_ood_label: int = _count()
    non_primary_cells: int = _count(at_least=0)
    other_assay_cells: int = _count(at_least=0)
    rare_type_cells: int = _count(at_least=0)
    few_samples_type_cells: int = _count(at_least=0)
    general_type_cells: int = _count(at_least=0)
    cultured_type_cells: int = _count(at_least=0)
    ood_only_type_cells: int = _count(at_least=0)
    empty_cells: int = _count(at_least=0)

    def __post_init__(self) -> None:
        if self.annotation not in ANNOTATIONS:
            raise ValueError(
                f"simulation.annotation is {self.annotation!r}; use one of {', '.join(ANNOTATIONS)}"
            )
        for parameter in dataclasses.fields(self):
            if parameter.metadata:
                _check(parameter.name, getattr(self, parameter.name), **parameter.metadata)
        if self.programs_per_gene > self.programs:
            raise ValueError(
                f"simulation.programs_per_gene is {self.programs_per_gene}, more than the "
                f"{self.programs} of simulation.programs"
            )
        if self.min_collections_per_label > self.collections_train:
            raise ValueError(
                f"simulation.min_collections_per_label is {self.min_collections_per_label}, more "
                f"than the {self.collections_train} of simulation.collections_train"
            )
        if self.library_median == 0:
            raise ValueError("simulation.library_median is 0: every cell would be empty")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SimulationParameters:
        """Build from the `simulation` section of the configuration.

        Raises
        ------
        ValueError
            If a parameter is unknown or missing, or a value is not valid.
        """
        names = [parameter.name for parameter in dataclasses.fields(cls)]
        unknown = sorted(set(values) - set(names))
        missing = [name for name in names if name not in values]
        if unknown:
            raise ValueError(
                f"simulation.{unknown[0]} = {values[unknown[0]]!r}: no such parameter; "
                f"the parameters are {', '.join(names)}"
            )
        if missing:
            raise ValueError(f"simulation.{missing[0]} is missing; config.yaml holds its default")
        return cls(**values)

    def stream(self, *part: str | int) -> np.random.Generator:
        """Random numbers of one part of the model, independent of all other parts.

        A part named by its own words draws the same numbers whatever the other parts draw: another
        way of annotation, for example, leaves every count unchanged.

        Parameters
        ----------
        *part
            Name of the part, for example "counts", 3.
        """
        key = [zlib.crc32(str(word).encode()) for word in part]
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))


def _check(
    name: str, value: Any, at_least: float, whole: bool, at_most: float = float("inf")
) -> None:
    kind = "a whole number" if whole else "a number"
    accepted = (int,) if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, accepted) or not np.isfinite(value):
        raise ValueError(f"simulation.{name} is {value!r}; use {kind}")
    if not at_least <= value <= at_most:
        allowed = f"at least {at_least:g}" + (f" and at most {at_most:g}" if at_most < 1e9 else "")
        raise ValueError(f"simulation.{name} is {value!r}; use {kind} of {allowed}")
