"""The Cell Ontology, or another one, as a graph, and its reachability over a list of terms."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from hce.extras import needs
from hce.files import checked

with needs():
    import networkx as nx
    import numpy as np
    import obonet
    from numpy.typing import NDArray

# by the first bytes of a file
COMPRESSIONS = {b"\x1f\x8b": gzip.decompress, b"BZh": bz2.decompress, b"\xfd7zXZ": lzma.decompress}
OTHER_COMPRESSIONS = {b"PK\x03\x04": "zip", b"(\xb5/\xfd": "zstd"}


def read_obo(path: str | Path, prefix: str = "CL") -> nx.DiGraph:
    """Read the terms of an OBO file with one prefix, and their is_a relations.

    Parameters
    ----------
    path
        An OBO 1.2/1.4 file in UTF-8 whose is_a relations are inferred, for example cl-simple.obo of
        a Cell Ontology release; gzip, bzip2 and xz are read by their content, whatever the name.
        A checksum that lies beside it (`path` with .sha256 added) must be its.
    prefix
        Of the ids of the terms: what stands before the colon.

    Returns
    -------
    networkx.DiGraph
        Nodes are ontology term ids with the attribute `name`; edges lead from parent to child.
        Obsolete terms are left out, and so are is_a relations that hold under a condition only
        (gci_relation) or lead to another ontology. `graph.graph` holds `path`, `release` (the
        file's data-version) and `replacements`, a dict from alternative and replaced ids to the id
        that took over.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file has another checksum, cannot be read as OBO or holds no such term, an is_a names
        one that the file does not define, the is_a relations form a cycle, or a definition by
        genus and difference (intersection_of) has no is_a relation to its genus: they were not
        inferred.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such ontology file")
    text = read_text(path)
    try:
        relations = obonet.read_obo(io.StringIO(text), ignore_obsolete=False, include_clauses=True)
    except (ValueError, KeyError) as error:
        raise ValueError(f"{path}: not a readable OBO file: {error}") from error
    release = relations.graph.get("data-version", "unknown")
    graph: nx.DiGraph[str] = nx.DiGraph(path=str(path), release=release)
    graph.graph["replacements"] = _replacements(relations)
    for term_id, term in relations.nodes(data=True):
        if prefix_of(term_id) == prefix and "name" in term and not _is_obsolete(term):
            graph.add_node(term_id, name=term["name"])
    if not graph:
        raise ValueError(f"{path}: no term {prefix}:... in this file{_other_prefixes(relations)}")
    _add_is_a(graph, relations, prefix)
    _check_acyclic(graph)
    _check_inferred(graph, relations)
    return graph


def read_text(path: Path) -> str:
    """Return the text of an OBO file, decompressed.

    Raises
    ------
    ValueError
        If its compression is damaged or another, it is no UTF-8, or its SHA-256 is not that of
        `NAME.sha256` beside it.
    """
    content = checked(path).read_bytes()
    try:
        for magic, decompress in COMPRESSIONS.items():
            if content.startswith(magic):
                content = decompress(content)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise ValueError(f"{path}: its compression is damaged ({error}); fetch it again") from error
    for magic, name in OTHER_COMPRESSIONS.items():
        if content.startswith(magic):
            raise ValueError(f"{path}: is compressed by {name}; decompress it first")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: not a readable OBO file: byte {error.start} is no UTF-8, which OBO files are "
            "written in; if it is text of another encoding: iconv -f latin1 -t utf-8"
        ) from error


def resolve(graph: nx.DiGraph, term_ids: Sequence[str]) -> list[str]:
    """Return the current id of each term, following alternative and replaced ids.

    Raises
    ------
    ValueError
        If a term is neither in the graph nor replaced by one that is.
    """
    replacements: dict[str, str] = graph.graph.get("replacements", {})
    resolved = []
    unknown = []
    for term_id in term_ids:
        current, seen = term_id, set()
        while current not in graph and current in replacements and current not in seen:
            seen.add(current)
            current = replacements[current]
        if current in graph:
            resolved.append(current)
        else:
            unknown.append(term_id if term_id == current else f"{term_id} (now {current})")
    if unknown:
        named = ", ".join(map(str, unknown[:5])) + (" ..." if len(unknown) > 5 else "")
        if "path" not in graph.graph:
            raise ValueError(
                f"the graph has no node {named}; add it (a class without relatives is a node "
                "without edges), or correct the name"
            )
        raise ValueError(
            f"{graph.graph['path']} (release {graph.graph.get('release', 'unknown')}): no term "
            f"{named}; use a release that has these terms, or correct the ids"
        )
    return resolved


def resolve_root(graph: nx.DiGraph, root: str) -> str:
    """Return the current id of the term that classes shall lie below.

    Raises
    ------
    ValueError
        If there is none; the roots of the hierarchy are named.
    """
    try:
        return resolve(graph, [root])[0]
    except ValueError:
        path = graph.graph.get("path", "the hierarchy")
        raise ValueError(f"{path}: no term {root}; its roots: {_roots(graph)}") from None


def prefix_of(term_id: str) -> str:
    """What stands before the colon of a term id, as CL in CL:0000540."""
    return term_id.partition(":")[0]


def current_ids(graph: nx.DiGraph, term_ids: Iterable[str]) -> dict[str, str]:
    """Return the current id of each term that has one (`resolve`), without those that have none."""
    current = {}
    for term_id in term_ids:
        with suppress(ValueError):
            (current[term_id],) = resolve(graph, [term_id])
    return current


def reachability(graph: nx.DiGraph, term_ids: Sequence[str]) -> NDArray[np.bool_]:
    """Reachability matrix over a list of terms (paper, "Implementation details for the HCE loss").

    Parameters
    ----------
    graph
        Any directed acyclic graph whose edges lead from parent to child: `read_obo`'s, or your own.
    term_ids
        C different terms (nodes), in class order. Replaced ids are followed.

    Returns
    -------
    numpy.ndarray
        Bool C x C: R[i, j] is true if term j is term i or a descendant of it. Paths through terms
        that are not in the list count.

    Raises
    ------
    ValueError
        If there is no term, a term is unknown, two entries of the list are one term, or the graph
        has a cycle, no directions, or several relations (obonet's own graph, whose edges lead from
        child to parent).
    """
    _check_hierarchy(graph)
    if not len(term_ids):
        raise ValueError("no classes: term_ids is empty")
    resolved = resolve(graph, term_ids)
    index: dict[str, int] = {}
    for position, term_id in enumerate(resolved):
        if term_id in index:
            first, second = term_ids[index[term_id]], term_ids[position]
            if first == second:
                raise ValueError(f"{first} is twice in the list of classes")
            raise ValueError(
                f"{first} and {second} are the same term {term_id}; merge these labels"
            )
        index[term_id] = position
    matrix = np.eye(len(resolved), dtype=bool)
    for term_id, row in index.items():
        columns = [index[other] for other in nx.descendants(graph, term_id) if other in index]
        matrix[row, columns] = True
    return matrix


def direct_parents(matrix: NDArray[np.bool_]) -> list[list[int]]:
    """Parents of each class in the hierarchy pruned to the classes.

    Parameters
    ----------
    matrix
        Bool C x C, reachability.

    Returns
    -------
    list of list of int
        For each class the indices of its nearest ancestors among the classes: those that reach it
        without another class between (transitive reduction).
    """
    strict = matrix & ~np.eye(len(matrix), dtype=bool)
    # a strict ancestor that reaches the class through a third class is no parent
    through_another = (strict.astype(np.int64) @ strict.astype(np.int64)) > 0
    return [np.flatnonzero(column).tolist() for column in (strict & ~through_another).T]


def depths(graph: nx.DiGraph) -> dict[Hashable, int]:
    """Depth of each node: the length of the longest path that leads to it from a root.

    Parameters
    ----------
    graph
        Edges lead from parent to child.

    Raises
    ------
    ValueError
        If the graph has a cycle.
    """
    _check_acyclic(graph)
    # each generation holds the nodes whose ancestors all stand in earlier ones
    generations = enumerate(nx.topological_generations(graph))
    return {node: depth for depth, generation in generations for node in generation}


def _is_obsolete(term: dict[str, object]) -> bool:
    return str(term.get("is_obsolete", "false")).lower() == "true"


def _replacements(relations: nx.MultiDiGraph) -> dict[str, str]:
    replacements: dict[str, str] = {}
    for term_id, term in relations.nodes(data=True):
        for alternative in term.get("alt_id", []):
            replacements[alternative] = term_id
        if _is_obsolete(term) and len(term.get("replaced_by", [])) == 1:
            replacements[term_id] = term["replaced_by"][0]
    return replacements


def _other_prefixes(relations: nx.MultiDiGraph) -> str:
    """What a file without the wanted terms has: the largest ontology, with its roots."""
    terms = {i for i, term in relations.nodes(data=True) if "name" in term and ":" in i}
    if not terms:
        return ""
    ((prefix, count),) = Counter(map(prefix_of, sorted(terms))).most_common(1)
    # obonet's edges lead from child to parent
    upward = relations.subgraph(term for term in terms if prefix_of(term) == prefix)
    return (
        f"; it has {count:,} {prefix}:..., with the roots {_roots(nx.DiGraph(upward).reverse())}: "
        "set the prefix, which the workflow takes from selection.root"
    )


def _roots(graph: nx.DiGraph) -> str:
    """The first roots of a hierarchy, those with most below them, and how many more."""
    roots = sorted((node for node in graph if graph.in_degree(node) == 0), key=str)
    roots.sort(key=lambda node: -len(nx.descendants(graph, node)))
    named = [f"{node} ({graph.nodes[node].get('name', node)})" for node in roots[:3]]
    more = [f"{len(roots) - 3:,} more"] if len(roots) > 3 else []
    return ", ".join([*named, *more])


def _add_is_a(graph: nx.DiGraph, relations: nx.MultiDiGraph, prefix: str) -> None:
    for child in graph:
        for clause in relations.nodes[child]["_clauses"].get("is_a", []):
            parent = clause["value"]
            # "in the lung": true of some cells of the term, and no relation between the terms;
            # terms of other ontologies, which a subset names without defining them, are no classes
            conditional = "gci_relation" in (clause["trailing_modifier"] or "")
            if conditional or prefix_of(parent) != prefix:
                continue
            if parent not in graph:
                raise ValueError(
                    f"{graph.graph['path']}: {child} is_a {parent}, which the file does not define "
                    "as a current term; the file is cut short or edited, fetch it again"
                )
            graph.add_edge(parent, child)


def _check_inferred(graph: nx.DiGraph, relations: nx.MultiDiGraph) -> None:
    """Refuse files such as cl-base.obo, which leave subtypes to a reasoner."""
    missing = [
        f"{term} is defined as a kind of {genus}"
        for term in graph
        for genus in relations.nodes[term].get("intersection_of", [])
        if genus in graph and genus != term and not nx.has_path(graph, genus, term)
    ]
    if missing:
        raise ValueError(
            f"{graph.graph['path']}: {missing[0]} (intersection_of), but no is_a relation says so, "
            f"and so of {len(missing)} terms: subtypes are not inferred in this file. Take one in "
            "which they are: cl.obo, cl-basic.obo or cl-simple.obo, not cl-base.obo"
        )


def _check_hierarchy(graph: nx.DiGraph) -> None:
    if not isinstance(graph, nx.DiGraph) or graph.is_multigraph():
        raise ValueError(
            f"a hierarchy is a networkx.DiGraph with edges from parent to child, got "
            f"{type(graph).__name__}; read OBO files with hce.ontology.read_obo"
        )
    _check_acyclic(graph)


def _check_acyclic(graph: nx.DiGraph) -> None:
    try:
        cycle = nx.find_cycle(graph)
    except nx.NetworkXNoCycle:
        return
    terms = " -> ".join(str(term) for term in [edge[0] for edge in cycle] + [cycle[0][0]])
    raise ValueError(
        f"{graph.graph.get('path', 'the graph')}: is_a relations form a cycle: {terms}"
    )
