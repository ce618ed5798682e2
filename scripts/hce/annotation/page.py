"""A page on what a file's cells were called: offline HTML, in the style of the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hce.files import write_atomically
from hce.models import ModelFacts
from hce.ontology import direct_parents

# groups and calls of a group that a table shows; the file has the others
MOST_GROUPS, MOST_CALLS = 60, 5
NO_CALL = "no call"
TEMPLATE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<link rel="icon" href="data:,">
<style>
  body { margin: 0 auto; padding: 0 1rem 4rem; max-width: 60rem; color: #1a1a1a; background: #fff;
         font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; }
  h1 { font-size: 1.6rem; }
  h2 { font-size: 1.2rem; margin-top: 2.5rem; border-top: 1px solid #ddd; }
  .source { background: #fff4e0; border-left: 4px solid #e69f00; padding: .5rem .75rem; }
  .scroll { overflow-x: auto; }
  table { border-collapse: collapse; font-size: .85rem; }
  th, td { padding: .2rem .6rem; text-align: left; border-bottom: 1px solid #eee; }
  .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
  .bar { display: inline-block; height: .7rem; background: #0072b2; vertical-align: middle; }
</style>
</head>
<body>
<h1>{{ title }}</h1>
<p class="source"><strong>Models trained on: {{ trained }}.</strong> Scores are what the networks
give, not how often they are right.</p>
<p>{{ facts }}</p>
<h2>How far down the cells are called</h2>
<p>Level of the safe call (score at least {{ threshold }}): 1 is most general, 0 is no call.</p>
<div class="scroll"><table>
<tr><th>level</th><th class="number">cells</th><th>share</th></tr>
{%- for row in levels %}
<tr><td>{{ row.name }}</td><td class="number">{{ "{:,}".format(row.cells) }}</td>
<td><span class="bar" style="width: {{ (150 * row.share) | round(1) }}px"></span>
{{ "{:.1%}".format(row.share) }}</td></tr>
{%- endfor %}
</table></div>
<h2>On the hierarchy</h2>
<p>Cells whose safe call is the cell type, and all at it or below it. A cell type of several parents
stands below one of them.</p>
<div class="scroll"><table>
<tr><th>cell type</th><th class="number">called</th><th class="number">or below</th><th></th></tr>
{%- for row in nodes %}
<tr><td style="padding-left: {{ 0.6 + 1.2 * row.level }}rem">{{ row.name }}</td>
<td class="number">{{ "{:,}".format(row.cells) }}</td>
<td class="number">{{ "{:,}".format(row.below) }}</td>
<td><span class="bar" style="width: {{ (150 * row.share) | round(1) }}px"></span></td></tr>
{%- endfor %}
</table></div>
{%- for column, groups in tables.items() %}
<h2>By {{ column }}</h2>
<div class="scroll"><table>
<tr><th>{{ column }}</th><th class="number">cells</th><th>most frequent safe calls</th></tr>
{%- for group in groups %}
<tr><td>{{ group.name }}</td><td class="number">{{ "{:,}".format(group.cells) }}</td>
<td>{{ group.calls }}</td></tr>
{%- endfor %}
</table></div>
{%- endfor %}
</body>
</html>
"""


class Row(NamedTuple):
    """A level or a cell type: its cells, those at it or below, their share of all."""

    name: str
    cells: int
    share: float
    below: int = 0
    level: int = 0


class Group(NamedTuple):
    """A cluster or sample of the file."""

    name: str
    cells: int
    calls: str


def hierarchy_rows(call: NDArray[np.int64], facts: ModelFacts) -> list[Row]:
    """Cell types that are called, and those above them, as an indented outline.

    Parameters
    ----------
    call
        int64 N, the safe class of each cell, -1 for none.
    facts
        Of the model: labels and R.
    """
    reach = facts.reachability
    cells = np.bincount(call[call >= 0], minlength=len(reach))
    below = reach.astype(np.int64) @ cells
    parents = direct_parents(reach)
    children: dict[int | None, list[int]] = {}
    for node in sorted(range(len(reach)), key=lambda c: (-below[c], facts.labels[c])):
        if below[node]:
            # the parent that holds most of these cells
            above = max(parents[node], key=lambda p: (below[p], -p), default=None)
            children.setdefault(above, []).append(node)

    def outline(parent: int | None, level: int) -> Iterator[Row]:
        for node in children.get(parent, []):
            share = below[node] / len(call)
            yield Row(facts.labels[node], int(cells[node]), share, int(below[node]), level)
            yield from outline(node, level + 1)

    return list(outline(None, 0))


def group_rows(values: pd.Series, call: NDArray[np.int64], facts: ModelFacts) -> list[Group]:
    """The largest groups of a column of obs, each with its most frequent safe calls."""
    names = np.array([*facts.labels, NO_CALL], dtype=object)[call]
    table = pd.DataFrame({"group": values.astype(str).to_numpy(), "call": names})
    rows = []
    for group, n in table["group"].value_counts().head(MOST_GROUPS).items():
        counts = table.loc[table["group"] == group, "call"].value_counts()
        said = [f"{name} {cells / n:.0%}" for name, cells in counts.head(MOST_CALLS).items()]
        if len(counts) > MOST_CALLS:
            said.append(f"{len(counts) - MOST_CALLS} more")
        rows.append(Group(str(group), int(n), ", ".join(said)))
    return rows


def write_page(
    path: Path,
    call: NDArray[np.int64],
    steps: NDArray[np.int64],
    facts: ModelFacts,
    said: Mapping[str, Any],
    groups: Mapping[str, pd.Series],
) -> None:
    """Write the page.

    Parameters
    ----------
    path
        HTML file.
    call, steps
        int64 N: safe class of each cell (-1 for none), and the level at which it is called.
    facts
        Of the models.
    said
        What `uns["hce"]` of the annotated file holds.
    groups
        Columns of obs to tell apart, by name.
    """
    levels = [Row(str(level), int(n), n / len(steps)) for level, n in enumerate(np.bincount(steps))]
    sources = sorted(set(said["models"].get("data_source", ["data that they do not name"])))
    networks = ", ".join(sorted(set(said["models"]["architecture"])))
    counted = (
        f"{len(call):,} cells; {said['genes_matched']:,} of the model's "
        f"{said['genes_of_model']:,} genes and {said['counts_matched']:.1%} of the counts matched; "
        f"{said['cells_without_counts']:,} cells without counts of them; "
        f"{len(said['models']['file'])} models ({networks})."
    )
    template = jinja2.Environment(autoescape=True).from_string(TEMPLATE)
    text = template.render(
        title="Cell types of this file",
        trained=", ".join(sources),
        facts=counted,
        threshold=said["threshold"],
        levels=levels,
        nodes=hierarchy_rows(call, facts),
        tables={name: group_rows(values, call, facts) for name, values in groups.items()},
    )
    with write_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
