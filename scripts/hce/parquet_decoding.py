"""Parquet's encodings of a list column back into numbers, compiled (`hce.parquet_encoding`).

The pages are those of `hce.parquet_file`. Anything else raises a ValueError: every offset that a
page states is checked before it is used, so a damaged page cannot make these loops read or write
outside their arrays.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

# values of a block and of a miniblock, as the writer has them
BLOCK = 128
MINIBLOCK = 32
# bytes that the fast loop may read beyond a miniblock
WORD = 8


@numba.njit(cache=True, nogil=True)
def list_sizes(
    page: NDArray[np.uint8], n_levels: int, sizes: NDArray[np.int64]
) -> tuple[int, int, int]:
    """Decode repetition and definition levels of lists without nulls, each after its length.

    Parameters
    ----------
    page
        uint8, a page from its beginning.
    n_levels
        What its header counts: elements, and one for each empty list.
    sizes
        int64, written from its beginning: number of elements of each list.

    Returns
    -------
    tuple
        Number of lists, number of elements, and where the elements begin in the page.

    Raises
    ------
    ValueError
        If the levels are not those of so many values, or of more lists than there is room for.
    """
    middle = _level_end(page, 0)
    end = _level_end(page, middle)
    n_lists, at, done = 0, 4, 0
    while done < n_levels:
        run, level, at = _read_run(page, at, middle, n_levels - done)
        if level == 0:
            if run > len(sizes) - n_lists:
                raise ValueError("more lists than the row group has rows")
            for cell in range(n_lists, n_lists + run):
                sizes[cell] = 1
            n_lists += run
        elif n_lists == 0:
            raise ValueError("a list goes on that has not begun")
        else:
            sizes[n_lists - 1] += run
        done += run
    n_empty, last = _clear_empty(page, middle + 4, end, n_levels, sizes[:n_lists])
    if at != middle or last != end:
        raise ValueError("levels of another length than stated")
    return n_lists, n_levels - n_empty, end


@numba.njit(cache=True, nogil=True)
def unpack_deltas(packed: NDArray[np.uint8], values: NDArray[np.uint16]) -> None:
    """Decode DELTA_BINARY_PACKED.

    Parameters
    ----------
    packed
        uint8, the encoded values and nothing behind them.
    values
        uint16, written whole.

    Raises
    ------
    ValueError
        If other bytes, another number of values or larger values are encoded.
    """
    block, at = _read_varint(packed, 0, len(packed))
    minis, at = _read_varint(packed, at, len(packed))
    n_values, at = _read_varint(packed, at, len(packed))
    first, at = _read_varint(packed, at, len(packed))
    if block != BLOCK or minis != BLOCK // MINIBLOCK or n_values != len(values):
        raise ValueError("a delta encoding of another number of values")
    # every bit that any value has; a negative one has the upper bits
    seen = last = _zigzag(first)
    values[:1] = last
    done = 1
    while done < len(values):
        smallest, widths = _read_varint(packed, at, len(packed))
        at = widths + BLOCK // MINIBLOCK
        for mini in range(BLOCK // MINIBLOCK):
            if done >= len(values):
                break
            width = np.int64(packed[widths + mini]) if at <= len(packed) else 0
            if width > 32 or at + MINIBLOCK // 8 * width > len(packed):
                raise ValueError("packed values that end too early")
            part = values[done : done + MINIBLOCK]
            if width <= 16 and len(part) == MINIBLOCK and at + 4 * width + WORD <= len(packed):
                last, bits = _unpack(packed, at, width, last, _zigzag(smallest), part)
            else:
                last, bits = _unpack_wide(packed, at, width, last, _zigzag(smallest), part)
            seen |= bits
            at += MINIBLOCK // 8 * width
            done += MINIBLOCK
    if at != len(packed) or seen >> 16:
        raise ValueError("packed values of another length, or over 65,535")


@numba.njit(cache=True, nogil=True)
def join_streams(streams: NDArray[np.uint8], values: NDArray) -> int:
    """Decode BYTE_STREAM_SPLIT of 32 bits.

    Parameters
    ----------
    streams
        uint8: all lowest bytes, all second bytes, ...
    values
        uint16 or uint32, written whole.

    Returns
    -------
    int
        Every bit that any value has: larger than 65,535 if uint16 cannot hold all values.

    Raises
    ------
    ValueError
        If another number of values is encoded.
    """
    n_values = len(values)
    if len(streams) != 4 * n_values:
        raise ValueError("byte streams of another number of values")
    first, second = streams[:n_values], streams[n_values : 2 * n_values]
    third, fourth = streams[2 * n_values : 3 * n_values], streams[3 * n_values :]
    seen = np.uint32(0)
    for i in range(n_values):
        low = np.uint32(first[i]) | np.uint32(second[i]) << np.uint32(8)
        high = np.uint32(third[i]) | np.uint32(fourth[i]) << np.uint32(8)
        value = low | high << np.uint32(16)
        seen |= value
        values[i] = value
    return seen


@numba.njit(cache=True, nogil=True, inline="always")
def _read_varint(content, at, end):
    """An unsigned number of at most 64 bits, and where the next begins."""
    value, shift = np.uint64(0), np.uint64(0)
    while shift < np.uint64(64):
        if at >= end:
            raise ValueError("a number that does not end")
        byte = np.uint64(content[at])
        at += 1
        value |= (byte & np.uint64(127)) << shift
        if byte < np.uint64(128):
            return value, at
        shift += np.uint64(7)
    raise ValueError("a number of more than 64 bits")


@numba.njit(cache=True, nogil=True, inline="always")
def _zigzag(value):
    return np.int64(value >> np.uint64(1)) ^ -np.int64(value & np.uint64(1))


@numba.njit(cache=True, nogil=True)
def _level_end(page, at):
    """Where levels end whose length is stated at `at`."""
    if at + 4 > len(page):
        raise ValueError("levels that end too early")
    end = at + 4
    for i in range(4):
        end += np.int64(page[at + i]) << (8 * i)
    if end > len(page):
        raise ValueError("levels that end too early")
    return end


@numba.njit(cache=True, nogil=True)
def _read_run(page, at, end, most):
    """Length and level of a run, and where the next begins."""
    header, at = _read_varint(page, at, end)
    run = np.int64(header >> np.uint64(1))
    if header & np.uint64(1) or run < 1 or run > most or at >= end or page[at] > 1:
        raise ValueError("a run of levels that the writer does not write")
    return run, page[at], at + 1


@numba.njit(cache=True, nogil=True)
def _clear_empty(page, at, end, n_levels, sizes):
    """Set the sizes of empty lists to 0; returns their number and where the levels end."""
    done, cell, first, n_empty = 0, 0, 0, 0
    while done < n_levels:
        run, level, at = _read_run(page, at, end, n_levels - done)
        if level == 0:
            while first < done:
                first += sizes[cell]
                cell += 1
            if first != done or run > len(sizes) - cell:
                raise ValueError("an element of a list is missing")
            for _ in range(run):
                if sizes[cell] != 1:
                    raise ValueError("an element of a list is missing")
                sizes[cell] = 0
                cell += 1
            first += run
            n_empty += run
        done += run
    return n_empty, at


@numba.njit(cache=True, nogil=True, inline="always")
def _word(packed, at):
    """Eight bytes as one number; the compiler makes one load of them."""
    word = np.uint64(0)
    for i in range(WORD):
        word |= np.uint64(packed[at + np.uint64(i)]) << np.uint64(8 * i)
    return word


@numba.njit(cache=True, nogil=True, inline="always")
def _unpack(packed, at, width, last, smallest, values):
    """A whole miniblock: four gaps of at most 16 bits lie within one word."""
    mask = (np.uint64(1) << np.uint64(width)) - np.uint64(1)
    seen = np.int64(0)
    for start in range(0, MINIBLOCK, 4):
        bit = start * width
        word = _word(packed, np.uint64(at + (bit >> 3))) >> np.uint64(bit & 7)
        for i in range(4):
            last += np.int64(word & mask) + smallest
            word >>= np.uint64(width)
            values[start + i] = last
            seen |= last
    return last, seen


@numba.njit(cache=True, nogil=True)
def _unpack_wide(packed, at, width, last, smallest, values):
    """Any miniblock, without a look beyond its end."""
    mask = (np.uint64(1) << np.uint64(width)) - np.uint64(1)
    word, bits, seen = np.uint64(0), 0, np.int64(0)
    for i in range(len(values)):
        while bits < width:
            word |= np.uint64(packed[at]) << np.uint64(bits)
            at += 1
            bits += 8
        last += np.int64(word & mask) + smallest
        word >>= np.uint64(width)
        bits -= width
        values[i] = last
        seen |= last
    return last, seen
