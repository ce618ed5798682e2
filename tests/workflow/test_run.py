"""Inputs, parameters, memory and time of the jobs of a configuration."""

from __future__ import annotations

import json
from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import pytest
from repository_copy import REPOSITORY
from snakemake.exceptions import WorkflowError
from test_paper_configuration import merged, read

from configuration import complete
from resources import JobResources, grown
from run import FIGURES, Run, figures


def run_of(changes: dict[str, Any] | None = None, base: str = "tiny.yaml") -> Run:
    """The run of a configuration file with some changes."""
    config = deepcopy(merged(merged(read("config.yaml"), read(base)), changes or {}))
    complete(config, [], ["a test"], REPOSITORY)
    return Run(config)


def wildcards(**values: str) -> SimpleNamespace:
    """Wildcards of a job."""
    return SimpleNamespace(**values)


H5AD = {
    "source": "h5ad",
    "train": {"release": "2030-01-01", "files": ["a.h5ad"]},
    "ood": {"release": "2031-01-01", "files": ["b.h5ad"]},
}


@pytest.mark.parametrize(
    ("changes", "base", "uri", "stores", "source"),
    [
        (
            {},
            "tiny.yaml",
            "results-tiny/simulated_census/2023-12-15",
            ["<results>/simulated_census/manifest.json"],
            "simulated Census",
        ),
        (
            {"census": H5AD | {"organism": "mus_musculus"}},
            "tiny.yaml",
            "results-tiny/converted_census/ood/soma",
            [f"<results>/converted_census/{name}/manifest.json" for name in ("train", "ood")],
            "h5ad files, 2030-01-01 and 2031-01-01, Mus musculus",
        ),
        (
            {},
            "paper.yaml",
            "s3://cellxgene-census-public-us-west-2/cell-census/2023-12-15/soma/",
            [],
            "CELLxGENE Census 2023-05-15 and 2023-12-15",
        ),
    ],
)
def test_each_source_of_cells_is_opened_where_it_lies(
    changes: dict[str, Any], base: str, uri: str, stores: list[str], source: str
) -> None:
    run = run_of(changes, base)
    job = wildcards(release="ood")
    assert run.uri(job) == uri
    assert run.stores(job) == stores
    assert run.data_source() == source


def test_pieces_and_shards_follow_the_configuration() -> None:
    sizes = {
        "parts": 2,
        "ranges": {"train": 3, "ood": 1},
        "buckets": {"train": 2, "val": 1, "test": 1, "ood": 1},
    }
    run = run_of({"shards": sizes})
    pieces = run.pieces(wildcards(split="val"))
    assert pieces == [f"<results>/shards/pieces/train/{i}-of-3.arrow" for i in range(3)]
    assert run.pieces(wildcards(split="ood")) == ["<results>/shards/pieces/ood/0-of-1.arrow"]
    shards = run.shards(wildcards())
    assert len(shards) == len(set(shards)) == 10
    assert shards[3] == "<results>/shards/train/part-0001-1.zarr.zip"
    assert run.shard_counts(["train", "ood"]) == ["train=4", "ood=2"]


def test_a_permuted_hierarchy_is_that_of_the_loss_alone() -> None:
    run = run_of()
    control, hce = wildcards(loss="hce_permuted"), wildcards(loss="hce")
    assert run.loss(control) == run.loss(hce) == "hce"
    assert run.loss_reachability(control) == ["<results>/ontology/reachability_permuted.npz"]
    assert run.loss_reachability(hce) == []


def test_keys_of_a_model_go_to_the_network_or_to_its_training() -> None:
    run = run_of()
    mlp, linear = wildcards(architecture="mlp"), wildcards(architecture="linear")
    assert json.loads(run.hyperparameters(mlp)).keys() == {"n_hidden", "n_layers", "dropout"}
    training = json.loads(run.training(mlp))
    assert training["learning_rate"] == run.config["models"]["mlp"]["learning_rate"]
    assert training["batch_size"] == run.config["training"]["batch_size"]
    assert run.augmentations(linear) == []
    assert run.augmentations(mlp) == ["<results>/atlas/augmentations.npy"]


def test_own_files_are_tried_and_recorded() -> None:
    own = {
        "losses": ["ce", "hce", "focal"],
        "own_losses": {"focal": {"file": "Snakefile", "gamma": 2}},
        "architectures": ["narrow"],
        "models": {"narrow": {"file": "narrow.py", "learning_rate": 0.1, "weight_decay": 0}},
    }
    run = run_of(own)
    job = wildcards(architecture="narrow", loss="focal")
    assert run.own_losses == ["focal"]
    assert run.own_files() == ["narrow.py", "Snakefile"]
    assert json.loads(run.loss_settings(job)) == {"gamma": 2}
    assert run.trials(job) == [
        "<results>/checks/architectures/{architecture}.txt",
        "<results>/checks/losses/{loss}.txt",
    ]
    assert run.trials(wildcards(architecture="mlp", loss="hce")) == []
    assert len(run.own_scores(job)) == 2 * 3 * len(run.config["seeds"])
    assert run.tables()[-1] == "<results>/tables/own_losses_runs.tsv"
    assert "own_losses" in json.loads(run.recorded_configuration())


def test_without_an_own_loss_there_is_nothing_to_compare() -> None:
    with pytest.raises(WorkflowError, match="losses has no loss beside ce and hce"):
        run_of().own_scores(wildcards())


def test_every_model_is_scored_and_predicts() -> None:
    run = run_of({"seeds": [0, 5], "architectures": ["linear"]})
    trainings = json.loads(*run.planned_trainings())
    assert trainings["models"] == {"linear": 4}
    assert (trainings["memory"], trainings["runtime"], trainings["gpu"]) == (3000, 60, False)
    assert run.scores(["hce"]) == [
        f"<results>/scores/linear/hce/seed{seed}/{split}.parquet"
        for split in ("test", "ood")
        for seed in (0, 5)
    ]
    assert len(run.predictions(["test", "ood"])) == 2 * 2 * 2
    assert set(figures(FIGURES)) <= set(run.everything(wildcards()))


def test_the_finest_control_has_no_controls() -> None:
    run = run_of()
    assert run.has_finest
    finest = Run(run.finest_config())
    assert finest.config["results"] == "results-tiny/controls/finest"
    assert not finest.has_finest
    assert run.config["simulation"]["annotation"] != "finest"


def test_the_ontology_comes_from_the_package_or_a_file() -> None:
    assert run_of().ontology_arguments()[0] == "--package-release"
    file = {"source": "file", "path": "own.obo"}
    assert run_of({"ontology": file}).ontology_arguments() == ["--file", "own.obo"]
    known = run_of({"ontology": file | {"sha256": "0" * 64}}).ontology_arguments()
    assert known == ["--file", "own.obo", "--sha256", "0" * 64]


def test_a_job_grows_by_half_at_each_attempt_up_to_the_limit() -> None:
    assert [grown(100, attempt) for attempt in (1, 2, 3)] == [100, 150, 225]
    free, limited = JobResources(3000, 60, None), JobResources(3000, 60, 80)
    assert [free.memory()(None, attempt) for attempt in (1, 2)] == [3000, 4500]
    assert free.memory(500)(None, 2) == 750
    assert [limited.minutes()(None, attempt) for attempt in (1, 2)] == [60, 80]
    assert [limited.minutes(20)(None, attempt) for attempt in (1, 2)] == [20, 30]
    assert free.minutes(100)(None, 3) == 225


def test_figures_that_would_be_empty_are_no_targets() -> None:
    everything = run_of().supplementary_figures
    assert everything == [f"figS{number}" for number in range(1, 11)]
    left_out = {
        "linear": {"figS3", "figS4"},
        "mlp": {"figS2", "figS4", "figS7"},
        "tabnet": {"figS2", "figS3"},
    }
    for architecture, missing in left_out.items():
        run = run_of({"architectures": [architecture]})
        assert set(everything) - set(run.supplementary_figures) == missing
        paths = run.everything(wildcards())
        assert "<results>/figures/fig2c.pdf" in paths
        assert not any(f"<results>/figures/{figure}.pdf" in paths for figure in missing)
