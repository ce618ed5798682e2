"""The supplementary figures: what they say, what they mark, what they do without runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import figure_example as example
import pandas as pd
import pytest
import supplement_example as supplement
from figure_checks import assert_legible, texts, whiskers
from matplotlib.figure import Figure

import draw_figS1
import draw_figS2
import draw_figS5
import draw_figS6
import draw_figS7
import draw_figS8
import draw_figS9
import draw_figS10
from hce.figures.hierarchy_tables import ontology_nodes, panel_tables

SCRIPTS = Path(__file__).parents[3] / "scripts"
CONNECTION = ("connected", "isolated")


def figures(architectures: list[str], n_seeds: int) -> dict[str, Figure]:
    """Return each kind of supplementary figure; those of cell types have the MLP only."""
    return {
        "figS1": draw_figS1.draw(supplement.studies(architectures, n_seeds)),
        "figS2": draw_figS2.draw(*supplement.panels("mlp", n_seeds)),
        "figS5": draw_figS5.draw(*supplement.kinds("descendants", ("internal", "leaf"), n_seeds)),
        "figS6": draw_figS6.draw(*supplement.kinds("relatives", CONNECTION, n_seeds)),
        "figS7": draw_figS7.draw(supplement.two_architectures(n_seeds)),
        "figS8": draw_figS8.draw(*supplement.properties(n_seeds)),
        "figS9": draw_figS9.draw(supplement.contexts("disease", architectures, n_seeds)),
        "figS10": draw_figS10.draw(supplement.contexts("tissue", architectures, n_seeds)),
    }


@pytest.fixture(scope="module")
def four_seeds() -> dict[str, Figure]:
    """Every figure of four seeds."""
    return figures(["linear", "mlp", "tabnet"], 4)


@pytest.fixture(scope="module")
def one_seed() -> dict[str, Figure]:
    """Every figure of one run of one architecture."""
    return figures(["mlp"], 1)


def test_no_text_overlaps_leaves_the_page_or_is_below_six_points(
    four_seeds: dict[str, Figure], one_seed: dict[str, Figure]
) -> None:
    for made in (four_seeds, one_seed):
        for name, fig in made.items():
            assert_legible(name, fig)


def test_one_run_has_no_test_no_mark_and_says_n(one_seed: dict[str, Figure]) -> None:
    for name, fig in one_seed.items():
        written = texts(fig)
        assert not any("*" in text for text in written), name
        assert not any(text.startswith(("P =", "P <")) for text in written), name
        assert whiskers(fig) == 0
        if name != "figS2":
            assert any("n = 1" in text or "one run" in text for text in written), name
            assert any("no test" in text or "not tested" in text for text in written), name


def test_missing_architecture_is_named_not_dropped(one_seed: dict[str, Figure]) -> None:
    assert "TabNet: not run" in texts(one_seed["figS1"])
    assert "No pair of CE and HCE runs of TabNet." in texts(one_seed["figS7"])
    for name in ("figS5", "figS6", "figS8"):
        assert "TabNet" in texts(one_seed[name])
        assert "no pair of CE and HCE runs" in texts(one_seed[name])
    assert "not run" in texts(one_seed["figS9"])
    without = draw_figS2.draw(*supplement.panels("tabnet", 4))
    assert "No pair of CE and HCE runs of TabNet." in texts(without)


def test_figS1_counts_significant_gains_and_losses(four_seeds: dict[str, Figure]) -> None:
    expected = (
        "MLP: significant gain in 1 of 3 studies, significant loss in 1, "
        "1 without variation not tested (higher mean in 2); n = 4"
    )
    written = texts(four_seeds["figS1"])
    assert expected in written
    assert written.count("*") == 3 and written.count("* CE") == 3


def test_figS1_marks_a_study_that_an_architecture_lacks() -> None:
    table = supplement.studies(["mlp"], 2)
    lost = (table["architecture"] == "mlp") & (table["study"] == "s2")
    table.loc[lost, ["f1", "mean", "delta", "p_holm"]] = float("nan")
    table.loc[lost, "significant"] = False
    written = texts(draw_figS1.draw(table))
    assert "no pair" in written
    assert any("of 2 studies" in text for text in written)


def test_statistics_are_printed_on_the_plot(four_seeds: dict[str, Figure]) -> None:
    points, tests = supplement.kinds("descendants", ("internal", "leaf"), 4)
    rho = tests.set_index(["architecture", "kind"]).at[("mlp", "correlation"), "rho"]
    assert len(points) > 7
    written = texts(four_seeds["figS5"])
    assert f"ρ = {rho:+.2f}, n = 7".replace("-", "−") in written
    assert any("internal\nn = 3 types" in text for text in written)
    assert "6 and 1 types: no test" in texts(four_seeds["figS6"])


def test_unseen_contexts_stand_out(four_seeds: dict[str, Figure]) -> None:
    names = four_seeds["figS10"].axes[1].get_yticklabels()
    bold = [name.get_text().split(" (")[0] for name in names if name.get_fontweight() == "bold"]
    assert sorted(bold) == ["blood", "liver"]
    assert texts(four_seeds["figS10"]).count("+10.1*") == 6


def test_a_census_without_unseen_contexts_says_so() -> None:
    table = supplement.contexts("tissue", ["mlp"], 2)
    written = texts(draw_figS10.draw(table[table["group"] != "unseen"]))
    assert written.count("no unseen tissue") == 3


def test_the_hierarchy_of_the_paper_is_legible() -> None:
    types = pd.read_csv(SCRIPTS.parent / "config/cell_types.tsv", sep="\t")
    index = {label: place for place, label in enumerate(types["label"])}
    immune = [label for label in types["label"] if "T cell" in label and label != "T cell"]
    parents: dict[str, str] = {label: "T cell" for label in immune}
    parents |= {"T cell": "lymphocyte", "B cell": "lymphocyte", "lymphocyte": "leukocyte"}
    terms = types["ontology_term_id"]
    types = types.rename(columns={"in_ood_test": "in_ood"}).assign(
        index=range(len(types)),
        parents=[terms[index[parents[k]]] if k in parents else None for k in types["label"]],
        node_kind=["internal" if k in parents.values() else "leaf" for k in types["label"]],
        connectivity=[
            "connected" if k in parents or k in parents.values() else "isolated"
            for k in types["label"]
        ],
        n_cells=[30 + 7 * place for place in range(len(types))],
    )
    ood = types[types["in_ood"]]
    tests = ood[["ontology_term_id", "label"]].assign(
        architecture="mlp", split="ood", delta=0.1, p_holm=0.01, data_source=example.SOURCE
    )
    placed, edges = panel_tables(types, ontology_nodes(types, tests, "mlp"))
    fig = draw_figS2.draw(placed.assign(color_bound=0.6), edges)
    assert_legible("figS2", fig)
    # leukocyte is then the only other leukocyte, which is no panel
    assert {"a  T cells", "b  other lymphocytes"} <= set(texts(fig))
    assert "c  other leukocytes" not in texts(fig)


def test_script_draws_the_same_stamped_files_twice(tmp_path: Path) -> None:
    points, tests = supplement.kinds("descendants", ("internal", "leaf"), 2)
    points.to_csv(tmp_path / "points.csv", index=False)
    tests.to_csv(tmp_path / "tests.csv", index=False)
    for name in ("one", "two"):
        command = [sys.executable, SCRIPTS / "draw_figS5.py"]
        command += ["--source-data", tmp_path / "points.csv", "--tests", tmp_path / "tests.csv"]
        command += ["--pdf", tmp_path / f"{name}.pdf", "--png", tmp_path / f"{name}.png"]
        subprocess.run(command, check=True)
    assert (tmp_path / "one.pdf").read_bytes() == (tmp_path / "two.pdf").read_bytes()
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
