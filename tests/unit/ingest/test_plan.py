"""The plan of a run against counts by hand, and its check of the disk."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import plan_run
from hce.ingest import plan
from hce.ingest.order import shuffle_keys
from hce.ingest.plan import (
    CPU_SECONDS,
    GENES,
    GPU_SECONDS,
    Settings,
    Trainings,
    disk_needed,
    estimate,
    free_disk,
    shard_rows,
    training_hours,
    training_memory,
    training_report,
)
from hce.ingest.slice_table import Quota

REPOSITORY = Path(__file__).parents[3]
# whole tiles of 2,048 cells, so that ranges can be counted by hand
TILE = 2048
NO_SLICE = {"cells_per_type": None, "shares": {}, "min_gain": 0.5, "seed": 0}
SETTINGS = Settings(ranges={"train": 2, "ood": 3}, shards={"train": 4, "ood": 1}, n_models=6)


def trainings_of(models: dict[str, int], **changed: float | str) -> Trainings:
    """The paper's trainings, changed in some way."""
    paper = {"max_epochs": 50, "batch_size": 2048, "shuffle_window": 8, "residency": "auto"}
    paper |= {"n_vectors": 5000, "memory": 10_000, "runtime": 720, "gpu": True}
    return Trainings(models=models, **(paper | changed))


def make_cells() -> pd.DataFrame:
    """Eight tiles of training cells, one of test cells behind a gap of two, three of OOD cells."""
    joinids = [np.arange(8 * TILE), np.arange(10 * TILE, 11 * TILE), np.arange(3 * TILE)]
    split = np.repeat(["train", "test", "ood"], [8 * TILE, TILE, 3 * TILE])
    joinid = np.concatenate(joinids)
    return pd.DataFrame(
        {
            "soma_joinid": joinid,
            "split": pd.Categorical(split, ["train", "val", "test", "ood"]),
            "shuffle_key": shuffle_keys(joinid, seed=1),
            # three cell types, of the OOD cells one
            "class": np.where(split == "ood", 0, joinid % 3),
        }
    )


@pytest.fixture(scope="module")
def stages() -> pd.DataFrame:
    """The estimates by the name of the stage."""
    return estimate(make_cells(), SETTINGS).set_index("stage")


def test_each_stage_has_its_files(stages: pd.DataFrame) -> None:
    assert stages["files"].to_dict() == {
        "fetch_counts train": 2,
        "fetch_counts ood": 3,
        "shuffle_shards train": 4,
        "shuffle_shards ood": 1,
        "predict": 12,
    }


def test_ranges_are_those_that_the_jobs_will_read(stages: pd.DataFrame) -> None:
    # nine tiles in two ranges that end on a tile
    assert stages.loc["fetch_counts train", "largest_file_cells"] == 5 * TILE
    assert stages.loc["fetch_counts ood", "largest_file_cells"] == TILE
    held = 600e6 + 5 * TILE * 3 * 2_000
    assert stages.loc["fetch_counts train", "memory_mb"] == pytest.approx(held / 1e6)


def test_a_shard_has_the_cells_of_its_slice_of_the_keys(stages: pd.DataFrame) -> None:
    keys = [int(key) for key in shuffle_keys(np.arange(8 * TILE), seed=1)]
    sizes = [sum(key * 4 // 2**64 == shard for key in keys) for shard in range(4)]
    assert stages.loc["shuffle_shards train", "largest_file_cells"] == max(sizes)
    assert stages.loc["shuffle_shards ood", "largest_file_cells"] == 3 * TILE


def test_disk_transfer_and_time_are_rates_times_cells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan, "BYTES_PER_CELL", {"pieces": 5_000, "shards": 2_000})
    rates = {"fetch_counts": 10_000, "shuffle_shards": 20_000}
    monkeypatch.setattr(plan, "CELLS_PER_CORE_SECOND", rates)
    monkeypatch.setattr(plan, "TRANSFER_PER_CELL", 3_000)
    monkeypatch.setattr(plan, "PREDICTION_BYTES", 16)
    stages = estimate(make_cells(), SETTINGS).set_index("stage")
    expected = {
        "fetch_counts train": 9 * TILE * 5_000,
        "fetch_counts ood": 3 * TILE * 5_000,
        "shuffle_shards train": 8 * TILE * 2_000,
        "shuffle_shards ood": 3 * TILE * 2_000,
        "predict": 6 * 4 * TILE * 16,  # six models, test and ood
    }
    assert (stages["disk_gb"] * 1e9).to_dict() == pytest.approx(expected)
    assert disk_needed(stages) == pytest.approx(sum(expected.values()) / 1e9)
    # whole tiles are read, the gap is not
    transfer = stages["transfer_gb"].dropna() * 1e9
    assert transfer.to_dict() == pytest.approx(
        {"fetch_counts train": 9 * TILE * 3_000, "fetch_counts ood": 3 * TILE * 3_000}
    )
    hours = stages["core_hours"].dropna() * 3600
    assert hours.to_dict() == pytest.approx(
        {
            "fetch_counts train": 9 * TILE / 10_000,
            "fetch_counts ood": 3 * TILE / 10_000,
            "shuffle_shards train": 8 * TILE / 20_000,
            "shuffle_shards ood": 3 * TILE / 20_000,
        }
    )


def test_a_tile_with_few_chosen_cells_is_read_whole() -> None:
    cells = make_cells()
    chosen = cells[cells["soma_joinid"] % 100 == 0]
    one, all_of_them = (
        estimate(part, SETTINGS).set_index("stage")["transfer_gb"] for part in (chosen, cells)
    )
    assert one["fetch_counts train"] == all_of_them["fetch_counts train"]


def test_free_disk_is_that_of_the_folder_or_its_nearest_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def disk_usage(path: Path) -> object:
        asked.append(path)
        return type("usage", (), {"free": 3_500_000_000})

    monkeypatch.setattr(plan.shutil, "disk_usage", disk_usage)
    assert free_disk(tmp_path / "not" / "there") == 3.5
    assert asked == [tmp_path]


@pytest.fixture
def run_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], Path]:
    """Function (free disk in GB) that plans as from a shell; returns the path of the plan."""
    make_cells().to_parquet(tmp_path / "cells.parquet")
    pd.DataFrame({"feature_id": [f"ENSG{i}" for i in range(GENES)]}).to_parquet(
        tmp_path / "genes.parquet"
    )

    def run(free: float) -> Path:
        monkeypatch.setattr(plan_run, "free_disk", lambda folder: free)
        trainings = json.dumps(asdict(trainings_of({"linear": 2, "mlp": 4}, max_epochs=5)))
        arguments = ["plan_run.py", "--cells", str(tmp_path / "cells.parquet")]
        arguments += ["--genes", str(tmp_path / "genes.parquet"), "--slice", json.dumps(NO_SLICE)]
        arguments += ["--datasets", str(REPOSITORY / "config/datasets.tsv")]
        arguments += ["--uris", json.dumps({"train": "s3://bucket/soma/", "ood": "a/folder"})]
        arguments += ["--ranges", "train=2", "ood=3"]
        arguments += ["--shards", "train=4", "val=1", "test=1", "ood=1"]
        arguments += ["--n-models", "6", "--results", "results-x"]
        arguments += ["--trainings", trainings]
        arguments += ["--plan", str(tmp_path / "plan.txt")]
        monkeypatch.setattr(sys, "argv", arguments)
        plan_run.main()
        return tmp_path / "plan.txt"

    return run


def test_the_plan_says_what_there_is_and_what_is_needed(
    run_plan: Callable[[float], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    text = run_plan(1234.0).read_text()
    assert capsys.readouterr().out == text
    assert f"Cells: train {8 * TILE:,}, val 0, test {TILE:,}, ood {3 * TILE:,}" in text
    assert "Cell types: 3, 1 of them OOD" in text
    assert "1,234.0 GB free" in text
    (line,) = [line for line in text.splitlines() if "fetch_counts train" in line]
    assert line.split()[2:5] == ["2", f"{5 * TILE:,}", "661"]  # ranges, cells and MB of a job
    assert "nan" not in text.lower()
    assert "Trainings: 6 of up to 5 epochs take 0.0 GPU hours" in text
    assert "measured on an NVIDIA H100" in text
    assert "Network: needed by the jobs fetch_counts, which read s3://bucket/soma/." in text
    assert "A training gets 10,000 MB (resources.train_memory) and 720 minutes" in text
    assert "Training cells: host (131 MB). Validation cells: host (0 MB)." in text


def test_a_disk_that_is_too_small_stops_the_plan_with_the_numbers(
    run_plan: Callable[[float], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = r"results-x: 0\.0 GB are free, 0\.2 GB are needed\. Free some space, or set `results`"
    with pytest.raises(SystemExit, match=message):  # text as its code is exit status 1
        run_plan(0.01)
    assert "Cells: train" in capsys.readouterr().out  # the plan is shown before it is refused
    assert not (tmp_path / "plan.txt").exists()


def test_a_split_without_cells_has_a_plan() -> None:
    settings = Settings(ranges={"train": 2}, shards={"val": 3}, n_models=1)
    (stage,) = estimate(make_cells(), settings).iloc[[1]].to_dict("records")
    assert stage["files"] == 3
    assert stage["largest_file_cells"] == stage["disk_gb"] == stage["core_hours"] == 0


def test_gpu_hours_are_measured_steps_times_batches(tmp_path: Path) -> None:
    bench = tmp_path / "bench.json"
    trainings = trainings_of({"linear": 8, "tabnet": 4}, max_epochs=10)
    steps = {"linear": 0.002, "mlp": 0.004, "tabnet, ours": 0.05}
    bench.write_text(json.dumps({"device": "H200", "step_seconds": steps}))
    hours, basis = training_hours(trainings, 2048 * 900, 2048 * 300, GENES, bench)
    # 900 training batches and 300 of validation, forward alone, in each of ten epochs
    expected = {"linear": 8 * 10 * 1000 * 0.002 / 3600, "tabnet": 4 * 10 * 1000 * 0.05 / 3600}
    assert hours == pytest.approx(expected)
    assert "H200" in basis


def test_steps_of_another_kind_of_device_are_not_used(tmp_path: Path) -> None:
    bench = tmp_path / "bench.json"
    trainings = trainings_of({"linear": 1}, max_epochs=1)
    bench.write_text(json.dumps({"device": "cpu", "step_seconds": {"linear": 1e9}}))
    hours, basis = training_hours(trainings, 10**7, 0, GENES, bench)
    assert (hours, basis) == training_hours(trainings, 10**7, 0, GENES, None)
    assert hours["linear"] == pytest.approx(10**7 * GPU_SECONDS["linear"] / 3600)
    assert "measured on an NVIDIA H100" in basis


def test_hours_without_a_gpu_are_those_of_two_cores_or_of_this_machine(tmp_path: Path) -> None:
    trainings = trainings_of({"mlp": 3}, max_epochs=2, gpu=False)
    hours, basis = training_hours(trainings, 900_000, 300_000, GENES // 10, None)
    seconds = 3 * 2 * 1_000_000 * CPU_SECONDS["mlp"] * (GENES // 10) / GENES
    assert hours["mlp"] == pytest.approx(seconds / 3600)
    assert "two cores" in basis
    bench = tmp_path / "bench.json"
    steps = {"linear": 1.0, "mlp": 2048.0, "tabnet, ours": 1.0}
    bench.write_text(json.dumps({"device": "cpu", "step_seconds": steps}))
    hours, basis = training_hours(trainings, 900, 300, GENES, bench)
    assert hours["mlp"] == pytest.approx(3 * 2 * 1000 / 3600)
    assert "measured on cpu" in basis
    assert "hours of two cores" in training_report(trainings, TRAIN, VALIDATION, GENES, None)


def test_the_plan_of_a_slice_says_how_it_grows_and_what_is_not_filled() -> None:
    cells = make_cells().assign(slice_rank=lambda t: np.arange(len(t)) % 8 + 1)
    table = pd.DataFrame(
        {"split": ["train", "ood"], "cell_type": ["B cell", "T cell"], "available": [90, 50]}
        | {"wanted": [80, 4], "cells": [7, 4]}
    )
    quota = Quota(8, {"ood": 0.5}, 0.5, 0)
    said = plan.slice_report(table, cells, quota, kept=True)
    assert f"of {140:,} cells" in said
    # of each 8 cells 2, 4 and 8, and half of that of the OOD cells; all 12 tiles whatever the size
    for size, n_cells in ((2, 9 * TILE // 4 + 3 * TILE // 8), (8, 9 * TILE + 3 * TILE // 2)):
        assert f"{size} a type: {n_cells:,} cells, 0.1 GB from the store (12 tiles)" in said
    assert "Not filled in train (1 types; slice.min_gain): B cell 7 of 80" in said
    assert "T cell" not in said
    assert "tiles are kept: 0.1 GB" in said
    whole = table.assign(cells=table["available"])
    assert "it is no smaller than the data" in plan.slice_report(whole, cells, quota, kept=False)


def test_the_rows_of_the_shards_are_those_of_the_stages() -> None:
    rows = shard_rows(make_cells(), "train", 4)
    assert rows.sum() == 8 * TILE
    assert len(shard_rows(make_cells(), "val", 3)) == 3


# cells of the 464 training and 112 validation shards of the paper, about
TRAIN, VALIDATION = np.full(464, 32_800), np.full(112, 31_300)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, "Training cells: stream, the next window decoded ahead (4,208 MB)."),
        ({}, "Validation cells: stream, the next window decoded ahead (502 MB)."),
        ({}, "On a GPU with room for all 149.8 GB: device."),
        ({}, "Streaming, an epoch takes 5.9 minutes or more, all of them 294: two cores decode"),
        # by hand: 18 + 4 x 2,000 bytes a cell, 3,000 MB of CUDA, 5,000 vectors of 19,331 genes
        ({}, "With resources.train_memory 153523 all cells would stay in memory."),
        ({"memory": 7000}, "Training cells: stream, one window at a time (2,104 MB)."),
        ({"memory": 4000}, "would be refused: resources.train_memory: 4,000 MB are too little"),
        ({"memory": 4000}, "Set it to 5742 or more, or lower training.shuffle_window"),
        ({"memory": 200_000}, "Training cells: host (122,028 MB)."),
        ({"gpu": False}, "Training cells: stream, the next window decoded ahead (4,208 MB)."),
        ({"residency": "host"}, "training.residency host takes 122,028 MB"),
    ],
)
def test_the_plan_says_where_the_cells_of_a_training_will_be(
    changed: dict[str, float | str], expected: str
) -> None:
    trainings = trainings_of({"linear": 8}, **changed)
    assert expected in training_report(trainings, TRAIN, VALIDATION, GENES, None)


def test_the_memory_of_the_configuration_holds_two_windows_of_the_paper() -> None:
    """On a GPU and without one, with cells of a third more genes than are planned with."""
    paper = yaml.safe_load((REPOSITORY / "config" / "paper.yaml").read_text())["resources"]
    for gpu in (True, False):
        trainings = trainings_of({}, memory=paper["train_memory"], gpu=gpu)
        kept, _ = training_memory(trainings, TRAIN * 4 // 3, VALIDATION * 4 // 3)
        assert (kept.residency, kept.ahead) == ("stream", 1)


def test_memory_that_is_called_enough_is_enough() -> None:
    """And one MB less is not."""
    (line,) = [
        line
        for line in training_report(trainings_of({}), TRAIN, VALIDATION, GENES, None).splitlines()
        if "would stay in memory" in line
    ]
    enough = int(line.split("resources.train_memory ")[1].split()[0])
    for memory, where in ((enough, "host"), (enough - 1, "stream")):
        kept = training_memory(trainings_of({}, memory=memory), TRAIN, VALIDATION)
        assert kept[1].residency == where
