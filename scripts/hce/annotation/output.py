"""The annotated copy of a user's file; the file itself is never changed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
from anndata.io import read_elem, write_elem

from hce.annotation.cells import open_group
from hce.files import write_atomically


def check_output(source: Path, output: Path) -> None:
    """Refuse an output that is the input or of another kind, before any long work.

    Raises
    ------
    ValueError
        Names both and the remedy.
    """
    if source.resolve() == output.resolve():
        raise ValueError(f"{output}: is the input, which is never changed; give another --output")
    if source.suffix == ".zip":
        raise ValueError(
            f"{source}: a zip file cannot be copied with new columns; unpack it, or write --table"
        )
    wanted = ".zarr" if source.is_dir() else ".h5ad"
    if output.suffix != wanted:
        raise ValueError(f"{output}: is a copy of {source} with more columns; name it {wanted}")
    if source.is_dir() and output.exists():
        raise ValueError(f"{output}: is there; remove it, or give another --output")


def write_annotated(
    source: Path, output: Path, columns: pd.DataFrame, facts: dict[str, Any]
) -> None:
    """Copy a file, add columns to obs and `uns["hce"]`, and put the copy in its place.

    Nothing of the file but obs is in memory.

    Parameters
    ----------
    source, output
        h5ad files, or Zarr folders.
    columns
        In the order of the cells; those of obs with the same names are replaced.
    facts
        What `uns["hce"]` shall hold: dicts, text, numbers, arrays, tables.
    """
    if not source.is_dir():
        with write_atomically(output) as temporary:
            shutil.copyfile(source, temporary)
            _add(temporary, columns, facts)
        return
    import zarr  # of Zarr stores only

    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(f".{output.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        shutil.copytree(source, temporary)
        _add(temporary, columns, facts)
        # a list of what the store holds, if there is one, would leave out what is new
        zarr.consolidate_metadata(temporary)
        temporary.rename(output)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _add(path: Path, columns: pd.DataFrame, facts: dict[str, Any]) -> None:
    with open_group(path, "r+") as group:
        obs = read_elem(group["obs"])
        # by position: names of cells may not be unique
        for name in columns:
            obs[name] = columns[name].array
        write_elem(group, "obs", obs)
        if "uns" in group:
            write_elem(group["uns"], "hce", facts)
        else:
            write_elem(group, "uns", {"hce": facts})
