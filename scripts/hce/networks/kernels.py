"""Loops over sparse cells, compiled by numba; each works on a range, so that threads can share it.

Weights and their gradients are stored by gene (G x C), so that a nonzero entry reads or writes one
contiguous row. Genes are taken in tiles of 512, whose rows (330 KB at 164 classes) stay in a core's
second-level cache while all cells pass by. Each sum has one order, whatever the number of threads.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hce.compiled import compiled

TILE = 512
# a multiply and an add may become one instruction; nothing is reordered
FAST = {"contract", "nsz"}

Floats = NDArray[np.floating]
Integers = NDArray[np.integer]


@compiled(fastmath=FAST)
def multiply(
    indptr: Integers,
    genes: Integers,
    values: Floats,
    weight: Floats,
    bias: Floats,
    out: Floats,
    first: int,
    last: int,
) -> None:
    """Set out[i] = bias + sum over the entries of cell i of value times weight[gene].

    Cells `first` to `last`. weight is G x C, out B x C. Four entries at a time, so that `out` is
    loaded and stored once for four rows of the weights.
    """
    n_genes, width = weight.shape
    position = indptr[first:last].copy()
    for cell in range(first, last):
        out[cell] = bias
    for tile_end in range(TILE, n_genes + TILE, TILE):
        for cell in range(first, last):
            at, end = position[cell - first], indptr[cell + 1]
            while at + 4 <= end and genes[at + 3] < tile_end:
                g0, g1 = np.uint32(genes[at]), np.uint32(genes[at + 1])
                g2, g3 = np.uint32(genes[at + 2]), np.uint32(genes[at + 3])
                v0, v1, v2, v3 = values[at], values[at + 1], values[at + 2], values[at + 3]
                for k in range(width):
                    out[cell, k] += (v0 * weight[g0, k] + v1 * weight[g1, k]) + (
                        v2 * weight[g2, k] + v3 * weight[g3, k]
                    )
                at += 4
            while at < end and genes[at] < tile_end:
                gene, value = np.uint32(genes[at]), values[at]
                for k in range(width):
                    out[cell, k] += value * weight[gene, k]
                at += 1
            position[cell - first] = at


@compiled(fastmath=FAST)
def multiply_transposed(
    indptr: Integers,
    genes: Integers,
    values: Floats,
    gradient: Floats,
    out: Floats,
    first: int,
    last: int,
) -> None:
    """Set out[g] = sum over the cells with gene g of value times gradient[cell].

    Genes `first` to `last`. gradient is B x C, out G x C. Two entries of a cell at a time, so that
    its gradient is loaded once for both.
    """
    n_cells, width = gradient.shape
    position = np.empty(n_cells, np.int64)
    for cell in range(n_cells):
        begin, end = indptr[cell], indptr[cell + 1]
        position[cell] = begin + np.searchsorted(genes[begin:end], first)
    for tile in range(first, last, TILE):
        tile_end = min(tile + TILE, last)
        out[tile:tile_end] = 0
        for cell in range(n_cells):
            at, end = position[cell], indptr[cell + 1]
            while at + 2 <= end and genes[at + 1] < tile_end:
                g0, g1 = np.uint32(genes[at]), np.uint32(genes[at + 1])
                v0, v1 = values[at], values[at + 1]
                for k in range(width):
                    slope = gradient[cell, k]
                    out[g0, k] += v0 * slope
                    out[g1, k] += v1 * slope
                at += 2
            while at < end and genes[at] < tile_end:
                gene, value = np.uint32(genes[at]), values[at]
                for k in range(width):
                    out[gene, k] += value * gradient[cell, k]
                at += 1
            position[cell] = at


@compiled()
def add_and_clamp(
    indptr: Integers,
    genes: Integers,
    values: Floats,
    vector_indptr: Integers,
    vector_genes: Integers,
    vector_values: Floats,
    chosen: Integers,
    sign: Floats,
    low: float,
    high: float,
    out_genes: Integers,
    out_values: Floats,
    out_start: Integers,
    out_size: Integers,
    first: int,
    last: int,
) -> None:
    """Merge each cell with sign times a sparse vector, clamp the sums and drop the zeros.

    Cells `first` to `last`. Cell i is written from out_start[i] on, its entries are counted in
    out_size[i]. Both inputs have ascending genes, so the result has.
    """
    for cell in range(first, last):
        at, end = indptr[cell], indptr[cell + 1]
        other, other_end = vector_indptr[chosen[cell]], vector_indptr[chosen[cell] + 1]
        to = out_start[cell]
        while at < end or other < other_end:
            value = low
            if other == other_end or (at < end and genes[at] < vector_genes[other]):
                gene, value = genes[at], values[at]
                at += 1
            elif at == end or vector_genes[other] < genes[at]:
                gene, value = vector_genes[other], sign[cell] * vector_values[other]
                other += 1
            else:
                gene, value = genes[at], values[at] + sign[cell] * vector_values[other]
                at += 1
                other += 1
            value = min(max(value, low), high)
            if value != 0:
                out_genes[to], out_values[to] = gene, value
                to += 1
        out_size[cell] = to - out_start[cell]


@compiled()
def close_gaps(
    out_start: Integers,
    indptr: Integers,
    genes: Integers,
    values: Floats,
    packed_genes: Integers,
    packed_values: Floats,
    first: int,
    last: int,
) -> None:
    """Copy cells that lie apart (from out_start on) to where indptr says.

    Cells `first` to `last`.
    """
    for cell in range(first, last):
        start, end = indptr[cell], indptr[cell + 1]
        shift = out_start[cell] - start
        packed_genes[start:end] = genes[start + shift : end + shift]
        packed_values[start:end] = values[start + shift : end + shift]
