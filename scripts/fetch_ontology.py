"""Put the Cell Ontology release of this run in place as an OBO file, checksum beside it."""

from __future__ import annotations

import argparse
from pathlib import Path

from hce.files import sha256, write_atomically
from hce.hierarchy.releases import format_obo, read_package_terms
from hce.ontology import read_obo, read_text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--package-release", help="release in the package cellxgene-ontology-guide, as 2025-02-13"
    )
    source.add_argument("--file", type=Path, help="an OBO file, gzipped or not")
    parser.add_argument("--sha256", help="refuse a file with another SHA-256")
    parser.add_argument("--obo", type=Path, required=True, help="OBO file to write")
    parser.add_argument("--checksum", type=Path, required=True, help="checksum file to write")
    arguments = parser.parse_args()
    if arguments.file:
        check(arguments.file, arguments.sha256)
        read_obo(arguments.file)  # what is wrong with it is said of the user's file
        text = read_text(arguments.file)
    else:
        release = arguments.package_release
        text = format_obo(read_package_terms(release), release)
    with write_atomically(arguments.obo) as temporary:
        temporary.write_text(text, encoding="utf-8")
        graph = read_obo(temporary)
    print(f"{arguments.obo}: release {graph.graph['release']}, {len(graph):,} terms")
    with write_atomically(arguments.checksum) as temporary:
        temporary.write_text(f"{sha256(arguments.obo)}  {arguments.obo.name}\n")


def check(path: Path, expected: str | None) -> None:
    """Refuse an OBO file with another SHA-256 than expected."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such ontology file; correct ontology.path")
    if expected and sha256(path) != expected:
        raise ValueError(
            f"{path}: SHA-256 is {sha256(path)}, expected {expected}; the file is damaged or "
            "another release. Fetch it again or correct ontology.sha256"
        )


if __name__ == "__main__":
    main()
