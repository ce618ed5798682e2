"""Write the overview of a run as one HTML file: headline, hierarchy, claims, tables, provenance.

The file needs nothing else: the code that draws the hierarchy (Bokeh) and that searches and sorts
the tables (itables) is inside it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from hce.figures.hierarchy_panels import OVERVIEW
from hce.files import write_atomically
from hce.hierarchy.files import read_cell_types
from hce.names import ARCHITECTURE_NAMES, PUBLISHED
from hce.report.decoded import decoded
from hce.report.page import ShownTable, draw_page, headline, node_data, render, shown_table
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
        "CE and HCE with mean, sd, 95 % interval (Student's t), effect size (mean / sd of the "
        "differences) and two-sided paired t-test over the seeds, adjusted within the family.",
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
COMPARISONS = ("per_cell_type", "per_study", "strata")
QUESTIONS = ("decisions", "metrics", "new_study", "power")
SPREADS = (
    *("ce_sd", "ce_ci_low", "ce_ci_high", "hce_sd", "hce_ci_low", "hce_ci_high", "delta_sd"),
    *("effect_size", "t", "labels", "data_source"),
)
QUESTIONS_FIRST = ("decisions", "metrics")
LEFT_OUT = ("split", "family", "n_tests", "ontology_term_id", "dataset_id")


def main() -> None:
    """Read the tables and the drawing's source data, fill the template."""
    arguments = _parse()
    tables = {name: read_table(getattr(arguments, name)) for name in TABLES}
    macro_f1 = tables["macro_f1"]
    source = str(macro_f1["data_source"].iloc[0])
    first = headline(macro_f1, ARCHITECTURE_NAMES)
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
    ran = [name for name in ARCHITECTURE_NAMES if name in set(macro_f1["architecture"])]
    item = draw_page(data, lines, "mlp" if "mlp" in ran else ran[0])
    page = render(
        arguments.template.read_text(encoding="utf-8"),
        title=TITLE,
        data_source=source,
        warning=" ".join(text for start, text in WARNINGS.items() if start in source),
        tables=shown,
        drawing_after=2,
        drawing_caption=DRAWING,
        drawing=item,
    )
    with write_atomically(arguments.output) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in TABLES:
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=Path, required=True, help="TSV to show")
    parser.add_argument("--own-losses", type=Path, nargs="?", help="TSV to show, if there is one")
    parser.add_argument("--cell-types", type=Path, required=True, help="cell_types.tsv")
    parser.add_argument("--nodes", type=Path, required=True, help="figS3.csv: places of the nodes")
    parser.add_argument("--edges", type=Path, required=True, help="figS3_edges.csv: their lines")
    parser.add_argument("--template", type=Path, required=True, help="page.html.jinja")
    parser.add_argument("--output", type=Path, required=True, help="HTML file to write")
    return parser.parse_args()


def _shown(table: pd.DataFrame, name: str) -> ShownTable:
    """One table; of comparisons the rows and columns that a reader of the page asks for."""
    if name in QUESTIONS:
        if "split" in table:
            table = table[table["split"] == "ood"]
        if name == "metrics":
            table = table[table["rule"] == PAPER_RULE]
        table = table.drop(columns=[*LEFT_OUT, *SPREADS], errors="ignore")
    if name in COMPARISONS:
        table = table[table["split"] == "ood"]
        if name == "per_cell_type":
            table = table.assign(**{"cell type": table.pop("label")})
        first = [column for column in ("cell type", "study") if column in table]
        table = table[[*first, *table.columns.drop([*first, *LEFT_OUT], errors="ignore")]]
    return shown_table(table, *TABLES[name])


if __name__ == "__main__":
    main()
