"""Source data of Supplementary Figs. 5, 6 and 8: HCE's gain against what a cell type is.

Tests are across the cell types of the OOD set, on each type's mean difference over the seeds. The
tests of one figure (all architectures and properties) are one family for the adjustment by Holm.
"""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
from scipy import stats

from hce.compare import holm
from hce.figure2_tables import ontology_graph
from hce.names import known_architectures

# a rank correlation or comparison of fewer types says nothing
SMALLEST_GROUP = 3
POINT_COLUMNS = ["architecture", "property", "group", "ontology_term_id", "label", "value", "delta"]
ONE_RUN = "n = 1 run: no test"


def type_properties(cell_types: pd.DataFrame) -> pd.DataFrame:
    """What is known of each class before any model is scored.

    Parameters
    ----------
    cell_types
        Rows of cell_types.tsv.

    Returns
    -------
    pandas.DataFrame
        Index ontology_term_id: node_kind, connectivity, descendants and relatives (ancestors and
        descendants) among the classes, n_cells, n_studies, n_tissues, n_assays of training.
    """
    graph = ontology_graph(cell_types)
    table = cell_types.set_index("ontology_term_id")
    ancestors = [len(nx.ancestors(graph, node)) for node in table["index"]]
    descendants = [len(nx.descendants(graph, node)) for node in table["index"]]
    columns = ["node_kind", "connectivity", "n_cells", "n_studies", "n_tissues", "n_assays"]
    return table[columns].assign(
        descendants=descendants, relatives=np.add(ancestors, descendants).tolist()
    )


def gain_points(
    tests: pd.DataFrame, properties: pd.DataFrame, names: list[str], grouping: str
) -> pd.DataFrame:
    """One point an architecture, property and OOD cell type: the property and the mean gain.

    Parameters
    ----------
    tests
        Rows of per_cell_type.tsv.
    properties
        What `type_properties` gives.
    names
        The columns of `properties` to take.
    grouping
        The column of `properties` that divides the types into groups.

    Returns
    -------
    pandas.DataFrame
        architecture, property, group, ontology_term_id, label, value, delta, n_seeds, data_source.
        An architecture without a pair of runs has one row a property without a type.
    """
    ood = tests[(tests["split"] == "ood") & tests["delta"].notna()]
    ood = ood.drop(columns=properties.columns, errors="ignore")
    ood = ood.join(properties, on="ontology_term_id").sort_values("ontology_term_id")
    parts = []
    for architecture in known_architectures(tests["architecture"]):
        part = ood[ood["architecture"] == architecture]
        for name in names:
            points = part.assign(property=name, value=part[name], group=part[grouping])
            if points.empty:
                points = pd.DataFrame({"property": [name], "n_seeds": [0]})
            points = points.assign(architecture=architecture)
            parts.append(points.reindex(columns=[*POINT_COLUMNS, "n_seeds"]))
    table = pd.concat(parts, ignore_index=True)
    return table.assign(data_source=tests["data_source"].iloc[0])


def correlation_tests(points: pd.DataFrame) -> pd.DataFrame:
    """Spearman's rank correlation of value and gain for each architecture and property.

    Returns
    -------
    pandas.DataFrame
        kind (`correlation`), architecture, property, n (types), rho, p, note (why there is no test,
        else empty).
    """
    rows = []
    for keys, part in points.groupby(["architecture", "property"], sort=False):
        part = part.dropna(subset=["delta"])
        row = dict(zip(("architecture", "property"), keys, strict=True))
        row |= {"kind": "correlation", "n": len(part), "rho": np.nan, "p": np.nan, "note": ""}
        if len(part) < SMALLEST_GROUP:
            row["note"] = f"{len(part)} types: no test"
        elif part["value"].nunique() == 1 or part["delta"].nunique() == 1:
            row["note"] = "no variation: no test"
        else:
            test = stats.spearmanr(part["value"], part["delta"])
            row |= {"rho": test.statistic, "p": test.pvalue}
        rows.append(_untested_with_one_run(row, part))
    return pd.DataFrame(rows)


def group_tests(points: pd.DataFrame, groups: tuple[str, str]) -> pd.DataFrame:
    """Mann-Whitney U test of the gain between two groups of types for each architecture.

    Parameters
    ----------
    points
        What `gain_points` gives, with one property.
    groups
        The two values of the column group.

    Returns
    -------
    pandas.DataFrame
        kind (`groups`), architecture, property, first and second (the groups), n_first, n_second,
        mean_first, mean_second, u (of the first), p, note.
    """
    rows = []
    for (architecture, name), part in points.groupby(["architecture", "property"], sort=False):
        gains = [part.loc[part["group"] == group, "delta"].dropna() for group in groups]
        row = {"kind": "groups", "architecture": architecture, "property": name, "note": ""}
        for place, group, values in zip(("first", "second"), groups, gains, strict=True):
            row |= {place: group, f"n_{place}": len(values), f"mean_{place}": values.mean()}
        row |= {"u": np.nan, "p": np.nan}
        if min(map(len, gains)) < SMALLEST_GROUP:
            row["note"] = f"{len(gains[0])} and {len(gains[1])} types: no test"
        elif pd.concat(gains).nunique() == 1:
            row["note"] = "no variation: no test"
        else:
            test = stats.mannwhitneyu(*gains, alternative="two-sided")
            row |= {"u": test.statistic, "p": test.pvalue}
        rows.append(_untested_with_one_run(row, part))
    return pd.DataFrame(rows)


def one_family(tests: list[pd.DataFrame], figure: str, data_source: str) -> pd.DataFrame:
    """The tests of one figure as one table, adjusted together by Holm (p_holm, n_tests, family)."""
    table = pd.concat(tests, ignore_index=True)
    counts = [column for column in ("n", "n_first", "n_second") if column in table]
    table[counts] = table[counts].astype("Int64")
    table["p_holm"] = holm(table["p"])
    n_tests = int(table["p"].notna().sum())
    family = f"all tests of {figure}"
    return table.assign(n_tests=n_tests, family=family, data_source=data_source)


def _untested_with_one_run(row: dict[str, object], points: pd.DataFrame) -> dict[str, object]:
    """Take p away where the gains are those of one run: their spread over seeds is unknown."""
    if len(points) and points["n_seeds"].max() == 1:
        row |= {"p": np.nan, "note": row["note"] or ONE_RUN}
    return row
