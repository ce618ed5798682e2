"""A small part of the selected cells that holds every cell type and is read in few tiles.

The Census stores cells in tiles of neighboring soma_joinids, and a tile is fetched whole. So a
slice is chosen by tiles: again and again the one that adds most to the cell types, donors and
datasets that still lack cells. The targets double (32, 64, 128, … cells of each type), so every
type has some cells before any has many.

The choice gives each cell a rank within its type and split that does not depend on how many are
asked for: a slice of n cells a type is the cells of rank n or less, so a larger slice contains the
smaller one.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hce.compiled import compiled
from hce.ingest.counts import TILE_ROWS
from hce.ingest.order import shuffle_keys

FIRST_TARGET = 32
# While others have cells, no donor gives more than an eighth of what a type is to have, and no
# dataset more than a quarter.
DONORS, DATASETS = 8, 4
# By how much the seed makes a tile worth more or less than another of the same gain.
JITTER = 0.25
COLUMNS = ["soma_joinid", "split", "class", "donor", "dataset_id"]
# of types and splits, donors of each, datasets of each
Triple = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


def rank_cells(
    cells: pd.DataFrame, shares: Mapping[str, float], most: int, min_gain: float, seed: int
) -> NDArray[np.int32]:
    """Rank the cells of each type and split, those first whose tiles serve the most types.

    Parameters
    ----------
    cells
        N cells of the table of cells: soma_joinid, split, class, dataset_id, donor.
    shares
        Of each split: cells that it has of a type for each cell of the target.
    most
        The largest target: cells of a type in a split of share 1.
    min_gain
        A tile is read if the cells that it adds, of all types, are this share of the target.
    seed
        Of the order of tiles and of the cells within one.

    Returns
    -------
    numpy.ndarray
        int32 N: 1 for the first cell of its type and split, 2 for the next; 0 where a cell was not
        reached. A larger `most` changes no rank that is not 0.
    """
    ranks = np.zeros(len(cells), dtype=np.int32)
    ood = (cells["split"] == "ood").to_numpy()
    for rows in (np.flatnonzero(~ood), np.flatnonzero(ood)):
        joinids = cells["soma_joinid"].to_numpy()[rows]
        if (np.diff(joinids) < 0).any():  # the table of cells is by tile already
            rows = rows[np.argsort(joinids, kind="stable")]
        del joinids
        if len(rows):
            ranks[rows] = _Choice(cells[COLUMNS].iloc[rows], shares, min_gain, seed).rank(most)
    return ranks


@dataclass(frozen=True)
class _Entries:
    """Cells that share tile, type, split and donor; E of them, by tile.

    Attributes
    ----------
    wants
        Three int64 E: which type and split, which donor of it and which dataset of it, from 0.
    size
        int64 E: cells.
    first
        int64 T + 1: the entries of tile t are `first[t]` to `first[t + 1]`.
    of_cell
        int32 N: the entry of each cell.
    tiles
        int64 T: which tile each is, ascending.
    """

    wants: Triple
    size: NDArray[np.int64]
    first: NDArray[np.int64]
    of_cell: NDArray[np.int32]
    tiles: NDArray[np.int64]


def _enter(cells: pd.DataFrame) -> tuple[_Entries, NDArray[np.int64]]:
    """Count the cells of one release; also the split (its code) of each group."""
    n_types = int(cells["class"].max()) + 1
    split = cells["split"].cat.codes.to_numpy(np.int32)
    pairs, group = _number(split * n_types + cells["class"].to_numpy())
    wants = [group]
    for name in ("donor", "dataset_id"):
        values = cells[name].cat
        pair = group.astype(np.int64) * len(values.categories)
        pair += values.codes.to_numpy()
        wants.append(_number(pair)[1])
    # A donor is of one dataset, so tile, group and donor say all. In order of first appearance,
    # which is that of the tiles.
    keys = cells["soma_joinid"].to_numpy() // TILE_ROWS
    keys *= int(wants[1].max()) + 1
    keys += wants[1]
    of_cell, keys = pd.factorize(keys)
    at = np.zeros(len(keys), dtype=np.int64)
    at[of_cell] = np.arange(len(cells))
    tiles, first = np.unique(keys // (int(wants[1].max()) + 1), return_index=True)
    first_of = [of[at].astype(np.int64) for of in wants]
    entries = _Entries(
        (first_of[0], first_of[1], first_of[2]),
        np.bincount(of_cell),
        np.append(first, len(keys)),
        of_cell.astype(np.int32),
        tiles,
    )
    return entries, pairs // n_types


def _number(values: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The different values, ascending, and the place of each among them: a sort takes longer."""
    there = np.bincount(values) > 0
    return np.flatnonzero(there), (np.cumsum(there) - 1).astype(np.int32)[values]


class _Choice:
    """The tiles chosen so far in one release, and what each type, donor and dataset has of them."""

    def __init__(
        self, cells: pd.DataFrame, shares: Mapping[str, float], min_gain: float, seed: int
    ) -> None:
        self.entries, split = _enter(cells)
        self.share = np.array([shares[name] for name in cells["split"].cat.categories])[split]
        self.left = self.entries.size.copy()
        group, sample, dataset = (
            np.zeros(want.max() + 1, dtype=np.int64) for want in self.entries.wants
        )
        self.have: Triple = (group, sample, dataset)
        # which group each donor and dataset is one of
        self.group_of = []
        for want, have in zip(self.entries.wants, self.have, strict=True):
            group = np.zeros(len(have), dtype=np.int64)
            group[want] = self.entries.wants[0]
            self.group_of.append(group)
        self.joinids, self.seed = cells["soma_joinid"].to_numpy(), seed
        random = (shuffle_keys(self.entries.tiles, seed) >> np.uint64(32)) / 2**32
        self.weight = 1 + JITTER * (random - 0.5)
        self.min_gain = min_gain
        # tiles, in order
        self.chosen: dict[int, None] = {}
        # entries and cells of each, in the order taken
        self.taken: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []

    def rank(self, most: int) -> NDArray[np.int32]:
        """See `rank_cells`."""
        target = FIRST_TARGET
        self._reach(target)
        while target < most and self.left.any():
            target *= 2
            self._reach(target)
        return self._ranks()

    def _reach(self, target: int) -> None:
        """Take cells until each group has `target`, or no tile is worth reading for the rest."""
        for spread in (True, False):
            limits = self._limits(target, spread)
            for tile in self.chosen:
                self._visit(tile, limits, take=True)
            self._choose(limits, self.min_gain * target)

    def _limits(self, target: int, spread: bool) -> Triple:
        """How many cells each group, donor and dataset may have at this target."""
        limits = []
        for group_of, parts in zip(self.group_of, (1, DONORS, DATASETS), strict=True):
            there = np.minimum(np.bincount(group_of), parts if spread else 1)
            limits.append(np.ceil(target * self.share / there).astype(np.int64)[group_of])
        return limits[0], limits[1], limits[2]

    def _choose(self, limits: Triple, worth: float) -> None:
        """Choose tiles, the one of the largest gain first."""
        heap = []
        for tile in range(len(self.entries.tiles)):
            if tile not in self.chosen and (gain := self._visit(tile, limits)) >= worth:
                heap.append((-gain * self.weight[tile], tile))
        heapq.heapify(heap)
        while heap:
            _, tile = heapq.heappop(heap)
            gain = self._visit(tile, limits)
            value = (-gain * self.weight[tile], tile)
            if gain < worth:
                continue
            # what the others' gain was is at least what it is: it shrinks as cells are taken
            if heap and value > heap[0]:
                heapq.heappush(heap, value)
                continue
            self._visit(tile, limits, take=True)
            self.chosen[tile] = None

    def _visit(self, tile: int, limits: Triple, take: bool = False) -> int:
        """How many cells a tile has within the limits; `take` them."""
        start, end = self.entries.first[tile : tile + 2]
        found = np.zeros(end - start, dtype=np.int64)
        gain = _visit(start, self.entries.wants, self.left, self.have, limits, take, found)
        if take and gain:
            self.taken.append((start + np.flatnonzero(found), found[found > 0]))
        return gain

    def _ranks(self) -> NDArray[np.int32]:
        """The rank of each cell."""
        ranks = np.zeros(len(self.joinids), dtype=np.int32)
        if not self.taken:
            return ranks
        entry, size = (np.concatenate(part) for part in zip(*self.taken, strict=True))
        # the ranks of a group's cells go on from one taking to the next
        before = pd.Series(size).groupby(self.entries.wants[0][entry]).cumsum().to_numpy() - size
        by_entry = np.argsort(entry, kind="stable")
        start, size = before[by_entry], size[by_entry]
        of_taking = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
        rank = np.repeat(start, size) + of_taking + 1
        # of an entry, its first cells in the order of the keys were taken
        n_taken = self.entries.size - self.left
        rows = np.flatnonzero(n_taken[self.entries.of_cell] > 0)
        keys = shuffle_keys(self.joinids[rows], self.seed)
        rows = rows[np.lexsort((keys, self.entries.of_cell[rows]))]
        there = np.where(n_taken > 0, self.entries.size, 0)
        place = np.arange(len(rows)) - np.repeat(np.cumsum(there) - there, there)
        ranks[rows[place < np.repeat(n_taken, there)]] = rank
        return ranks


@compiled()
def _visit(
    start: int,
    wants: Triple,
    left: NDArray[np.int64],
    have: Triple,
    limits: Triple,
    take: bool,
    found: NDArray[np.int64],
) -> int:
    gain = 0
    for i in range(len(found)):
        entry = start + i
        room = left[entry]
        for k in range(3):
            want = wants[k][entry]
            room = min(room, limits[k][want] - have[k][want])
        if room > 0:
            found[i] = room
            gain += room
            left[entry] -= room
            for k in range(3):
                have[k][wants[k][entry]] += room
    if not take:
        # what was found is given back: entries of one group share its room
        for i in range(len(found)):
            entry = start + i
            left[entry] += found[i]
            for k in range(3):
                have[k][wants[k][entry]] -= found[i]
    return gain
