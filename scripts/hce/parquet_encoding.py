"""Parquet's encodings of a list column, compiled (Apache Parquet format, Encodings.md).

Arrow's writer takes 20 ns for the gene and the count of a nonzero, this one 8 (2,771 nonzeros a
cell, tests/benchmarks/bench_shard_formats.py): it knows that no list is null and no element
missing, so the levels of a cell are two runs, and it packs eight small gaps at a time.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from hce.sparse_rows import Counts

# values of a block and of a miniblock: what every writer uses
BLOCK = 128
MINIBLOCK = 32
BATCH = 8


def list_levels(sizes: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Encode repetition and definition levels of lists without nulls, each after its length.

    Parameters
    ----------
    sizes
        int64, number of elements of each list; an empty list takes one level.
    """
    # at most 2 runs a list for each of the two levels, each of a varint and a byte
    out = np.empty(2 * 12 * len(sizes) + 8, dtype=np.uint8)
    middle = _write_levels(out, 4, sizes, False)
    out[:4] = np.frombuffer(np.uint32(middle - 4).tobytes(), np.uint8)
    end = _write_levels(out, middle + 4, sizes, True)
    out[middle : middle + 4] = np.frombuffer(np.uint32(end - middle - 4).tobytes(), np.uint8)
    return out[:end]


def delta_binary_packed(values: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Encode values as DELTA_BINARY_PACKED; ascending runs become their small gaps."""
    n_blocks = -(-len(values) // BLOCK)
    # a gap of 16-bit values has 17 bits; a block has its smallest gap and four widths before them
    out = np.empty(32 + n_blocks * (17 * BLOCK // 8 + 16), dtype=np.uint8)
    return out[: _write_delta(values, out)]


def byte_stream_split(counts: Counts) -> NDArray[np.uint8]:
    """Encode counts, as uint32, as BYTE_STREAM_SPLIT: all lowest bytes, all second bytes, ..."""
    streams = np.zeros((4, len(counts)), dtype=np.uint8)
    streams[0] = counts.small
    # x86 and Arm are little-endian: the lowest byte comes first
    streams[:, counts.large_at] = counts.large.view(np.uint8).reshape(-1, 4).T
    return streams.reshape(-1)


@numba.njit(cache=True, nogil=True, inline="always")
def _write_varint(out, at, value):
    while value >= 128:
        out[at] = (value & 127) | 128
        value >>= 7
        at += 1
    out[at] = value
    return at + 1


@numba.njit(cache=True, nogil=True, inline="always")
def _write_run(out, at, length, level):
    at = _write_varint(out, at, length << 1)
    out[at] = level
    return at + 1


@numba.njit(cache=True, nogil=True)
def _write_levels(out, at, sizes, definition):
    run, level = 0, -1
    for size in sizes:
        # the first element opens a list (repetition 0); definition 0 says that the list is empty
        first = (1 if size else 0) if definition else 0
        if run and first != level:
            at = _write_run(out, at, run, level)
            run = 0
        level = first
        run += 1
        if size > 1:
            if level != 1:
                at = _write_run(out, at, run, level)
                run = 0
            level = 1
            run += size - 1
    if run:
        at = _write_run(out, at, run, level)
    return at


@numba.njit(cache=True, nogil=True)
def _write_delta(values, out):
    at = _write_varint(out, 0, BLOCK)
    at = _write_varint(out, at, BLOCK // MINIBLOCK)
    at = _write_varint(out, at, len(values))
    at = _write_varint(out, at, np.int64(values[0]) << 1 if len(values) else 0)
    gaps = np.empty(BLOCK, dtype=np.int32)
    for start in range(1, len(values), BLOCK):
        n_gaps = min(BLOCK, len(values) - start)
        smallest = np.int32(2**31 - 1)
        for i in range(n_gaps):
            gaps[i] = np.int32(values[start + i]) - np.int32(values[start + i - 1])
            smallest = min(smallest, gaps[i])
        at = _write_varint(out, at, (np.int64(smallest) << 1) ^ (np.int64(smallest) >> 63))
        widths = at
        at += BLOCK // MINIBLOCK
        for mini in range(BLOCK // MINIBLOCK):
            first = mini * MINIBLOCK
            if first >= n_gaps:
                out[widths + mini] = 0
                continue
            largest = np.int32(0)
            for i in range(first, first + MINIBLOCK):
                # the last miniblock is filled up with zeros
                gaps[i] = gaps[i] - smallest if i < n_gaps else 0
                largest = max(largest, gaps[i])
            width = 0
            while largest >> width:
                width += 1
            out[widths + mini] = width
            at = _pack(gaps, first, width, out, at)
    return at


@numba.njit(cache=True, nogil=True, inline="always")
def _pack(gaps, first, width, out, at):
    if width > 16:
        return _pack_wide(gaps, first, width, out, at)
    for start in range(first, first + MINIBLOCK, BATCH):
        # eight gaps fill `width` bytes; four of at most 16 bits fit one word
        low, high = np.uint64(0), np.uint64(0)
        for i in range(BATCH // 2):
            low |= np.uint64(gaps[start + i]) << np.uint64(i * width)
            high |= np.uint64(gaps[start + BATCH // 2 + i]) << np.uint64(i * width)
        half = BATCH // 2 * width
        if 0 < half < 64:
            low |= high << np.uint64(half)
            high >>= np.uint64(64 - half)
        for _ in range(min(width, 8)):
            out[at] = low & np.uint64(255)
            low >>= np.uint64(8)
            at += 1
        for _ in range(width - 8):
            out[at] = high & np.uint64(255)
            high >>= np.uint64(8)
            at += 1
    return at


@numba.njit(cache=True, nogil=True)
def _pack_wide(gaps, first, width, out, at):
    word, bits = np.uint64(0), 0
    for i in range(first, first + MINIBLOCK):
        word |= np.uint64(gaps[i]) << np.uint64(bits)
        bits += width
        while bits >= 8:
            out[at] = word & np.uint64(255)
            word >>= np.uint64(8)
            bits -= 8
            at += 1
    return at
