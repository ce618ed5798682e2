"""What every reader of h5ad files must know: compression that it cannot undo, versions of genes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import h5py

# filters of HDF5 that come with hdf5plugin, by their registered numbers
FILTERS = {32001: "blosc", 32004: "lz4", 32008: "bitshuffle", 32015: "zstd", 32026: "blosc2"}
# of Ensembl's ids only: in other ids what follows a dot is no version (AC010642.1)
VERSION = re.compile(r"^(ENS[A-Z]*G[0-9]{11})\.[0-9]+(?=$|_)")
# a gene of mouse is ENSMUSG..., of human ENSG...
OTHER_SPECIES = r"ENS[A-Z]+G[0-9]{11}"


def without_version(gene_id: str) -> str:
    """A gene id without the version of Ensembl: ENSG00000000003 for ENSG00000000003.15."""
    return VERSION.sub(r"\1", gene_id)


def check_filters(file: h5py.File, path: Path, places: Sequence[str]) -> None:
    """Refuse compression that this installation of HDF5 cannot undo.

    Raises
    ------
    ValueError
        If something at one of the places is compressed so.
    """

    def check(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if not isinstance(item, h5py.Dataset):
            return
        created = item.id.get_create_plist()
        for code in {created.get_filter(i)[0] for i in range(created.get_nfilters())}:
            if not h5py.h5z.filter_avail(code):
                raise ValueError(
                    f"{path}: {place}{name and '/'}{name} is compressed by "
                    f"{FILTERS.get(code, 'HDF5 filter')} ({code}), which is not read here; write "
                    "the file again with compression='gzip'"
                )

    for place in places:
        item = file.get(place)
        check("", item)
        if isinstance(item, h5py.Group):
            item.visititems(check)
