"""HCE's gain of each cell type against a property of it (Supplementary Figs. 5, 6 and 8).

Tests are across the cell types of the OOD set, on each type's mean difference over the seeds. The
tests of one figure (all architectures and properties) are one family for the adjustment by Holm.
"""

from __future__ import annotations

from collections.abc import Sequence

import networkx as nx
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullFormatter

from hce.compare import CONFIDENCE, holm, is_significant
from hce.figures.cell_types import KIND_COLORS
from hce.figures.hierarchy import ontology_graph
from hce.figures.style import (
    DOUBLE_COLUMN_MM,
    INK,
    QUIET,
    SMALL_PT,
    TEXT_PT,
    dot_handle,
    draw_dots,
    format_compact,
    format_p,
    format_signed,
    new_figure,
    write_beside,
)
from hce.names import architecture_name, known_architectures
from hce.statistics.evidence import node_groups

# a rank correlation or comparison of fewer types says nothing
SMALLEST_GROUP = 3
POINT_COLUMNS = ["architecture", "property", "group", "ontology_term_id", "label", "value", "delta"]
# the group of every type
ALL = "all"
ONE_RUN, NO_VARIATION = "n = 1 run: no test", "no variation: no test"


def type_properties(cell_types: pd.DataFrame) -> pd.DataFrame:
    """What is known of each class before any model is scored.

    Parameters
    ----------
    cell_types
        Rows of cell_types.tsv.

    Returns
    -------
    pandas.DataFrame
        Index ontology_term_id: node_kind, node_group (`node_groups`), descendants and relatives
        (ancestors and descendants) among the classes, n_cells, n_studies, n_tissues, n_assays of
        training.
    """
    graph = ontology_graph(cell_types)
    table = cell_types.set_index("ontology_term_id")
    ancestors = [len(nx.ancestors(graph, node)) for node in table["index"]]
    descendants = [len(nx.descendants(graph, node)) for node in table["index"]]
    columns = ["node_kind", "n_cells", "n_studies", "n_tissues", "n_assays"]
    return table[columns].assign(
        node_group=node_groups(table),
        descendants=descendants,
        relatives=np.add(ancestors, descendants).tolist(),
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


def correlation_tests(points: pd.DataFrame, groups: Sequence[str] = (ALL,)) -> pd.DataFrame:
    """Spearman's rank correlation of value and gain for each architecture, property and group.

    Parameters
    ----------
    points
        What `gain_points` gives.
    groups
        Values of the column group whose types are taken alone, or `all`.

    Returns
    -------
    pandas.DataFrame
        kind (`correlation`), architecture, property, group, n (types), rho, ci_low and ci_high (95
        %, `rho_interval`), p, note (why there is no test, else empty).
    """
    from scipy import stats  # not for drawing

    rows = []
    for (architecture, name), every in points.groupby(["architecture", "property"], sort=False):
        for group in groups:
            part = every if group == ALL else every[every["group"] == group]
            part = part.dropna(subset=["delta"])
            row = {"kind": "correlation", "architecture": architecture, "property": name}
            row |= {"group": group, "n": len(part), "note": ""}
            row |= dict.fromkeys(("rho", "ci_low", "ci_high", "p"), np.nan)
            if len(part) < SMALLEST_GROUP:
                row["note"] = f"{len(part)} types: no test"
            elif part["value"].nunique() == 1 or part["delta"].nunique() == 1:
                row["note"] = NO_VARIATION
            else:
                row["rho"], row["p"] = stats.spearmanr(part["value"], part["delta"])
                row["ci_low"], row["ci_high"] = rho_interval(row["rho"], len(part))
            rows.append(_untested_with_one_run(row, part))
    return pd.DataFrame(rows)


def rho_interval(rho: float, n: int) -> tuple[float, float]:
    """95 % confidence interval of Spearman's rho of n pairs (Bonett and Wright 2000).

    On Fisher's scale, with the variance (1 + rho^2 / 2) / (n - 3); NaN for three pairs or fewer.
    """
    from scipy import stats  # not for drawing

    if n <= 3:
        return np.nan, np.nan
    if abs(rho) == 1:
        return rho, rho
    half = stats.norm.ppf((1 + CONFIDENCE) / 2) * np.sqrt((1 + rho**2 / 2) / (n - 3))
    low, high = np.tanh(np.arctanh(rho) + np.array([-half, half]))
    return float(low), float(high)


def group_tests(points: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Mann-Whitney U test of the gain between two groups of types for each architecture.

    Parameters
    ----------
    points
        What `gain_points` gives, with one property.
    pairs
        Values of the column group that are compared.

    Returns
    -------
    pandas.DataFrame
        kind (`groups`), architecture, property, first and second (the groups), n_first, n_second,
        mean_first, mean_second, difference (of the means), u (of the first), p, note.
    """
    from scipy import stats  # not for drawing

    rows = []
    for (architecture, name), part in points.groupby(["architecture", "property"], sort=False):
        for groups in pairs:
            gains = [part.loc[part["group"] == group, "delta"].dropna() for group in groups]
            row = {"kind": "groups", "architecture": architecture, "property": name, "note": ""}
            for place, group, values in zip(("first", "second"), groups, gains, strict=True):
                row |= {place: group, f"n_{place}": len(values), f"mean_{place}": values.mean()}
            row["difference"] = row["mean_first"] - row["mean_second"]
            row |= {"u": np.nan, "p": np.nan}
            if min(map(len, gains)) < SMALLEST_GROUP:
                row["note"] = f"{len(gains[0])} and {len(gains[1])} types: no test"
            elif pd.concat(gains).nunique() == 1:
                row["note"] = NO_VARIATION
            else:
                row["u"], row["p"] = stats.mannwhitneyu(*gains, alternative="two-sided")
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


FRAME_MM = 24.0
ROW_MM = 58.0
# from line to line of the tests over a panel
STATISTIC_PT = 8.0
GROUP_COLORS = KIND_COLORS | {"connected leaf": KIND_COLORS["leaf"], "isolated leaf": "#F0E442"}
# what a property of cell types is called, and how its axis is scaled
PROPERTIES = {
    "descendants": ("Descendants among the trained types", "symlog"),
    "relatives": ("Relatives among the trained types", "symlog"),
    "n_cells": ("Training cells", "log"),
    "n_studies": ("Training studies", "linear"),
    "n_tissues": ("Training tissues", "linear"),
    "n_assays": ("Training assays", "linear"),
}
KIND_TITLES = {
    "descendants": "Gain of HCE by node kind and number of descendants (OOD)",
    "relatives": "Gain of HCE by place in the hierarchy and number of relatives there (OOD)",
}
PROPERTIES_TITLE = "Gain of HCE against rarity, studies, tissues and assays in training (OOD)"


def draw_kinds(points: pd.DataFrame, tests: pd.DataFrame) -> Figure:
    """Draw Supplementary Figs. 5 and 6: groups of types and, below, a count of relatives."""
    architectures = list(dict.fromkeys(points["architecture"]))
    fig, axes = _grid(KIND_TITLES[points["property"].iloc[0]], tests, (2, len(architectures)))
    for (row, column), ax in np.ndenumerate(axes):
        architecture, kind = architectures[column], ("groups", "correlation")[row]
        part = points[points["architecture"] == architecture]
        chosen = tests[(tests["kind"] == kind) & (tests["architecture"] == architecture)]
        _draw_panel(ax, "" if row else architecture_name(architecture), part, chosen)
    return fig


def draw_properties(points: pd.DataFrame, tests: pd.DataFrame) -> Figure:
    """Draw Supplementary Fig. 8: a row an architecture, a column a property of the types."""
    architectures = list(dict.fromkeys(points["architecture"]))
    names = list(dict.fromkeys(points["property"]))
    found = set(points["group"]) & set(GROUP_COLORS)
    key = [dot_handle(k, GROUP_COLORS[k]) for k in sorted(found)]
    fig, axes = _grid(PROPERTIES_TITLE, tests, (len(architectures), len(names)), key)
    parts = dict(tuple(points.groupby(["architecture", "property"])))
    chosen = dict(tuple(tests.groupby(["architecture", "property"], sort=False)))
    for (row, column), ax in np.ndenumerate(axes):
        keys = architectures[row], names[column]
        name = "" if column else architecture_name(architectures[row])
        _draw_panel(ax, name, parts[keys], chosen[keys])
    return fig


def _grid(
    title: str, tests: pd.DataFrame, shape: tuple[int, int], *keys: list[Artist]
) -> tuple[Figure, np.ndarray]:
    """Figure and its panels; says what a dot is and which tests were made."""
    names = {
        "correlation": "ρ, Spearman (95 % interval)",
        "groups": "box, quartiles; P, Mann-Whitney U",
    }
    words = "; ".join(names[kind] for kind in dict.fromkeys(tests["kind"]))
    n_tests = int(tests["n_tests"].iloc[0])
    note = f"{words}; *, P < 0.05 (Holm over {n_tests})" if n_tests else "no test"
    note = f"Dot, an OOD cell type (mean over seeds); {note}"
    height = FRAME_MM + ROW_MM * shape[0]
    fig = new_figure(DOUBLE_COLUMN_MM, height, title, *keys, note=note)
    return fig, fig.subplots(*shape, squeeze=False, sharey=True)


def _draw_panel(ax: Axes, name: str, part: pd.DataFrame, tests: pd.DataFrame) -> None:
    """The line of no gain, the architecture's name, and the types with tests, if there are."""
    ax.axhline(0, color=INK, linewidth=0.6, zorder=1)
    ax.grid(axis="y")
    over = {"xycoords": "axes fraction", "size": TEXT_PT, "weight": "bold"}
    write_beside(ax, name, (0, 1), (0, 5 + STATISTIC_PT * len(tests)), **over)
    part = part.dropna(subset=["delta"])
    if part.empty:
        missing = {"ha": "center", "color": QUIET, "transform": ax.transAxes}
        ax.text(0.5, 0.1, "no pair of CE and HCE runs", **missing)
        ax.set(xticks=[])
    elif tests["kind"].iloc[0] == "groups":
        _draw_groups(ax, part, tests)
    else:
        _draw_points(ax, part, tests)
    if ax.get_subplotspec().is_first_col():
        ax.set_ylabel("Δ F1 (HCE − CE)")


def _draw_groups(ax: Axes, part: pd.DataFrame, tests: pd.DataFrame) -> None:
    """Each group's types as dots, its median and quartiles as a box, its mean as a number."""
    import seaborn as sns  # a second, which the tables do not need

    groups = list(dict.fromkeys([*tests["first"], *tests["second"]]))
    by = {"x": "group", "y": "delta", "order": groups, "hue": "group", "ax": ax}
    colors = {name: GROUP_COLORS.get(name, QUIET) for name in groups}
    # where there is no room for a dot, it lies on others
    dots = {"size": 2.8, "linewidth": 0.3, "edgecolor": INK, "legend": False, "warn_thresh": 1}
    sns.swarmplot(part, **by, palette=colors, **dots)
    # not seaborn's: it asks matplotlib for what matplotlib is about to drop
    gains = [part.loc[part["group"] == group, "delta"] for group in groups]
    box = {"showfliers": False, "whis": 0, "showcaps": False, "widths": 0.66, "zorder": 4}
    lines = {"boxprops": {"linewidth": 0.6}, "medianprops": {"color": INK, "linewidth": 1.2}}
    ax.boxplot(gains, positions=range(len(groups)), **box, **lines)
    names = []
    for group, values in zip(groups, gains, strict=True):
        mean = f"mean {format_signed(values.mean(), 2)}" if len(values) else "none"
        names.append(f"{group}\nn = {len(values)} types\n{mean}")
    ax.set(xlim=(-0.55, len(groups) - 0.45), xlabel="")
    ax.set_xticks(range(len(groups)), names, linespacing=1.25)
    ax.tick_params(axis="x", length=0)
    texts = [
        f"{row.first} − {row.second}: {format_signed(row.difference, 2)}, {format_p(row.p)}"
        for row in tests.itertuples()
    ]
    _write_tests(ax, texts, tests)


def _draw_points(ax: Axes, part: pd.DataFrame, tests: pd.DataFrame) -> None:
    """Each type at its property, colored by its group, and the correlations over the panel."""
    for group, rows in part.groupby("group"):
        draw_dots(ax, rows["value"], rows["delta"], GROUP_COLORS.get(str(group), QUIET))
    name, scale = PROPERTIES[str(tests["property"].iloc[0])]
    ax.set_xlabel(name)
    if scale == "symlog":
        # counts that include zero and are mostly small
        ax.set_xscale(scale, linthresh=1, linscale=0.6)
        ax.xaxis.set_major_locator(FixedLocator([0, 1, 3, 10, 30, 100]))
        ax.xaxis.set_major_formatter("{x:.0f}")
        ax.minorticks_off()
        ax.set_xlim(-0.25, max(part["value"].max(), 1) * 1.3)
    elif scale == "log":
        ax.set_xscale(scale)
        ax.xaxis.set_major_formatter(lambda value, _: format_compact(value))
        ax.xaxis.set_minor_formatter(NullFormatter())
    else:
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    texts = []
    for row in tests.itertuples():
        rho, low, high = (format_signed(v, 2) for v in (row.rho, row.ci_low, row.ci_high))
        interval = f"({low} to {high})".replace("+", "")
        if len(tests) == 1:
            texts.append(f"ρ = {rho} {interval}, n = {row.n:.0f}")
        else:
            texts.append(f"{row.group}, {row.n:.0f}: {rho} {interval}")
    _write_tests(ax, texts, tests)


def _write_tests(ax: Axes, texts: list[str], tests: pd.DataFrame) -> None:
    """Write a line a test over the axes, with a star if its adjusted P is below 0.05."""
    lines = []
    for text, row in zip(texts, tests.itertuples(), strict=True):
        if isinstance(row.note, str) and row.note:
            text = f"{text.split(':')[0]}: {row.note}" if ":" in text else row.note
        lines.append(f"{text}*" if is_significant(row.p_holm) else text)
    ax.set_title("\n".join(lines), fontsize=SMALL_PT, linespacing=1.25)
