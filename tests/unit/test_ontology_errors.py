"""Ontologies and term ids that must be refused, each with an error that names the culprit."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
from ontology_example import DIAMOND, OBSOLETE

from hce.files import record_checksum, sha256
from hce.ontology import reachability, read_obo, resolve, resolve_root

OboWriter = Callable[..., Path]


@pytest.mark.parametrize(
    "term",
    ["CL:9999999", "CL:0000022", "CL:0000026", "T cell"],
    ids=["unknown", "obsolete without heir", "heir outside the ontology", "label"],
)
def test_unknown_terms_are_named(write_obo: OboWriter, term: str) -> None:
    """The error names the id that was asked for."""
    graph = read_obo(write_obo(DIAMOND, OBSOLETE))
    for function in (resolve, reachability):
        with pytest.raises((KeyError, ValueError), match=term):
            function(graph, ["CL:0000001", term])


def test_replacements_in_a_circle_end(write_obo: OboWriter) -> None:
    """Two obsolete terms that replace each other are an error, not an endless loop."""
    more = """
[Term]
id: CL:0000050
name: obsolete one
is_obsolete: true
replaced_by: CL:0000051

[Term]
id: CL:0000051
name: obsolete two
is_obsolete: true
replaced_by: CL:0000050
"""
    graph = read_obo(write_obo(DIAMOND, more))
    with pytest.raises((KeyError, ValueError), match="CL:000005"):
        resolve(graph, ["CL:0000050"])


def test_one_term_twice_raises(write_obo: OboWriter) -> None:
    """Two classes that are one term would make R no partial order."""
    graph = read_obo(write_obo(DIAMOND, OBSOLETE))
    with pytest.raises(ValueError, match="CL:0000002"):
        reachability(graph, ["CL:0000002", "CL:0000002"])
    with pytest.raises(ValueError, match="CL:0000020"):
        reachability(graph, ["CL:0000002", "CL:0000020"])


@pytest.mark.parametrize(
    "parents",
    [
        {"CL:0000001": ["CL:0000001"]},
        {"CL:0000001": ["CL:0000002"], "CL:0000002": ["CL:0000001"]},
        {
            "CL:0000009": [],
            "CL:0000001": ["CL:0000003", "CL:0000009"],
            "CL:0000002": ["CL:0000001"],
            "CL:0000003": ["CL:0000002"],
        },
    ],
    ids=["itself", "two", "three"],
)
def test_cycle_raises(write_obo: OboWriter, parents: dict[str, list[str]]) -> None:
    """is_a in a circle: the error names the file and a term of the circle."""
    path = write_obo(parents)
    with pytest.raises(ValueError, match="CL:0000001") as error:
        read_obo(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("parent", ["CL:0000099", "CL:0000022"], ids=["CL", "obsolete"])
def test_dangling_is_a_raises(write_obo: OboWriter, parent: str) -> None:
    """A parent that the file does not define: the error names file, child and parent."""
    path = write_obo({**DIAMOND, "CL:0000010": ["CL:0000001", parent]}, OBSOLETE)
    with pytest.raises(ValueError, match=parent) as error:
        read_obo(path)
    assert str(path) in str(error.value)
    assert "CL:0000010" in str(error.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n\n",
        b"format-version: 1.2\n",
        b"<!DOCTYPE html>\n<html><body>404 Not Found</body></html>\n",
        b'{"graphs": [{"nodes": []}]}\n',
        b"term_id\tlabel\nCL:0000001\tcell\n",
        bytes(range(256)),
        b"format-version: 1.2\n\n[Term]\nname: a term without an id\n",
        b"format-version: 1.2\n\n[Term]\nid: GO:0000001\nname: no cell\n",
    ],
    ids=[
        "empty",
        "blank",
        "header only",
        "web page",
        "json",
        "table",
        "binary",
        "term without id",
        "another ontology",
    ],
)
def test_other_files_raise(tmp_path: Path, content: bytes) -> None:
    """Whatever is not the Cell Ontology in OBO is refused with the file's name."""
    path = tmp_path / "cl.obo"
    path.write_bytes(content)
    with pytest.raises(ValueError) as error:
        read_obo(path)
    assert str(path) in str(error.value)


def test_a_file_that_is_not_the_one_recorded_beside_it_raises(write_obo: OboWriter) -> None:
    """The checksum that a download or `fetch_ontology` left is read again."""
    path = write_obo(DIAMOND)
    record_checksum(path, sha256(path))
    assert len(read_obo(path)) == len(DIAMOND)
    path.write_text(path.read_text().replace("CL:0000001 !", "CL:0000002 !", 1) + "\n")
    with pytest.raises(ValueError, match=rf"{path}: SHA-256 is .*; the disk has changed it since"):
        read_obo(path)


def test_missing_file_raises(tmp_path: Path) -> None:
    """The error names the file."""
    with pytest.raises(FileNotFoundError, match=r"absent\.obo"):
        read_obo(tmp_path / "absent.obo")


@pytest.mark.parametrize("damage", ["cut short", "a bit"])
def test_damaged_gzip_raises(write_obo: OboWriter, tmp_path: Path, damage: str) -> None:
    """A download that broke off is refused with the file's name."""
    content = write_obo(DIAMOND).read_bytes()
    path = tmp_path / "cl.obo.gz"
    compressed = bytearray(gzip.compress(content))
    compressed[len(compressed) // 2] ^= 1
    path.write_bytes(gzip.compress(content)[:-20] if damage == "cut short" else compressed)
    with pytest.raises(ValueError) as error:
        read_obo(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_the_compression_is_seen_by_the_content(
    write_obo: OboWriter, tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    path = write_obo(DIAMOND)
    other = tmp_path / "named as it likes.txt"
    other.write_bytes(compress(path.read_bytes()))
    assert read_obo(other).edges == read_obo(path).edges


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04\x14\x00", "compressed by zip; decompress it first"),
        (b"(\xb5/\xfd\x04\x00", "compressed by zstd; decompress it first"),
        ("[Term]\nid: CL:1\nname: Zelle in Süd\n".encode("latin-1"), "byte 32 is no UTF-8.*iconv"),
    ],
    ids=["zip", "zstd", "latin-1"],
)
def test_what_is_no_text_is_said_with_a_remedy(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "mine.obo"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"mine\.obo: .*{message}"):
        read_obo(path)


def test_relations_that_hold_elsewhere_or_sometimes_are_no_relations(
    write_obo: OboWriter,
) -> None:
    more = """
[Term]
id: CL:0000010
name: a cell of the lung
is_a: CL:0000002 {gci_relation="part_of", gci_filler="UBERON:0002048"} ! in the lung only
is_a: CL:0000003 {is_inferred="true"} ! always
is_a: UBERON:0000099
"""
    graph = read_obo(write_obo(DIAMOND, more))
    assert set(graph.predecessors("CL:0000010")) == {"CL:0000003"}
    assert "UBERON:0000099" not in graph


def test_a_file_whose_subtypes_are_not_inferred_is_refused(write_obo: OboWriter) -> None:
    defined = """
[Term]
id: CL:0000010
name: a kind of 4, as cl-base.obo says it
intersection_of: CL:0000004 ! the genus
intersection_of: capable_of GO:0000001 ! the difference
"""
    path = write_obo(DIAMOND, defined)
    with pytest.raises(ValueError, match=r"CL:0000010 is defined as a kind of CL:0000004.*cl-base"):
        read_obo(path)
    # inferred: below the genus, if not directly
    graph = read_obo(write_obo(DIAMOND, f"{defined}is_a: CL:0000005\n"))
    assert reachability(graph, ["CL:0000004", "CL:0000010"]).tolist() == [
        [True, True],
        [False, True],
    ]


def test_another_ontology_has_its_own_prefix(write_obo: OboWriter) -> None:
    """Terms of the prefix that is asked for, and a sentence where there are none."""
    path = write_obo({"LAB:a": [], "LAB:b": ["LAB:a"], "CL:0000000": []})
    assert set(read_obo(path, "LAB").edges) == {("LAB:a", "LAB:b")}
    assert set(read_obo(path)) == {"CL:0000000"}
    found = r"no term X:\.\.\. .* 2 LAB:.*roots LAB:a \(name of LAB:a\)"
    with pytest.raises(ValueError, match=found):
        read_obo(path, "X")


def test_a_missing_root_names_the_roots(write_obo: OboWriter) -> None:
    graph = read_obo(write_obo({"CL:1": [], "CL:2": ["CL:1"], "CL:3": []}))
    assert resolve_root(graph, "CL:2") == "CL:2"
    with pytest.raises(ValueError, match=r"no term CL:9; its roots: CL:1 \(name of CL:1\), CL:3 "):
        resolve_root(graph, "CL:9")
