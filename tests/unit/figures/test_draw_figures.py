"""The figures from their source data: what they say, what they mark, what they do without runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import figure_example as example
import numpy as np
import pandas as pd
import pytest
from figure_checks import assert_legible, shown, texts, whiskers
from matplotlib.figure import Figure

import draw_controls
import draw_fig1a
import draw_fig1b
import draw_fig1c
import draw_fig1d
import draw_fig1e
import draw_fig2a
import draw_fig2b
import draw_fig2c
import draw_fig2d
from hce.figures.atlas import overview, scores_of_runs, split_sizes, with_id_level
from hce.figures.concept import concept_table
from hce.figures.hierarchy_tables import cell_type_gains, gains, ontology_edges, ontology_nodes
from hce.figures.scores import control_gains

SCRIPTS = Path(__file__).parents[3] / "scripts"


def id_and_ood(architectures: list[str], n_seeds: int) -> tuple[Figure, Figure]:
    """Return Fig. 1d and 1e."""
    runs = example.macro_f1_runs(architectures, n_seeds)
    test = scores_of_runs(runs, "ce", "test", "ood_labels")
    ood = scores_of_runs(runs, "ce", "ood", "all")
    return draw_fig1d.draw(test), draw_fig1e.draw(with_id_level(ood, test))


def comparison(architectures: list[str], n_seeds: int, p_holm: float) -> Figure:
    """Return Fig. 2b."""
    runs = example.macro_f1_runs(architectures, n_seeds)
    return draw_fig2b.draw(gains(runs, example.macro_f1(architectures, n_seeds, p_holm)))


def cell_types(architecture: str, n_seeds: int) -> Figure:
    """Return Fig. 2c."""
    tests, runs = example.per_cell_type(n_seeds), example.per_cell_type_runs(n_seeds)
    return draw_fig2c.draw(cell_type_gains(tests, runs, architecture, "ood"))


def ontology(architecture: str, n_seeds: int) -> Figure:
    """Return Fig. 2d."""
    types = example.cell_types()
    nodes = ontology_nodes(types, example.per_cell_type(n_seeds), architecture)
    return draw_fig2d.draw(nodes, ontology_edges(types, nodes))


def controls(architectures: list[str], n_seeds: int) -> Figure:
    """Return the figure of the controls."""
    runs = example.macro_f1_runs(architectures, n_seeds)
    return draw_controls.draw(control_gains(runs, runs))


def concept(term_ids: list[str]) -> Figure:
    """Return Fig. 2a of a run that has these types."""
    rows = [example.TERM_IDS.index(term_id) for term_id in term_ids]
    matrix = example.reachability()[np.ix_(rows, rows)]
    return draw_fig2a.draw(concept_table(example.cell_types(), matrix, np.array(term_ids)))


def all_figures() -> dict[str, Figure]:
    """Return every figure of four seeds and three architectures."""
    summary, composition = example.atlas_summary(), example.atlas_composition()
    architectures = ["linear", "mlp", "tabnet"]
    fig1d, fig1e = id_and_ood(architectures, 4)
    return {
        "fig1a": draw_fig1a.draw(overview(summary, composition, "atlas")),
        "fig1b": draw_fig1b.draw(overview(summary, composition, "ood")),
        "fig1c": draw_fig1c.draw(split_sizes(summary)),
        "fig1d": fig1d,
        "fig1e": fig1e,
        "fig2a": concept(example.TERM_IDS),
        "fig2b": comparison(architectures, 4, 0.001),
        "fig2c": cell_types("mlp", 4),
        "fig2d": ontology("mlp", 4),
        "controls": controls(architectures, 4),
    }


def test_no_text_overlaps_leaves_the_page_or_is_below_six_points() -> None:
    for name, fig in all_figures().items():
        assert_legible(name, fig)


@pytest.mark.parametrize("seed", range(3))
def test_the_164_names_are_legible_in_any_hierarchy(seed: int) -> None:
    types = pd.read_csv(SCRIPTS.parent / "config/cell_types.tsv", sep="\t")
    rng = np.random.default_rng(seed)
    # a type's parent stands before it; every fourth type has none
    places = [int(rng.integers(max(0, i - 12), i)) if i % 4 else -1 for i in range(164)]
    parents = [types["ontology_term_id"][up] if up >= 0 else np.nan for up in places]
    children = set(places)
    kind = ["internal" if i in children else "leaf" for i in range(164)]
    alone = [
        "isolated" if up < 0 and i not in children else "connected" for i, up in enumerate(places)
    ]
    types = types.rename(columns={"in_ood_test": "in_ood"}).assign(
        index=range(164),
        parents=parents,
        node_kind=kind,
        connectivity=alone,
        n_cells=rng.lognormal(5, 1, 164).astype(int) + 30,
    )
    ood = types[types["in_ood"]]
    tests = ood[["ontology_term_id", "label", "node_kind"]].assign(
        architecture="mlp", split="ood", delta=rng.normal(0.1, 0.2, len(ood)), p_holm=0.01, p=0.001
    )
    tests["data_source"] = example.SOURCE
    nodes = ontology_nodes(types, tests, "mlp")
    assert_legible("fig2d", draw_fig2d.draw(nodes, ontology_edges(types, nodes)))
    runs = tests.assign(seed=0).merge(pd.DataFrame({"loss": ["ce", "hce"]}), how="cross")
    runs["f1"] = np.where(runs["loss"] == "hce", 0.5 + runs["delta"], 0.5)
    assert_legible("fig2c", draw_fig2c.draw(cell_type_gains(tests, runs, "mlp", "ood")))


def test_fig1d_writes_means_and_runs() -> None:
    fig, _ = id_and_ood(["linear", "mlp", "tabnet"], 3)
    assert texts(fig).count("81.0") == 3
    assert texts(fig).count("n = 3") == 3
    assert whiskers(fig) == 3


def test_fig1e_writes_the_drop_from_the_id_level() -> None:
    _, fig = id_and_ood(["linear", "mlp", "tabnet"], 2)
    assert texts(fig).count("−30.0 points") == 3


def test_one_run_has_no_whisker_no_mark_and_says_n() -> None:
    for fig in (*id_and_ood(["mlp"], 1), comparison(["mlp"], 1, np.nan), controls(["mlp"], 1)):
        assert whiskers(fig) == 0
        assert any("n = 1" in text for text in texts(fig))
        assert any("no test" in text for text in texts(fig))
    assert "not tested" in texts(comparison(["mlp"], 1, np.nan))
    for fig in (cell_types("mlp", 1), ontology("mlp", 1)):
        assert not any("*" in text for text in texts(fig))
    assert any("n = 1" in text for text in texts(cell_types("mlp", 1)))


def test_missing_architecture_is_named_not_dropped() -> None:
    for fig in (*id_and_ood(["linear", "mlp"], 2), comparison(["linear", "mlp"], 2, 0.01)):
        assert "TabNet" in texts(fig)
        assert "not run" in texts(fig)
    assert "No pair of CE and HCE runs of TabNet." in texts(cell_types("tabnet", 2))
    assert "No pair of CE and HCE runs of TabNet." in texts(ontology("tabnet", 2))


@pytest.mark.parametrize(("p_holm", "weight"), [(0.049, "bold"), (0.05, "normal")])
def test_fig2b_marks_only_adjusted_p_below_five_percent(p_holm: float, weight: str) -> None:
    fig = comparison(["linear"], 2, p_holm)
    gain = next(artist for artist in shown(fig) if artist.get_text() == "+10.0 points")
    assert gain.get_fontweight() == weight
    assert f"P = {p_holm:.2g}" in texts(fig)


def test_fig2c_has_a_star_for_each_significant_type_and_a_dot_a_run() -> None:
    fig = cell_types("mlp", 4)
    assert texts(fig).count("*") == 1
    dots = [line for line in fig.axes[0].lines if line.get_marker() == "o"]
    assert sum(len(line.get_xdata()) for line in dots) == 4 * 7
    assert {"γδ T cell", "neuron"} <= set(texts(fig))


def test_fig2d_names_every_type_and_writes_the_differences() -> None:
    written = texts(ontology("mlp", 4))
    assert "CD4⁺ αβ T cell" in written
    assert "No relative among the 8 types" in written
    # neuron: 0.1 x 7 - 0.2 + mean of 0, 0.01, 0.02, 0.03
    assert "+0.52*" in written
    # B cell is not in the OOD set: its name stands, without a difference
    assert "B cell" in written and sum(text.startswith(("+", "−")) for text in written) >= 7


def test_fig2a_without_t_cells_says_so() -> None:
    for term_ids in (["CL:0000540"], ["CL:0000236", "CL:0000540"]):
        assert "T cell is not among the cell types of this run" in texts(concept(term_ids))


def test_script_draws_the_same_stamped_files_twice(tmp_path: Path) -> None:
    runs = example.macro_f1_runs(["mlp"], 2)
    source = tmp_path / "fig1d.csv"
    scores_of_runs(runs, "ce", "test", "ood_labels").to_csv(source, index=False)
    for name in ("one", "two"):
        command = [sys.executable, SCRIPTS / "draw_fig1d.py", "--source-data", source]
        command += ["--pdf", tmp_path / f"{name}.pdf", "--png", tmp_path / f"{name}.png"]
        subprocess.run(command, check=True)
    assert (tmp_path / "one.pdf").read_bytes() == (tmp_path / "two.pdf").read_bytes()
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
