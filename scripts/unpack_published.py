"""Unpack the archives of the authors' record, each into a folder of its name.

Links, devices and what would lie outside of the folder are refused.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from hce.command import run_script
from hce.published.archives import unpack


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--archives", type=Path, nargs="+", required=True, help="zip or tar, compressed or not"
    )
    parser.add_argument(
        "--folder", type=Path, required=True, help="to make; it appears when all are whole"
    )
    arguments = parser.parse_args()
    folder = arguments.folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        whole = Path(temporary) / "whole"
        for archive in arguments.archives:
            unpacked = unpack(archive, whole / archive.name)
            n_files = sum(path.is_file() for path in unpacked.rglob("*"))
            print(f"{archive}: {n_files:,} files", flush=True)
        whole.rename(folder)


if __name__ == "__main__":
    run_script(main)
