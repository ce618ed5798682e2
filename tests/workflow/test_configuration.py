"""A configuration is completed or refused as a whole (refusals: test_bad_configuration)."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from repository_copy import REPOSITORY
from snakemake.exceptions import WorkflowError
from test_paper_configuration import merged, read

from configuration import check_results_folder, complete, identity, parse_numbers
from run import Run


@pytest.fixture
def config() -> dict[str, Any]:
    """A configuration as it is read."""
    return deepcopy(merged(read("config.yaml"), read("tiny.yaml")))


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["0", "1"], [0, 1]),
        ({"train": "0.5", "name": "a"}, {"train": 0.5, "name": "a"}),
        ("1e-3", 1e-3),
        (None, None),
        (True, True),
    ],
)
def test_text_of_the_command_line_is_a_number_where_it_can_be(given: Any, meant: Any) -> None:
    assert parse_numbers(given) == meant
    assert type(parse_numbers(given)) is type(meant)


def test_defaults_are_filled_in_and_given_keys_parsed(config: dict[str, Any]) -> None:
    del config["split"]
    config["seeds"] = ["4"]
    complete(config, ["seeds", "key of an importing workflow"], ["--config"], REPOSITORY)
    assert config["split"]["validation"] == 0.15
    assert config["seeds"] == [4]


def test_a_whole_number_is_an_integer_where_the_schema_wants_one(config: dict[str, Any]) -> None:
    expected = deepcopy(config)
    complete(expected, [], [], REPOSITORY)
    config["seeds"] = [float(seed) for seed in config["seeds"]]
    config["training"]["batch_size"] *= 1.0
    config["shards"]["buckets"]["train"] *= 1.0
    config["models"]["mlp"]["dropout"] = 0.0
    complete(config, [], [], REPOSITORY)
    assert type(config["models"]["mlp"]["dropout"]) is float
    config["models"]["mlp"]["dropout"] = expected["models"]["mlp"]["dropout"]
    assert json.dumps(config, sort_keys=True) == json.dumps(expected, sort_keys=True)


def test_a_wrong_key_names_where_it_was_read_from(config: dict[str, Any]) -> None:
    config["sedes"] = [1]
    with pytest.raises(WorkflowError) as caught:
        complete(config, [], ["config/config.yaml", "mine.yaml"], REPOSITORY)
    assert "sedes: no such key; did you mean seeds?" in str(caught.value)
    assert "Read from: config/config.yaml, mine.yaml. All keys: " in str(caught.value)


def test_a_run_before_there_were_other_organisms_is_that_of_man(
    config: dict[str, Any], tmp_path: Path
) -> None:
    complete(config, [], [], REPOSITORY)
    config["results"] = str(tmp_path)
    stored = deepcopy(identity(config))
    del stored["census"]["organism"]
    (tmp_path / "run.json").write_text(json.dumps(stored))
    check_results_folder(config)
    config["census"]["organism"] = "mus_musculus"
    with pytest.raises(WorkflowError, match=r"census\.organism: 'homo_sapiens' there"):
        check_results_folder(config)


def test_how_data_are_reached_and_read_says_not_which_they_are(
    config: dict[str, Any], tmp_path: Path
) -> None:
    complete(config, [], [], REPOSITORY)
    config["results"] = str(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps(identity(config)))
    census = config["census"]
    census["s3"] |= {"proxy_host": "proxy", "vfs.s3.use_virtual_addressing": False}
    census |= {"fractional_counts": "refuse", "missing_genes": "zero"}
    check_results_folder(config)
    assert "proxy" not in Run(config).recorded_configuration()
    assert json.loads(Run(config).s3()) == {
        "region": "us-west-2",
        "anonymous": True,
        "proxy_host": "proxy",
        "vfs.s3.use_virtual_addressing": False,
    }


@pytest.mark.parametrize(
    ("source", "given", "meant"),
    [
        ("released", None, "keep"),
        ("h5ad", None, "refuse"),
        ("h5ad", "keep", "keep"),
        ("released", "refuse", "refuse"),
    ],
)
def test_fractions_are_kept_in_a_release_and_refused_in_files(
    config: dict[str, Any], source: str, given: str | None, meant: str
) -> None:
    there = {"uri": "s3://bucket/soma"} if source == "released" else {"files": ["a.h5ad"]}
    release = {"release": "2030-01-01"} | there
    census = {"source": source, "train": release, "ood": release, "gene_list": "genes.parquet"}
    config["census"] = census | {"fractional_counts": given}
    complete(config, [], [], REPOSITORY)
    assert config["census"]["fractional_counts"] == meant
