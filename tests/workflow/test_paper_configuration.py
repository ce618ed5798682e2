"""config/paper.yaml is the paper: its values, its jobs, and a plan of them without a network."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from repository_copy import REPOSITORY, Snakemake, copy_repository, snakemake
from snakemake.utils import validate

PAPER = ("--configfile", "config/paper.yaml")
SCHEMA = REPOSITORY / "workflow" / "schemas" / "config.schema.yaml"
# keys that say where something is or what a machine has, and so are no value of the paper
PLACES = ("results", "census.", "ontology.source", "ontology.path", "resources.", "simulation.")

# DESIGN.md, "The method, exactly"; FACTS.md for the numbers of ranges and shards
VALUES = {
    "seeds": [0, 1, 2, 3],
    "architectures": ["linear", "mlp", "tabnet"],
    "losses": ["ce", "hce"],
    "census.source": "released",
    "census.train.release": "2023-05-15",
    "census.ood.release": "2023-12-15",
    "census.assays": [
        "10x 5' v2",
        "10x 3' v3",
        "10x 3' v2",
        "10x 5' v1",
        "10x 3' v1",
        "10x 3' transcription profiling",
        "10x 5' transcription profiling",
    ],
    "selection.root": "CL:0000003",
    "selection.min_cells": 5000,
    "selection.min_tech_samples": 30,
    "selection.min_ancestors": 7,
    "split.validation": 0.15,
    "split.test": 0.15,
    "split.seed": 1,
    "split.row_group": 1024,
    "augmentation.n_cells": 500_000,
    "augmentation.pairs_per_cell_type": 300,
    "augmentation.small_difference": 0.25,
    "augmentation.clip": 1.5,
    "augmentation.n_clusters": 50,
    "augmentation.min_cluster_size": 2000,
    "augmentation.n_vectors": 5000,
    "training.batch_size": 2048,
    "training.max_epochs": 50,
    "training.patience": 10,
    "training.learning_rate_decay": 0.9,
    "training.gradient_norm": 1.0,
    "training.mask_loss_weight": 1e-5,
    "models.linear.learning_rate": 5e-4,
    "models.linear.weight_decay": 0.01,
    "models.linear.augmentation": "none",
    "models.mlp.learning_rate": 2e-3,
    "models.mlp.weight_decay": 0.05,
    "models.mlp.augmentation": "donor_differences",
    "models.mlp.n_hidden": 128,
    "models.mlp.n_layers": 8,
    "models.mlp.dropout": 0.1,
    "models.tabnet.learning_rate": 5e-3,
    "models.tabnet.weight_decay": 0.05,
    "models.tabnet.augmentation": "donor_differences",
    "models.tabnet.n_d": 128,
    "models.tabnet.n_a": 64,
    "models.tabnet.n_steps": 1,
    "models.tabnet.gamma": 1.3,
    "models.tabnet.n_independent": 5,
    "models.tabnet.n_shared": 3,
    "models.tabnet.virtual_batch_size": 256,
    "models.tabnet.momentum": 0.02,
    "models.tabnet.mask_type": "entmax",
}
FIGURES = [f"draw_fig1{panel}" for panel in "abcde"] + [f"draw_fig2{panel}" for panel in "abcd"]
FIGURES += ["draw_fig1", "draw_fig2"]
FIGURES += [f"draw_figS{number}" for number in range(1, 11)]
JOBS = {
    "download": 2,
    "record_run": 1,
    "fetch_ontology": 1,
    "read_obs": 2,
    "select_genes": 1,
    "select_cells": 1,
    "build_hierarchy": 1,
    "summarize_atlas": 1,
    "fetch_counts": 240 + 28,
    "shuffle_shards": 58 + 14 + 14 + 10,
    "list_shards": 1,
    "sample_augmentations": 1,
    "train_model": 3 * 2 * 4,
    "predict": 3 * 2,
    "score": 3 * 2,
    "compare_losses": 1,
    "check_claims": 1,
    "summarize_run": 1,
    **dict.fromkeys(FIGURES, 1),
}
NO_NETWORK = """
import socket

def refuse(self, address):
    raise OSError(f"this test has no network: {address}")

socket.socket.connect = socket.socket.connect_ex = refuse
"""


def read(name: str) -> dict[str, Any]:
    """One configuration file."""
    return yaml.safe_load((REPOSITORY / "config" / name).read_text())


def leaves(section: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a nested configuration with its dotted path."""
    for key, value in section.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Values of `above` wherever it has some, else those of `below`: as --configfile does."""
    both = below | above
    for key in below.keys() & above.keys():
        if isinstance(below[key], dict):
            both[key] = merged(below[key], above[key])
    return both


def with_defaults(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration as the rules see it."""
    validate(config, SCHEMA)
    return dict(leaves(config))


@pytest.fixture(scope="module")
def paper() -> dict[str, Any]:
    """The values of a run of the paper."""
    return with_defaults(merged(read("config.yaml"), read("paper.yaml")))


@pytest.fixture(scope="module")
def defaults() -> dict[str, Any]:
    """The defaults of the schema, with a placeholder where it has none."""
    release = {"release": "2020-02-02"}
    census = {"source": "released", "train": dict(release), "ood": dict(release)}
    return with_defaults({"census": census, "ontology": {"source": "file"}})


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh clone, in which nothing is run."""
    return copy_repository(tmp_path_factory.mktemp("repository"))


@pytest.fixture(scope="module")
def planned(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Snakemake:
    """The dry run of everything, in a process that cannot connect to anything."""
    folder = tmp_path_factory.mktemp("no_network")
    (folder / "sitecustomize.py").write_text(NO_NETWORK)
    started = time.monotonic()
    planned = snakemake(repository, *PAPER, "-n", "-p", PYTHONPATH=folder.as_posix())
    print(f"dry run of config/paper.yaml: {time.monotonic() - started:.1f} s")
    assert planned.returncode == 0, planned.output[-5000:]
    return planned


def test_the_merged_configuration_has_the_values_of_the_paper(paper: dict[str, Any]) -> None:
    assert {key: paper[key] for key in VALUES} == VALUES
    assert paper["census.train.uri"].endswith("/2023-05-15/soma/")
    assert paper["census.ood.uri"].endswith("/2023-12-15/soma/")
    assert paper["census.gene_list"] == "resources/scTab-features.parquet"
    assert paper["ontology.path"] == "resources/cl-simple-2023-05-22.obo"


def test_every_value_of_the_paper_is_the_default_of_the_schema(
    paper: dict[str, Any], defaults: dict[str, Any]
) -> None:
    ours = {key: value for key, value in paper.items() if not key.startswith(PLACES)}
    assert ours == {key: value for key, value in defaults.items() if not key.startswith(PLACES)}
    assert len(ours) > 50
    assert paper["census.assays"] == defaults["census.assays"]


def test_census_and_ontology_alone_are_enough_for_every_value_of_the_paper(
    defaults: dict[str, Any],
) -> None:
    ours = {key: value for key, value in VALUES.items() if not key.startswith(PLACES)}
    assert {key: defaults.get(key) for key in ours} == ours
    assert defaults["census.assays"] == VALUES["census.assays"]


def test_the_paper_sets_every_key_that_the_embedded_run_changes(defaults: dict[str, Any]) -> None:
    changed = {
        key
        for key, value in leaves(read("config.yaml"))
        if not key.startswith("simulation.") and value != defaults.get(key)
    }
    assert {"selection.min_cells", "shards.ranges.train", "models.mlp.n_layers"} <= changed
    # both name the same releases
    assert changed - dict(leaves(read("paper.yaml"))).keys() == set()


def test_the_dry_run_has_every_job_of_the_paper_and_needs_no_network(planned: Snakemake) -> None:
    assert {rule: planned.jobs.get(rule) for rule in JOBS} == JOBS
    assert "simulate_census" not in planned.jobs
    assert "no network" not in planned.output


def test_each_range_shard_and_model_is_planned_once(planned: Snakemake) -> None:
    pieces = re.findall(r"--piece (\S+)", planned.output)
    assert len(pieces) == len(set(pieces)) == 240 + 28
    shards = re.findall(r"results/shards/\w+/part-\d{4}-\d+\.zarr\.zip", planned.output)
    counts = {split: len({s for s in shards if f"/{split}/" in s}) for split in ("train", "ood")}
    assert counts == {"train": 58 * 8, "ood": 10 * 8}
    models = re.findall(r"--model (\S+model\.safetensors)", planned.output)
    assert len(set(models)) == 24


def test_the_commands_have_the_values_of_the_paper(planned: Snakemake) -> None:
    (selection,) = re.findall(r"python scripts/select_cells\.py .*", planned.output)
    expected = "--root CL:0000003 --min-cells 5000 --min-tech-samples 30 --min-ancestors 7 "
    expected += "--validation-share 0.15 --test-share 0.15 --split-seed 1 --row-group 1024 "
    assert expected in selection
    read_obs = re.findall(r"python scripts/read_obs\.py .*", planned.output)
    assert sorted(re.search(r"--uri (\S+)", command).group(1) for command in read_obs) == [
        f"s3://cellxgene-census-public-us-west-2/cell-census/{release}/soma/"
        for release in ("2023-05-15", "2023-12-15")
    ]
    trainings = re.findall(r"python scripts/train_model\.py .*", planned.output)
    assert len(trainings) == 24
    assert all(re.search(r'"batch_size": 2048\b', command) for command in trainings)


def test_the_plan_needs_the_cells_and_none_of_the_counts(repository: Path) -> None:
    jobs = snakemake(repository, *PAPER, "-n", "plan").jobs
    assert jobs["plan_run"] == jobs["select_cells"] == 1
    assert jobs["read_obs"] == 2
    assert jobs.keys().isdisjoint({"fetch_counts", "shuffle_shards", "train_model"})


def test_the_shards_need_no_model(repository: Path) -> None:
    jobs = snakemake(repository, *PAPER, "-n", "results/shards/manifest.json").jobs
    assert {rule: jobs[rule] for rule in ("fetch_counts", "shuffle_shards", "list_shards")} == {
        "fetch_counts": 268,
        "shuffle_shards": 96,
        "list_shards": 1,
    }
    assert jobs.keys().isdisjoint({"train_model", "sample_augmentations", "simulate_census"})


def test_the_slice_differs_from_the_paper_in_how_many_cells_it_takes_and_what_follows(
    paper: dict[str, Any],
) -> None:
    part = with_defaults(merged(read("config.yaml"), read("slice.yaml")))
    differing = {key for key in paper.keys() | part.keys() if paper.get(key) != part.get(key)}
    follow = ("results", "slice.", "shards.", "resources.", "learning_curve.")
    assert {key for key in differing if not key.startswith(follow)} == {
        *("augmentation.min_cluster_size", "augmentation.n_vectors"),
        *("training.batch_size", "training.max_epochs", "training.patience"),
    }
