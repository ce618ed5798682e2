"""The figures by name: who draws each, from which tables, and where it stands in the report.

A name is that of the figure's files and of its rule, draw_NAME; its caption in the report is
workflow/report/NAME.rst. Functions are named, not imported, so that drawing one figure imports, and
depends on, its own module alone.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Drawing:
    """How a figure is drawn, and its place in the report.

    Attributes
    ----------
    function
        MODULE:FUNCTION, which takes the tables and returns a matplotlib figure.
    category, labels
        Of the report.
    further
        Source data beside NAME.csv: `edges` for NAME_edges.csv, and so on.
    panels
        Of a page: the source data of its panels, in place of its own.
    """

    function: str
    category: str
    labels: dict[str, str] | None = None
    further: tuple[str, ...] = ()
    panels: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Its place in the report, as one text."""
        return ", ".join([self.category, *(self.labels or {}).values()])

    def tables(self, name: str) -> list[str]:
        """Names of the source data, in the order in which the function takes them."""
        return [*self.panels] or [name, *(f"{name}_{table}" for table in self.further)]


# what draws several figures
CELL_TYPES = "hce.figures.cell_types:draw_cell_types"
PANELS = "hce.figures.hierarchy_panels:draw_ontology_panels"
KINDS = "hce.figures.gains:draw_kinds"
FOREST = "hce.figures.new_study:draw_forest"
CONTEXTS = "hce.figures.contexts:draw_contexts"
# categories of the report
FIGURE_1, FIGURE_2, SUPPLEMENT = "Figure 1", "Figure 2", "Supplementary figures"
BEYOND, CONTROLS = "Beyond the paper", "Controls"

DRAWINGS = {
    "fig1": Drawing(
        "hce.figures.pages:draw_figure_1",
        FIGURE_1,
        {"panel": "whole figure"},
        panels=("fig1a", "fig1b", "fig1c", "fig1d", "fig1e"),
    ),
    "fig2": Drawing(
        "hce.figures.pages:draw_figure_2",
        FIGURE_2,
        {"panel": "whole figure"},
        panels=("fig2a", "fig2b", "fig2c", "fig2d_panels", "fig2d_panels_edges"),
    ),
    "fig1a": Drawing("hce.figures.atlas:draw_atlas", FIGURE_1, {"panel": "a: training atlas"}),
    "fig1b": Drawing("hce.figures.atlas:draw_ood_set", FIGURE_1, {"panel": "b: OOD test set"}),
    "fig1c": Drawing("hce.figures.atlas:draw_split", FIGURE_1, {"panel": "c: split by donor"}),
    "fig1d": Drawing("hce.figures.scores:draw_id_scores", FIGURE_1, {"panel": "d: ID macro F1"}),
    "fig1e": Drawing("hce.figures.scores:draw_ood_scores", FIGURE_1, {"panel": "e: OOD macro F1"}),
    "fig2a": Drawing("hce.figures.concept:draw_concept", FIGURE_2, {"panel": "a: concept"}),
    "fig2b": Drawing(
        "hce.figures.scores:draw_comparison",
        FIGURE_2,
        {"panel": "b: OOD macro F1, CE against HCE"},
    ),
    "fig2c": Drawing(CELL_TYPES, FIGURE_2, {"panel": "c: cell types"}),
    "fig2d": Drawing(
        "hce.figures.hierarchy:draw_ontology", FIGURE_2, {"panel": "d: ontology"}, ("edges",)
    ),
    "figS1": Drawing(
        "hce.figures.studies:draw_studies", SUPPLEMENT, {"figure": "S01: new studies"}
    ),
    "figS2": Drawing(PANELS, SUPPLEMENT, {"figure": "S02: ontology, linear"}, ("edges",)),
    "figS3": Drawing(PANELS, SUPPLEMENT, {"figure": "S03: ontology, MLP"}, ("edges",)),
    "figS4": Drawing(PANELS, SUPPLEMENT, {"figure": "S04: ontology, TabNet"}, ("edges",)),
    "figS5": Drawing(KINDS, SUPPLEMENT, {"figure": "S05: node kind, descendants"}, ("tests",)),
    "figS6": Drawing(KINDS, SUPPLEMENT, {"figure": "S06: connection, relatives"}, ("tests",)),
    "figS7": Drawing(CELL_TYPES, SUPPLEMENT, {"figure": "S07: cell types, linear and TabNet"}),
    "figS8": Drawing(
        "hce.figures.gains:draw_properties",
        SUPPLEMENT,
        {"figure": "S08: rarity, studies, tissues, assays"},
        ("tests",),
    ),
    "figS9": Drawing(CONTEXTS, SUPPLEMENT, {"figure": "S09: diseases seen and unseen"}),
    "figS10": Drawing(CONTEXTS, SUPPLEMENT, {"figure": "S10: tissues seen and unseen"}),
    "training_curves": Drawing(
        "hce.figures.training_curves:draw_training_curves", BEYOND, {"figure": "training curves"}
    ),
    "confusion": Drawing(
        "hce.figures.confusion:draw_confusion",
        BEYOND,
        {"figure": "mistakes: siblings, lineages"},
        ("corrected",),
    ),
    "ontology_drift": Drawing(
        "hce.figures.drift:draw_drift", BEYOND, {"figure": "ontology drift"}, ("scores",)
    ),
    "calibration": Drawing(
        "hce.figures.calibration:draw_calibration", BEYOND, {"figure": "calibration of p and s"}
    ),
    "risk_coverage": Drawing(
        "hce.figures.risk_coverage:draw_risk_coverage", BEYOND, {"figure": "safe calls"}
    ),
    "decisions": Drawing(
        "hce.figures.decisions:draw_decisions", BEYOND, {"figure": "decision rules"}
    ),
    "metrics": Drawing("hce.figures.metrics:draw_metrics", BEYOND, {"figure": "metrics"}),
    "specificity": Drawing(
        "hce.figures.specificity:draw_specificity", BEYOND, {"figure": "how specific calls are"}
    ),
    "granularity": Drawing(
        "hce.figures.granularity:draw_granularity", BEYOND, {"figure": "coarser labels"}
    ),
    "new_study": Drawing(FOREST, BEYOND, {"figure": "the next study"}),
    "new_tissue": Drawing(FOREST, BEYOND, {"figure": "the next tissue"}),
    "power": Drawing("hce.figures.power:draw_power", BEYOND, {"figure": "power of the tests"}),
    "own_losses": Drawing(
        "hce.figures.own_losses:draw_own_losses", BEYOND, {"figure": "own losses"}
    ),
    "frontier": Drawing(
        "hce.figures.frontier:draw_frontier", CONTROLS, {"figure": "from CE to HCE"}
    ),
    "learning_curve": Drawing(
        "hce.figures.learning_curve:draw_learning_curve", BEYOND, {"figure": "learning curve"}
    ),
    "controls": Drawing("hce.figures.scores:draw_controls", CONTROLS),
}
