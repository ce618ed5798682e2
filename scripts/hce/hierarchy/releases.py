"""Where a Cell Ontology release comes from: the cellxgene-ontology-guide package, or an OBO file.

The package holds, for each term, its label and all ancestors with their distance; those at
distance 1 are its is_a parents. Written as OBO, a release from the package is read by the same code
as a downloaded one.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TypedDict

import pyarrow as pa

PACKAGE = "cellxgene_ontology_guide"


class PackageTerm(TypedDict, total=False):
    """What the package says of a term."""

    label: str
    ancestors: dict[str, int]
    deprecated: bool
    replaced_by: str


def package_releases() -> list[str]:
    """Cell Ontology releases in the installed package, for example 2025-02-13."""
    names = (entry.name for entry in files(PACKAGE).joinpath("data").iterdir())
    prefix, suffix = "CL-ontology-v", ".json.zst"
    return sorted(
        name[len(prefix) : -len(suffix)]
        for name in names
        if name.startswith(prefix) and name.endswith(suffix)
    )


def read_package_terms(release: str) -> dict[str, PackageTerm]:
    """Return every term of a Cell Ontology release in the package, by ontology term id.

    Raises
    ------
    ValueError
        If the installed package does not hold the release.
    """
    if release not in package_releases():
        raise ValueError(
            f"package {PACKAGE} holds no Cell Ontology release {release!r}, only "
            f"{', '.join(package_releases())}; set ontology.release to one of these"
        )
    compressed = files(PACKAGE).joinpath("data", f"CL-ontology-v{release}.json.zst").read_bytes()
    with pa.input_stream(pa.py_buffer(compressed), compression="zstd") as stream:
        return json.load(stream)


def format_obo(terms: dict[str, PackageTerm], release: str) -> str:
    """Format terms as an OBO 1.2 file: id, name, is_a, is_obsolete, replaced_by."""
    lines = [
        "format-version: 1.2",
        f"data-version: cl/releases/{release}",
        "ontology: cl",
        f"remark: id, name, is_a, is_obsolete and replaced_by only, from package {PACKAGE}",
    ]
    for term_id in sorted(terms):
        term = terms[term_id]
        lines += ["", "[Term]", f"id: {term_id}", f"name: {term['label']}"]
        for parent, distance in sorted(term.get("ancestors", {}).items()):
            # some terms of the package are listed as their own ancestors
            if distance == 1 and parent in terms and parent != term_id:
                lines.append(f"is_a: {parent} ! {terms[parent]['label']}")
        if term.get("deprecated"):
            lines.append("is_obsolete: true")
            if "replaced_by" in term:
                lines.append(f"replaced_by: {term['replaced_by']}")
    return "\n".join(lines) + "\n"
