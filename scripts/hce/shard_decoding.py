"""Decodes shards of our own writer into a block, at a third of Arrow's time.

Arrow makes lists of wide integers, level by level, which then are narrowed into the block. Here the
levels are runs, and the elements of a page go into the block at once. Medians on one core of a
machine that others used too, 1,930 nonzeros a cell, in microseconds of CPU a cell:

    Arrow, narrowed into the block (`CellBlock.fill`)     16.2
    this module                                            4.8
      of which decompressing counts                        2.0
               gene positions from their gaps              1.3
               counts from their byte streams              0.6
               reading from the page cache                 0.4
               decompressing identities and labels         0.2
               levels of both list columns                 0.1

Arrow's memory pool hands the same memory out again: decompressing a page of counts into a buffer of
our own (with numcodecs, since pyarrow cannot) was no faster, 2.1 against 1.9.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hce.cell_blocks import CellBlock, CountTooLargeError
from hce.parquet_decoding import join_streams, list_sizes, unpack_deltas
from hce.parquet_file import BYTE_STREAM_SPLIT, CREATED_BY, DELTA_BINARY_PACKED, PLAIN

# the header of a page as `hce.parquet_file` writes it, in Thrift's compact protocol: the fields of
# PageHeader and of its DataPageHeader, each number of at most five bytes; both levels are RLE
_NUMBER = rb"([\x80-\xff]{0,4}[\x00-\x7f])"
_PAGE_HEADER = re.compile(
    rb"\x15\x00\x15%b\x15%b\x2c\x15%b\x15%b\x15\x06\x15\x06\x00\x00" % ((_NUMBER,) * 4)
)


def is_ours(metadata: pq.FileMetaData) -> bool:
    """Whether a file was written by `hce.parquet_file`, whose pages can be decoded here."""
    return metadata.created_by == CREATED_BY


def decode_shard(
    source: pa.NativeFile, metadata: pq.FileMetaData, block: CellBlock, row: int, entry: int
) -> tuple[int, int]:
    """Decode a shard into the cells of a block from `row` on, whose entries start at `entry`.

    Row group by row group, so that the memory beside the block is that of one column of one row
    group. Threads can decode different shards into one block.

    Parameters
    ----------
    source
        The shard.
    metadata
        Its footer, by `hce.parquet_file`.
    block
        Written in part.
    row, entry
        Where the shard begins in the block.

    Returns
    -------
    tuple
        Row and entry after its last.

    Raises
    ------
    CountTooLargeError
        If a count does not fit into the type of the block.
    ValueError, OSError
        If the shard is damaged, or larger than the block.
    """
    for number in range(metadata.num_row_groups):
        group = _RowGroup(source, metadata.row_group(number))
        row, entry = group.decode(block, row, entry)
    return row, entry


@dataclass
class _RowGroup:
    source: pa.NativeFile
    metadata: pq.RowGroupMetaData
    chunks: dict[str, pq.ColumnChunkMetaData] = field(init=False)
    codec: pa.Codec = field(default_factory=lambda: pa.Codec("zstd"))

    def __post_init__(self) -> None:
        chunks = [self.metadata.column(i) for i in range(self.metadata.num_columns)]
        self.chunks = {chunk.path_in_schema: chunk for chunk in chunks}

    def decode(self, block: CellBlock, row: int, entry: int) -> tuple[int, int]:
        end = row + self.metadata.num_rows
        if not row <= end <= len(block):
            raise ValueError(f"a row group of {self.metadata.num_rows} cells is more than expected")
        self._fill_plain("soma_joinid", np.dtype(np.int64), block.soma_joinid[row:end])
        self._fill_plain("label", np.dtype(np.int32), block.label[row:end])
        sizes = self._fill_genes(end - row, block.genes[entry:])
        if not np.array_equal(self._fill_counts(end - row, block.counts[entry:]), sizes):
            raise ValueError("a cell has more genes than counts, or fewer")
        np.cumsum(sizes, out=block.indptr[row + 1 : end + 1])
        block.indptr[row + 1 : end + 1] += entry
        return end, entry + int(sizes.sum())

    def _fill_plain(self, name: str, stored: np.dtype, out: NDArray) -> None:
        at = 0
        for page, n_values in self._pages(name, PLAIN, stored.itemsize * len(out)):
            if len(page) != stored.itemsize * n_values or n_values > len(out) - at:
                raise ValueError(f"{name} has more values than the row group has cells, or fewer")
            out[at : at + n_values] = page.view(stored)
            at += n_values
        if at != len(out):
            raise ValueError(f"{name} has {at} values in a row group of {len(out)} cells")

    def _fill_genes(self, n_rows: int, out: NDArray[np.uint16]) -> NDArray[np.int64]:
        sizes = np.empty(n_rows, dtype=np.int64)
        for values, first, end in self._lists("genes", DELTA_BINARY_PACKED, sizes, len(out)):
            unpack_deltas(values, out[first:end])
        return sizes

    def _fill_counts(self, n_rows: int, out: NDArray) -> NDArray[np.int64]:
        sizes, largest = np.empty(n_rows, dtype=np.int64), np.iinfo(out.dtype).max
        for values, first, end in self._lists("counts", BYTE_STREAM_SPLIT, sizes, len(out)):
            if join_streams(values, out[first:end]) > largest:
                raise CountTooLargeError
        return sizes

    def _lists(
        self, name: str, encoding: int, sizes: NDArray[np.int64], room: int
    ) -> Iterator[tuple[NDArray[np.uint8], int, int]]:
        """Decode the levels; yield the encoded elements of each page, and where they belong."""
        # at most four runs of six bytes a list, and both encodings take less than 8 bytes a value
        largest = 64 + 24 * len(sizes) + 8 * room
        row = first = 0
        for page, n_levels in self._pages(f"{name}.list.element", encoding, largest):
            n_lists, n_elements, at = list_sizes(page, n_levels, sizes[row:])
            if n_elements > room - first:
                raise ValueError(f"{name} has more elements than expected")
            yield page[at:], first, first + n_elements
            row, first = row + n_lists, first + n_elements
        if row != len(sizes):
            raise ValueError(f"{name} has {row} lists in a row group of {len(sizes)} cells")

    def _pages(
        self, name: str, encoding: int, largest: int
    ) -> Iterator[tuple[NDArray[np.uint8], int]]:
        """Yield each page of a column, decompressed, and the number of values in its header."""
        if name not in self.chunks:
            raise ValueError(f"there is no column {name}")
        content = self._content(name)
        at = 0
        while at < len(content):
            header = _PAGE_HEADER.match(content, at)
            if header is None:
                raise ValueError(f"{name}: no page header at byte {at} of the column")
            plain, stored, n_values, used = (_zigzag(number) for number in header.groups())
            start, at = header.end(), header.end() + stored
            if used != encoding or stored < 0 or n_values < 0 or at > len(content):
                raise ValueError(f"{name}: a page header that the writer does not write")
            page = content[start:at]
            if not 0 <= plain <= largest:
                raise ValueError(f"{name}: a page of {plain} bytes")
            # as `hce.shards` writes them; the footer is not asked, because pyarrow ends the process
            # where it names a codec that does not exist
            if encoding != DELTA_BINARY_PACKED:
                page = self.codec.decompress(page, plain)
            yield np.frombuffer(page, dtype=np.uint8), n_values

    def _content(self, name: str) -> pa.Buffer:
        chunk = self.chunks[name]
        start, size = chunk.data_page_offset, chunk.total_compressed_size
        if not 0 <= start <= start + size <= self.source.size():
            raise ValueError(f"{name}: pages beyond the end of the file")
        self.source.seek(start)
        return self.source.read_buffer(size)


def _zigzag(varint: bytes) -> int:
    value = sum((byte & 127) << 7 * place for place, byte in enumerate(varint))
    return value >> 1 ^ -(value & 1)
