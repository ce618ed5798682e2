"""Print the headline of a run: macro F1 of CE and HCE for each architecture, and the gain."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from hce.command import run_script
from hce.files import write_atomically
from hce.names import architecture_name
from hce.report.decoded import decoded
from hce.tables import read_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--macro-f1", type=Path, required=True, help="macro_f1.tsv")
    parser.add_argument("--decisions", type=Path, required=True, help="TSV")
    parser.add_argument("--figures", required=True, help="folder named below the table")
    parser.add_argument("--output", type=Path, required=True, help="text file to write")
    arguments = parser.parse_args()
    macro_f1, decisions = read_table(arguments.macro_f1), read_table(arguments.decisions)
    text = headline(macro_f1, decisions, arguments.figures)
    print(text, end="")
    with write_atomically(arguments.output) as temporary:
        temporary.write_text(text)


def headline(table: pd.DataFrame, decisions: pd.DataFrame, figures: str) -> str:
    """Format the macro F1 of each architecture, held-out donors (ID) and new studies (OOD).

    Below it, what a reader must know of the gain: how much of it is left over CE that is decoded
    through the hierarchy, and what becomes of the exact label.
    """
    indexed = table.set_index(["split", "labels", "architecture"])
    seeds, source = table["n_seeds"].max(), table["data_source"].iloc[0]
    counted = "1 seed" if seeds == 1 else f"{seeds} seeds"
    lines = [
        f"Macro F1 over {indexed.loc['ood']['n_labels'].max()} cell types, {counted}. "
        f"Data: {source}.",
        "",
        f"{'':8}{'CE ID':>8}{'CE OOD':>8}{'HCE OOD':>9}{'OOD gain':>18}{'p (Holm)':>10}",
    ]
    row_of = dict(indexed.iterrows())
    for architecture in table["architecture"].unique():
        within = row_of.get(("test", "ood_labels", architecture))
        ood = row_of["ood", "all", architecture]
        p = "no test" if pd.isna(ood["p_holm"]) else f"{ood['p_holm']:.2g}"
        held_out = float("nan") if within is None else within["ce_mean"]
        scores = (held_out, ood["ce_mean"], ood["hce_mean"])
        shown = [f"{score:.3f}" if pd.notna(score) else "–" for score in scores]
        lines.append(
            f"{architecture_name(architecture):8}"
            f"{shown[0]:>8}{shown[1]:>8}{shown[2]:>9}{_gain(ood):>18}{p:>10}"
        )
    lines += ["", *decoded(decisions), "", f"Figures: {figures}"]
    return "\n".join(lines) + "\n"


def _gain(row: pd.Series) -> str:
    """The gain with its standard deviation, as far as there are runs to tell."""
    if pd.isna(row["gain_mean"]):
        return "no pair of runs"
    spread = f" ± {row['gain_sd']:.3f}" if pd.notna(row["gain_sd"]) else " (n = 1)"
    return f"{row['gain_mean']:+.3f}{spread}"


if __name__ == "__main__":
    run_script(main)
