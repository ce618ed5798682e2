"""Put the Cell Ontology release of this run in place as an OBO file, checksum beside it."""

from __future__ import annotations

import argparse
from pathlib import Path

from hce.command import run_script
from hce.files import record_checksum, sha256, verify_checksum, write_atomically
from hce.hierarchy.releases import format_obo, read_package_terms
from hce.ingest.datasets import verify_download
from hce.ontology import read_obo, read_text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--package-release", help="release in the package cellxgene-ontology-guide, as 2025-02-13"
    )
    source.add_argument("--file", type=Path, help="an OBO file, gzipped or not")
    parser.add_argument("--sha256", help="refuse a file with another SHA-256")
    parser.add_argument(
        "--datasets", type=Path, help="config/datasets.tsv, if it may list the file"
    )
    parser.add_argument("--prefix", default="CL", help="of the ids of its terms")
    parser.add_argument("--obo", type=Path, required=True, help="OBO file to write")
    parser.add_argument("--checksum", type=Path, required=True, help="checksum file to write")
    arguments = parser.parse_args()
    if arguments.file:
        check(arguments.file, arguments.sha256, arguments.datasets)
        # what is wrong with it is said of the user's file
        read_obo(arguments.file, arguments.prefix)
        text = read_text(arguments.file)
    else:
        release = arguments.package_release
        text = format_obo(read_package_terms(release), release)
    with write_atomically(arguments.obo) as temporary:
        temporary.write_text(text, encoding="utf-8")
        graph = read_obo(temporary, arguments.prefix)
        record_checksum(arguments.obo, sha256(temporary), arguments.checksum)
    print(f"{arguments.obo}: release {graph.graph['release']}, {len(graph):,} terms")


def check(path: Path, expected: str | None, datasets: Path | None) -> None:
    """Refuse an OBO file with another SHA-256 than expected."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such ontology file; correct ontology.path")
    if expected:
        remedy = "it is damaged or another release. Fetch it again or correct ontology.sha256"
        verify_checksum(path, expected, remedy)
    verify_download(path, datasets)


if __name__ == "__main__":
    run_script(main)
