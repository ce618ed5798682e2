"""Memory and time of jobs: half as much again at each attempt."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# (wildcards, attempt) -> amount
Amount = Callable[[Any, int], int]


def grown(base: int, attempt: int) -> int:
    """Half as much again at each attempt."""
    return math.ceil(base * 1.5 ** (attempt - 1))


@dataclass(frozen=True)
class JobResources:
    """What the section `resources` of a configuration says of large jobs.

    Attributes
    ----------
    memory_mb, runtime
        Of a job that grows with the data, in MB and minutes.
    runtime_limit
        Longest time of any job in minutes, if there is a limit.
    """

    memory_mb: int
    runtime: int
    runtime_limit: int | None

    def memory(self, base: int | None = None) -> Amount:
        """Memory of a job in MB: of one that grows with the data, or as given."""

        def get_memory(wildcards: Any, attempt: int) -> int:
            return grown(self.memory_mb if base is None else base, attempt)

        return get_memory

    def minutes(self, base: int | None = None) -> Amount:
        """Time of a job in minutes, likewise."""

        def get_minutes(wildcards: Any, attempt: int) -> int:
            longest = self.runtime_limit or sys.maxsize
            return min(grown(self.runtime if base is None else base, attempt), longest)

        return get_minutes
