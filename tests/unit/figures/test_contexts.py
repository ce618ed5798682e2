"""Gains in contexts seen and unseen in training."""

from __future__ import annotations

import pytest
import supplement_example as supplement
from figure_checks import texts

from hce.figures.contexts import draw_contexts

ALL = ["linear", "mlp", "tabnet"]


def test_contexts_are_seen_or_not_and_pooled() -> None:
    table = supplement.contexts("tissue", ["mlp"], 3)
    mlp = table[table["architecture"] == "mlp"]
    single = mlp[mlp["part"] == "single"].drop_duplicates("group").set_index("group")
    assert single["seen"].to_dict() == {"blood": False, "liver": False, "lung": True}
    pooled = mlp[mlp["part"] == "pooled"].set_index("group")
    assert pooled.loc["unseen", "gain"].tolist() == pytest.approx([0.1, 0.101, 0.102])
    assert not pooled.loc["unseen", "seen"].any() and pooled.loc["seen", "seen"].all()
    both = mlp[mlp["part"] == "labels in both"]
    assert both.groupby("group")["seen"].agg(["all", "any"]).to_numpy().tolist() == [
        [True, True],
        [False, False],
    ]
    assert set(mlp["n_seeds"]) == {3} and mlp["significant"].all()
    # TabNet did not run: it is listed for each group, without a gain
    missing = table[table["architecture"] == "tabnet"]
    twice = ["seen", "unseen"] * 2
    assert missing["group"].tolist() == [*twice, "blood", "liver", "lung"]
    assert missing["gain"].isna().all()


def test_unseen_contexts_stand_out() -> None:
    fig = draw_contexts(supplement.contexts("tissue", ALL, 4))
    names = fig.axes[1].get_yticklabels()
    bold = [name.get_text().split(" (")[0] for name in names if name.get_fontweight() == "bold"]
    assert sorted(bold) == ["blood", "liver"]
    # seen and unseen of three architectures, over the labels of each and over those in both
    assert len([text for text in texts(fig) if text in ("+10.1*", "+10.2*")]) == 12


def test_a_census_without_unseen_contexts_says_so() -> None:
    table = supplement.contexts("tissue", ["mlp"], 2)
    table = table[(table["group"] != "unseen") & (table["part"] != "labels in both")]
    written = texts(draw_contexts(table))
    assert written.count("no unseen tissue") == 3
    assert "Cell types in both: there is none" in written
