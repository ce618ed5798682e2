"""Write the overview of a run as one HTML file: figures, headline, hierarchy, claims, tables.

The file needs nothing else: the code that draws the hierarchy (Bokeh) and that searches and sorts
the tables (itables) is inside it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from hce.command import run_script
from hce.figures.hierarchy_panels import OVERVIEW
from hce.files import write_atomically
from hce.hierarchy.files import read_cell_types
from hce.names import PUBLISHED, architecture_name
from hce.report.decoded import decoded
from hce.report.page import (
    ShownTable,
    draw_page,
    headline,
    node_data,
    render,
    shown_figure,
    shown_table,
)
from hce.statistics.decisions import PAPER_RULE
from hce.tables import read_table

TITLE = "Hierarchical cross-entropy for cell type annotation: the results of this run"
SIMULATED = (
    "The numbers show the pipeline and the mechanism; they are no evidence for the size of the "
    "gain, since the parameters of the simulation were searched until the picture was "
    "qualitatively the paper's."
)
# by what a data source says
WARNINGS = {
    "simulated Census": SIMULATED,
    PUBLISHED: "No model was trained here: the models are those behind the published files.",
}
DRAWING = (
    "All trained cell types; parents stand above their children. Color, mean difference of OOD F1, "
    "HCE minus CE (green, gain; red, loss; gray, not in the OOD set); size, training cells. Point "
    "at a node for its numbers and its neighbors; drag to move; zoom with the tools."
)
# what the page opens with, the first two side by side
FIGURES = {
    "fig1e": "Plain cross-entropy (CE) on new studies (OOD), and how far it falls below held-out "
    "donors of the studies it was trained on (ID).",
    "fig2b": "Hierarchical cross-entropy (HCE) against CE on new studies: the gain, and its P over "
    "the seeds.",
    "decisions": "Is the gain real? What is left of it once CE is decoded through the hierarchy, "
    "without training it again; and, black lines, where only the exact label counts.",
    "fig2c": "Where the gain sits: change of F1 by HCE of each cell type.",
}
TESTS = "two-sided paired t-test over the seeds; p_holm, adjusted over the rows of one architecture"
# option: anchor, title, caption
TABLES = {
    "claims": (
        "claims",
        "Claims of the paper",
        "Every number and claim of the text, ours beside it. Only the paper's data can decide "
        "them; in_these_data says whether the same is seen in those of this run.",
    ),
    "macro_f1": (
        "macro-f1",
        "Macro F1",
        "CE and HCE: the gain with its 95 % interval (Student's t) and a two-sided paired t-test "
        "over the seeds, p_holm adjusted within the family. The spread of each loss and the effect "
        "size are in tables/macro_f1.tsv.",
    ),
    "decisions": (
        "decisions",
        "Is the gain real? Decision rules",
        "OOD macro F1 of HCE as in the paper against CE called by other rules without training it "
        "again (corrected_f1: the label or finer is right; exact_f1: the label alone); left, what "
        "remains of the gain. Tests over the seeds know the noise of training only.",
    ),
    "metrics": (
        "metrics",
        "Is the gain real? Metrics",
        "OOD, both losses called by argmax, under the paper's metric and others; better, the loss "
        "with the better mean; over, whether each cell or each label counts the same.",
    ),
    "new_study": (
        "new-study",
        "The next study",
        "OOD gain with intervals over studies or tissues, donors and seeds; prediction_low and "
        "prediction_high, where the gain in a new one is expected (95 %).",
    ),
    "power": (
        "power",
        "What the tests could have found",
        "For each cell type the smallest mean difference that is significant (critical), and the "
        "true one that is found in 4 of 5 repetitions (detectable).",
    ),
    "per_study": ("studies", "New studies", f"Macro F1 in each OOD study; {TESTS}."),
    "per_cell_type": ("cell-types", "Cell types", f"OOD F1 of each cell type; {TESTS}."),
    "strata": (
        "strata",
        "Tissues, diseases and assays",
        f"OOD macro F1 in each, and in those seen and unseen in training; {TESTS} and grouping.",
    ),
    "tableS1": ("table-s1", "Table S1: linear", "Hyperparameters that the trainings recorded."),
    "tableS2": ("table-s2", "Table S2: MLP", "Hyperparameters that the trainings recorded."),
    "tableS3": ("table-s3", "Table S3: TabNet", "Hyperparameters that the trainings recorded."),
    "provenance": ("provenance", "Provenance", "Code, versions, data, settings and checksums."),
    "resources": (
        "resources",
        "Time and memory",
        "Of the last execution of each job, by rule: seconds, and the largest resident set in MiB.",
    ),
}
OWN_LOSSES = (
    "own-losses",
    "Own losses",
    "Macro F1 of the losses beside CE and HCE; gain is loss minus baseline. Tested as above; the "
    "own losses and architectures of one baseline, split and set of labels are one family.",
)
COMPARISONS = ("macro_f1", "per_cell_type", "per_study", "strata")
QUESTIONS = ("decisions", "metrics", "new_study", "power")
# first in a table, as far as it has them: what was compared, the gain, and its P
NAMES = ("cell type", "study", "architecture", "split", "grouping", "group")
GAINS = ("gain_mean", "delta", "gain_ci_low", "gain_ci_high", "p_holm")
# what the page leaves to the files in tables/
SPREADS = (
    *("ce_sd", "ce_ci_low", "ce_ci_high", "hce_sd", "hce_ci_low", "hce_ci_high", "delta_sd"),
    *("gain_sd", "delta_ci_low", "delta_ci_high", "effect_size", "t", "data_source"),
)
QUESTIONS_FIRST = ("decisions", "metrics")
LEFT_OUT = ("family", "n_tests", "ontology_term_id", "dataset_id")


def main() -> None:
    """Read the tables and the drawing's source data, fill the template."""
    arguments = _parse()
    tables = {name: read_table(getattr(arguments, name)) for name in TABLES}
    macro_f1 = tables["macro_f1"]
    source = str(macro_f1["data_source"].iloc[0])
    first = headline(macro_f1)
    n_types = int(macro_f1.loc[macro_f1["split"] == "ood", "n_labels"].max())
    caption = f"Macro F1 over the {n_types} cell types of the OOD set: mean ± sd over the seeds."
    caption = " ".join([caption, *decoded(tables["decisions"])])
    shown = [shown_table(first, "headline", "Headline", caption)]
    # of the authors' own models nobody has asked yet whether the gain is real
    leading = QUESTIONS_FIRST if PUBLISHED in source else ()
    shown += [_shown(tables[name], name) for name in dict.fromkeys((*leading, *TABLES))]
    if arguments.own_losses:
        after = [table.anchor for table in shown].index("macro-f1") + 1
        shown.insert(after, shown_table(read_table(arguments.own_losses), *OWN_LOSSES))
    nodes, edges = read_table(arguments.nodes), read_table(arguments.edges)
    whole, lines = nodes[nodes["view"] == OVERVIEW], edges[edges["view"] == OVERVIEW]
    data = node_data(whole, lines, read_cell_types(arguments.cell_types), tables["per_cell_type"])
    ran = list(dict.fromkeys(macro_f1["architecture"]))
    first_shown = "mlp" if "mlp" in ran else ran[0]
    page = render(
        arguments.template.read_text(encoding="utf-8"),
        title=TITLE,
        data_source=source,
        warning=" ".join(text for start, text in WARNINGS.items() if start in source),
        tables=shown,
        figures=[shown_figure(path, FIGURES[path.stem]) for path in arguments.figures],
        drawing_after=2,
        drawing_caption=DRAWING,
        drawing=draw_page(data, lines, first_shown),
        shown=first_shown,
        architectures={name: architecture_name(name) for name in ran},
    )
    with write_atomically(arguments.output) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in TABLES:
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=Path, required=True, help="TSV to show")
    parser.add_argument(
        "--figures", type=Path, nargs="+", required=True, help=f"PNG of each of {[*FIGURES]}"
    )
    parser.add_argument("--own-losses", type=Path, nargs="?", help="TSV to show, if there is one")
    parser.add_argument("--cell-types", type=Path, required=True, help="cell_types.tsv")
    parser.add_argument("--nodes", type=Path, required=True, help="figS3.csv: places of the nodes")
    parser.add_argument("--edges", type=Path, required=True, help="figS3_edges.csv: their lines")
    parser.add_argument("--template", type=Path, required=True, help="page.html.jinja")
    parser.add_argument("--output", type=Path, required=True, help="HTML file to write")
    return parser.parse_args()


def _shown(table: pd.DataFrame, name: str) -> ShownTable:
    """One table; of comparisons the rows and columns that a reader of the page asks for."""
    if name in QUESTIONS + COMPARISONS:
        if name != "macro_f1" and "split" in table:
            table = table[table["split"] == "ood"].drop(columns="split")
        if name == "metrics":
            table = table[table["rule"] == PAPER_RULE]
        if name in QUESTIONS:
            table = table.drop(columns="labels", errors="ignore")
        table = table.drop(columns=[*LEFT_OUT, *SPREADS], errors="ignore")
    if name in COMPARISONS:
        if name == "per_cell_type":
            table = table.assign(**{"cell type": table.pop("label")})
        first = [column for column in NAMES + GAINS if column in table]
        table = table[[*first, *table.columns.drop(first)]]
    return shown_table(table, *TABLES[name])


if __name__ == "__main__":
    run_script(main)
