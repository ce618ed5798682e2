"""What holds for all figures: legible, honest about what did not run, the same each time."""

from __future__ import annotations

import importlib
import inspect
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import calls_example as asked
import figure_example as example
import numpy as np
import pandas as pd
import pytest
import supplement_example as supplement
from drawn_example import (
    calibration,
    cell_types,
    comparison,
    controls,
    curves,
    drift,
    id_and_ood,
    main_figures,
    mistakes,
    ontology,
    supplementary_figures,
)
from figure_checks import assert_legible, lines, texts, whiskers
from matplotlib.figure import Figure

from hce.figures.contexts import draw_contexts
from hce.figures.hierarchy_panels import draw_ontology_panels
from hce.figures.own_losses import draw_own_losses, own_loss_gains
from hce.figures.registry import DRAWINGS
from hce.figures.scores import id_scores
from hce.names import architecture_name
from hce.statistics.tables import own_loss_table
from tabulate_figure2 import shown_architecture

REPOSITORY = Path(__file__).parents[3]
ALL = ["linear", "mlp", "tabnet"]


@pytest.fixture(scope="module")
def four_seeds() -> dict[str, Figure]:
    """Every figure of four seeds."""
    return supplementary_figures(["linear", "mlp", "tabnet"], 4)


@pytest.fixture(scope="module")
def one_seed() -> dict[str, Figure]:
    """Every figure of one run of one architecture."""
    return supplementary_figures(["mlp"], 1)


def test_one_run_has_no_test_no_mark_and_says_n(one_seed: dict[str, Figure]) -> None:
    for name, fig in one_seed.items():
        written = texts(fig)
        assert not any("*" in text for text in written), name
        assert not any(text.startswith(("P =", "P <")) for text in written), name
        assert whiskers(fig) == 0
        if name != "figS2":
            assert any("n = 1" in text or "one run" in text for text in written), name
            assert any("no test" in text or "not tested" in text for text in written), name


@pytest.fixture(scope="module")
def main() -> dict[str, Figure]:
    """The figures of the paper and the controls, of four seeds."""
    return main_figures()


def test_no_text_overlaps_leaves_the_page_or_is_below_six_points(
    main: dict[str, Figure], four_seeds: dict[str, Figure], one_seed: dict[str, Figure]
) -> None:
    for made in (main, four_seeds, one_seed):
        for name, fig in made.items():
            assert_legible(name, fig)


def test_figures_are_one_or_two_columns_wide(
    main: dict[str, Figure], four_seeds: dict[str, Figure]
) -> None:
    single = {name for name, fig in main.items() if fig.get_figwidth() * 25.4 == pytest.approx(88)}
    assert single == {"fig1c", "fig1d", "fig1e", "fig2b"}
    for name in (main | four_seeds).keys() - single:
        assert (main | four_seeds)[name].get_figwidth() * 25.4 == pytest.approx(180), name


def test_fig1d_and_1e_align_side_by_side(main: dict[str, Figure]) -> None:
    boxes = []
    for name in ("fig1d", "fig1e"):
        main[name].draw_without_rendering()
        boxes.append(main[name].axes[0].get_position().bounds)
    assert boxes[0] == pytest.approx(boxes[1], abs=0.005)


ASKED = [
    *(asked.decisions, asked.metrics, asked.specificity, asked.granularity),
    *(asked.forest, asked.power, asked.frontier, asked.risks, asked.learning),
]


@pytest.mark.parametrize("make", [curves, mistakes, drift, calibration, *ASKED])
@pytest.mark.parametrize(("architectures", "n_seeds"), [(ALL, 4), (["mlp"], 1)])
def test_figures_beyond_the_paper_are_legible(
    make: Callable[[list[str], int], Figure], architectures: list[str], n_seeds: int
) -> None:
    assert_legible(make.__name__, make(architectures, n_seeds))


def own_losses(architectures: list[str], n_seeds: int) -> Figure:
    """The figure of an own loss that gains 5 points more than HCE."""
    runs = example.macro_f1_runs(architectures, n_seeds)
    own = runs[runs["loss"] == "hce"].assign(loss="focal")
    own["macro_f1"] += 0.05 + 0.01 * own["seed"]  # gains that vary, so that they are tested
    runs = pd.concat([runs[runs["loss"].isin(["ce", "hce"])], own], ignore_index=True)
    return draw_own_losses(own_loss_gains(own_loss_table(runs, ["focal"]), runs))


def test_an_own_loss_stands_beside_hce_with_its_gain_and_p() -> None:
    fig = own_losses(["linear", "mine"], 4)
    assert_legible("own_losses", fig)
    written = texts(fig)
    assert {"HCE", "focal", "mine\nn = 4"} <= set(written)
    assert sum(text.startswith(("P =", "P <")) for text in written) == 2
    alone = own_losses(["linear"], 1)
    assert_legible("own_losses", alone)
    assert "not tested" in texts(alone) and whiskers(alone) == 0


@pytest.mark.parametrize("architecture", ["linear", "tabnet", "mine"])
def test_a_run_of_one_architecture_draws_it_wherever_one_is_chosen(architecture: str) -> None:
    tests = example.per_cell_type(4)
    only = tests[tests["architecture"] == "mlp"].assign(architecture=architecture)
    assert shown_architecture(only) == architecture
    assert shown_architecture(pd.concat([only, tests])) == "mlp"
    for fig in (*id_and_ood([architecture], 4), comparison([architecture], 4, 0.01)):
        assert_legible(architecture, fig)
    contexts = draw_contexts(supplement.contexts("disease", [architecture], 4))
    assert_legible(architecture, contexts)
    assert architecture_name(architecture) in " ".join(texts(contexts))


def test_one_run_has_no_whisker_no_mark_and_says_n() -> None:
    for fig in (*id_and_ood(["mlp"], 1), comparison(["mlp"], 1, np.nan), controls(["mlp"], 1)):
        assert whiskers(fig) == 0
        assert any("n = 1" in text for text in texts(fig))
        assert any("no test" in text for text in texts(fig))
    assert "not tested" in texts(comparison(["mlp"], 1, np.nan))
    for fig in (cell_types("mlp", 1), ontology("mlp", 1)):
        assert not any("*" in text for text in texts(fig))
    assert any("n = 1" in text for text in texts(cell_types("mlp", 1)))


def test_missing_architecture_is_named_not_dropped(one_seed: dict[str, Figure]) -> None:
    for fig in (*id_and_ood(["linear", "mlp"], 2), comparison(["linear", "mlp"], 2, 0.01)):
        assert {"TabNet", "n = 0", "not run"} <= set(lines(fig))
    assert "No pair of CE and HCE runs of TabNet." in texts(cell_types("tabnet", 2))
    assert "No pair of CE and HCE runs of TabNet." in texts(ontology("tabnet", 2))
    assert "TabNet: not run" in texts(one_seed["figS1"])
    assert "No pair of CE and HCE runs of TabNet." in texts(one_seed["figS7"])
    for name in ("figS5", "figS6", "figS8"):
        assert "TabNet" in texts(one_seed[name])
        assert "no pair of CE and HCE runs" in texts(one_seed[name])
    assert "not run" in texts(one_seed["figS9"])
    without = draw_ontology_panels(*supplement.panels("tabnet", 4))
    assert "No pair of CE and HCE runs of TabNet." in texts(without)
    assert "TabNet: not trained" in texts(curves(["linear", "mlp"], 2))
    assert "TabNet: not run" in texts(drift(["linear", "mlp"], 2))
    written = texts(mistakes(["linear", "mlp"], 2))
    assert "TabNet HCE" in written and written.count("not run") == 2
    for make in ASKED:
        assert "TabNet: not run" in texts(make(["mlp"], 2)), make.__name__


@pytest.mark.parametrize("name", DRAWINGS)
def test_registry_names_functions_that_take_the_tables_and_captions(name: str) -> None:
    drawing = DRAWINGS[name]
    module, function = drawing.function.split(":")
    draw = getattr(importlib.import_module(module), function)
    parameters = inspect.signature(draw).parameters.values()
    required = [one for one in parameters if one.default is inspect.Parameter.empty]
    assert len(required) == len(drawing.tables(name))
    assert (REPOSITORY / "workflow/report" / f"{name}.rst").is_file()


def one_table() -> list[pd.DataFrame]:
    """The source data of Fig. 1d."""
    return [id_scores(example.macro_f1_runs(["mlp"], 2))]


def two_tables() -> list[pd.DataFrame]:
    """The source data of Supplementary Fig. 5."""
    return [*supplement.kinds("descendants", 2)]


@pytest.mark.parametrize(("name", "make"), [("fig1d", one_table), ("figS5", two_tables)])
def test_script_draws_the_same_stamped_files_twice(
    name: str, make: Callable[[], list[pd.DataFrame]], tmp_path: Path
) -> None:
    paths = [tmp_path / f"{table}.csv" for table in DRAWINGS[name].tables(name)]
    for path, table in zip(paths, make(), strict=True):
        table.to_csv(path, index=False)
    # neither the user's settings nor a backend that is not there change a figure
    settings = tmp_path / "matplotlibrc"
    settings.write_text("font.size: 20\nsavefig.bbox: tight\naxes.grid: True\n")
    user = {"MATPLOTLIBRC": str(settings), "MPLBACKEND": "no such backend"}
    for file, variables in {"one": {}, "two": user}.items():
        command = [sys.executable, REPOSITORY / "scripts/draw.py", DRAWINGS[name].function]
        command += ["--source-data", *paths]
        command += ["--pdf", tmp_path / f"{file}.pdf", "--png", tmp_path / f"{file}.png"]
        subprocess.run(command, check=True, env=os.environ | variables)
    assert (tmp_path / "one.pdf").read_bytes() == (tmp_path / "two.pdf").read_bytes()
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
