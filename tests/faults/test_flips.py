"""Whichever bit of a file changes on the disk: the same bytes come out, or the file is named."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from flips import KINDS, Laboratory

pytestmark = pytest.mark.faults

SEED = 20261128
FLIPS = 10


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit_changes_nothing_or_is_refused(
    laboratory: Laboratory, report: Callable[[str, str], None], kind: str
) -> None:
    # a kind keeps its flips when another is added
    rng = np.random.default_rng([SEED, zlib.crc32(kind.encode())])
    outcomes = []
    for _ in range(FLIPS):
        job, file = laboratory.draw(kind, rng)
        outcomes.append((job.rule, file, laboratory.flip(job, file, rng)))
    counts = Counter(outcome.name for _, _, outcome in outcomes)
    names = ("equal", "refused", "unclear", "silent")
    report(f"{FLIPS} flips: {kind}", ", ".join(f"{counts[name]} {name}" for name in names))
    assert [entry for entry in outcomes if entry[2].name in ("unclear", "silent")] == []
