"""Download one file, and refuse it if its checksum is not the known one."""

from __future__ import annotations

import argparse
from pathlib import Path

from hce.command import run_script
from hce.ingest.datasets import known_checksum
from hce.ingest.download import download


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=Path, required=True, help="config/datasets.tsv")
    parser.add_argument("--output", type=Path, required=True, help="its name is that of the row")
    arguments = parser.parse_args()
    url, expected = known_checksum(arguments.datasets, arguments.output)
    checksum = download(url, arguments.output, expected)
    print(f"{arguments.output}: {url}, SHA-256 {checksum}")


if __name__ == "__main__":
    run_script(main)
