"""Tables as HTML that can be searched and sorted, for the pages of the report."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

ROUNDED = 4


@dataclass(frozen=True)
class ShownTable:
    """A table of a page: its anchor, its title, what it is (one sentence), its cells as text."""

    anchor: str
    title: str
    caption: str
    columns: list[str]
    numeric: list[bool]
    rows: list[list[str]]


def shown_table(table: pd.DataFrame, anchor: str, title: str, caption: str) -> ShownTable:
    """Write the cells of a table as text, without the column that only names the data source.

    Parameters
    ----------
    table
        Any table; booleans, numbers and text. Missing values become an empty cell.
    """
    kept = table.drop(columns="data_source", errors="ignore")
    numeric = [bool(pd.api.types.is_numeric_dtype(kept[name])) for name in kept]
    rows = [[cell_text(value) for value in row] for row in kept.itertuples(index=False)]
    return ShownTable(anchor, title, caption, kept.columns.tolist(), numeric, rows)


def cell_text(value: object) -> str:
    """A cell: counts in full, other numbers with four digits after the point or four in all."""
    if isinstance(value, float | np.floating):
        if not np.isfinite(value):
            return ""
        if value == int(value) and abs(value) < 1e12:
            return str(int(value))
        return f"{value:.{ROUNDED}f}" if abs(value) >= 1e-3 else f"{value:.3g}"
    return "" if value is None or value is pd.NA else str(value)


def headline(macro_f1: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    """The gain on new studies, an architecture a row, in the words of a results section.

    Parameters
    ----------
    macro_f1
        Rows of macro_f1.tsv.
    names
        What the architectures are called.
    """
    indexed = macro_f1.set_index(["split", "labels", "architecture"])
    rows = []
    for architecture in macro_f1["architecture"].unique():
        within = indexed.loc[("test", "ood_labels", architecture)]
        ood = indexed.loc[("ood", "all", architecture)]
        interval = f"{ood['gain_ci_low']:+.3f} to {ood['gain_ci_high']:+.3f}"
        tested = np.isfinite(ood["p_holm"])
        rows.append(
            {
                "Architecture": names.get(architecture, architecture),
                "CE, held-out donors": f"{within['ce_mean']:.3f}",
                "CE, new studies": _mean_and_sd(ood, "ce"),
                "HCE, new studies": _mean_and_sd(ood, "hce"),
                "Gain": f"{ood['gain_mean']:+.3f}" if np.isfinite(ood["gain_mean"]) else "",
                "95 % interval": interval if np.isfinite(ood["gain_ci_low"]) else "",
                "P (Holm)": f"{ood['p_holm']:.2g}" if tested else str(ood["note"]),
                "Effect size d": f"{ood['effect_size']:.1f}" if tested else "",
                "Runs a loss": str(int(ood["n_seeds"])),
            }
        )
    return pd.DataFrame(rows)


def _mean_and_sd(row: pd.Series, loss: str) -> str:
    mean, sd = row[f"{loss}_mean"], row[f"{loss}_sd"]
    if not np.isfinite(mean):
        return ""
    return f"{mean:.3f} ± {sd:.3f}" if np.isfinite(sd) else f"{mean:.3f}"
