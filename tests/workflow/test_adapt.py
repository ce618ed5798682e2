"""The recipes of docs/adapt.md: own files, labels, ontology, architecture and loss."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from h5ad_example import B_CELL, CD4, CD8, MONOCYTE, T_CELL, make_file, write_file
from repository_copy import NOTHING, ODD, Code, Snakemake, copy_repository, snakemake
from shard_reading import read_anndata

# one run for all, not one for each process of the tests
pytestmark = pytest.mark.xdist_group("adapt")

OboWriter = Callable[..., Path]
LYMPHOCYTE = "CL:0000542"
# every path is an odd one: no shell may split or run it
MINE, ONTOLOGY, NETWORK, LOSS = (
    f"{name} {ODD}{suffix}"
    for name, suffix in (("mine", ""), ("own", ".obo"), ("narrow", ".py"), ("focal", ".py"))
)
# what a user writes: the rest are the defaults
OWN = {
    "results": MINE,
    "census": {
        "source": "h5ad",
        "train": {"release": "2030-01-01", "files": ["data/a.h5ad", f"data/b {ODD}.h5ad"]},
        "ood": {"release": "2031-01-01", "files": ["data/new.h5ad"]},
    },
    "ontology": {"source": "file", "path": ONTOLOGY},
    "selection": {"root": LYMPHOCYTE, "min_cells": 10, "min_tech_samples": 3, "min_ancestors": 0},
    "split": {"row_group": 1},
    "shards": {
        "parts": 1,
        "ranges": {"train": 1, "ood": 1},
        "buckets": dict.fromkeys(("train", "val", "test", "ood"), 1),
    },
    "training": {"batch_size": 16, "max_epochs": 1},
    "seeds": [3],
    "losses": ["ce", "hce", "focal"],
    "own_losses": {"focal": {"file": f"my losses/{LOSS}", "gamma": 2}},
    "architectures": ["narrow"],
    "models": {"narrow": {"file": NETWORK, "learning_rate": 0.01, "weight_decay": 0, "width": 3}},
}
ARCHITECTURE = """
from torch import nn

class Network(nn.Sequential):
    def __init__(self, n_genes, n_classes, width):
        super().__init__(nn.Linear(n_genes, width), nn.Tanh(), nn.Linear(width, n_classes))
"""
TARGETS = (
    f"{MINE}/predictions/narrow/hce/seed3/ood.parquet",
    f"{MINE}/tables/own_losses.tsv",
    f"{MINE}/tables/atlas_composition.tsv",
    f"{MINE}/figures/source_data/figS1.csv",
    f"{MINE}/figures/source_data/figS10.csv",
)
# CD4 T cells are B cells here: the hierarchy is that of the file, whatever the Cell Ontology says
PARENTS = {
    LYMPHOCYTE: [],
    T_CELL: [LYMPHOCYTE],
    B_CELL: [LYMPHOCYTE],
    CD4: [B_CELL],
    CD8: [T_CELL],
    MONOCYTE: [],
}


def odd_names(n_cells: int) -> dict[str, list[str]]:
    """Names of studies, donors and tissues that look like something else."""
    first = [cell < n_cells // 2 for cell in range(n_cells)]
    donors = ["NA" if cell % 2 else "None of them" for cell in range(n_cells)]
    return {
        "dataset_id": ["1" if here else "01" for here in first],
        "donor_id": donors,
        "tissue": ["NA" if here else "1e3" for here in first],
    }


@dataclass(frozen=True)
class OwnRun:
    """A user's folder, the options of snakemake there, and what the run said."""

    folder: Path
    options: tuple[str, ...]
    done: Snakemake


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone."""
    return copy_repository(tmp_path_factory.mktemp(f"repository {ODD}"))


def place(repository: Path, folder: Path) -> tuple[str, ...]:
    """Options that run the clone's workflow in a user's folder, which has the file of the loss."""
    (folder / "own.yaml").write_text(yaml.safe_dump(OWN))
    guide = (repository / "docs" / "adapt.md").read_text(encoding="utf-8")
    recipe = re.search(r"## Another loss.*?```python\n(.*?)```", guide, re.S)[1]
    (folder / "my losses").mkdir()
    (folder / "my losses" / LOSS).write_text(recipe)
    snakefile = f"{repository}/Snakefile"
    return ("--snakefile", snakefile, "--configfile", "own.yaml")


@pytest.fixture(scope="module")
def own_run(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, write_obo: OboWriter
) -> OwnRun:
    """A user's folder in which everything of one's own has been run."""
    folder = tmp_path_factory.mktemp(f"own {ODD}")
    (folder / "data").mkdir()
    for seed, name in enumerate(("a", f"b {ODD}", "new")):
        data = make_file(seed)
        if name == "new":
            data.obs = data.obs.assign(**odd_names(data.n_obs))
        write_file(data, folder / "data" / f"{name}.h5ad")
    write_obo(PARENTS).rename(folder / ONTOLOGY)
    (folder / NETWORK).write_text(ARCHITECTURE)
    options = place(repository, folder)
    done = snakemake(folder, *options, "--", *TARGETS)
    assert done.returncode == 0, done.output[-4000:]
    for file in (folder / NETWORK, folder / "my losses" / LOSS):
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        assert f"Will execute the code of {file.relative_to(folder)} (SHA-256 {digest})" in (
            done.output
        )
    assert list(folder.rglob("executed")) == list(repository.rglob("executed")) == []
    return OwnRun(folder, options, done)


def test_own_files_labels_ontology_and_architecture(own_run: OwnRun) -> None:
    tmp_path, jobs = own_run.folder, own_run.done.jobs
    assert jobs["convert_h5ad"] == 2
    assert "simulate_census" not in jobs
    cells = pd.read_parquet(tmp_path / MINE / "atlas" / "cells.parquet")
    # monocytes are no lymphocytes in this file
    assert set(cells["cell_type_ontology_term_id"]) == {T_CELL, B_CELL, CD4, CD8}
    assert set(cells.loc[cells["split"] == "ood", "dataset_id"]) == {"1", "01"}
    with np.load(tmp_path / MINE / "ontology" / "reachability.npz") as stored:
        matrix = stored["reachability"]
        order = {term: i for i, term in enumerate(stored["term_ids"].tolist())}
    assert matrix[order[B_CELL], order[CD4]]
    assert not matrix[order[T_CELL], order[CD4]]
    shard = read_anndata(tmp_path / MINE / "shards" / "ood" / "part-0000-0.zarr.zip")
    assert shard.shape == (160, 20)
    record = tmp_path / MINE / "models" / "narrow" / "hce" / "seed3" / "hyperparameters.json"
    described = json.loads(record.read_text())
    assert described["model"] == {"width": 3}
    assert described["parameters"] == 20 * 3 + 3 + 3 * 4 + 4
    predictions = pd.read_parquet(tmp_path / TARGETS[0])
    assert predictions["soma_joinid"].nunique() == 160


def test_names_that_look_like_something_else_stay_names(own_run: OwnRun) -> None:
    """From the file to the source data: two studies 1 and 01, a tissue and a donor NA."""
    mine = own_run.folder / MINE
    cells = pd.read_parquet(mine / "atlas" / "cells.parquet").query("split == 'ood'")
    donors = {"1_NA", "01_NA", "1_None of them", "01_None of them"}
    assert set(cells["donor"]) == donors
    composition = read_text(mine / "tables" / "atlas_composition.tsv", "\t")
    ood = composition[composition["subset"] == "ood"].groupby("grouping")["group"].agg(set)
    assert ood["study"] == {"1", "01"} and ood["tissue"] == {"NA", "1e3"}
    for name in ("per_study", "per_study_runs"):
        table = read_text(mine / "tables" / f"{name}.tsv", "\t").query("split == 'ood'")
        assert set(zip(table["dataset_id"], table["study"], strict=True)) == {
            ("1", "1 (new)"),
            ("01", "01 (new)"),
        }
    figure = read_text(mine / "figures" / "source_data" / "figS1.csv", ",")
    assert set(figure["dataset_id"]) == {"1", "01"}
    ran = figure[figure["f1"] != ""]
    assert ran.groupby("dataset_id").size().to_dict() == {"1": 2, "01": 2}
    tissues = read_text(mine / "figures" / "source_data" / "figS10.csv", ",")
    single = tissues[(tissues["part"] == "single") & (tissues["gain"] != "")]
    assert sorted(single["group"]) == ["1e3", "NA"]
    assert set(single["seen"]) == {"False"}


def read_text(path: Path, separator: str) -> pd.DataFrame:
    """The words of a table, none of them taken for a number or a gap."""
    return pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False)


def test_an_own_loss_is_compared_with_ce_and_hce(own_run: OwnRun) -> None:
    mine = own_run.folder / MINE
    assert own_run.done.jobs["train_model"] == own_run.done.jobs["score"] == 3
    table = pd.read_csv(mine / "tables" / "own_losses.tsv", sep="\t")
    ood = table[table["split"] == "ood"].set_index("baseline")
    assert ood[["loss", "architecture"]].to_numpy().tolist() == [["focal", "narrow"]] * 2
    assert set(ood["note"]) == {"no test: n = 1"}
    for loss in ("ce", "hce", "focal"):
        scores = pd.read_parquet(mine / "scores" / "narrow" / loss / "seed3" / "ood.parquet")
        (f1,) = scores.query("grouping == 'overall' and group == 'all'")["f1"]
        own = ood["loss_mean"] if loss == "focal" else ood.loc[[loss], "baseline_mean"]
        assert own.to_numpy() == pytest.approx(f1)
    record = mine / "models" / "narrow" / "focal" / "seed3" / "hyperparameters.json"
    described = json.loads(record.read_text())
    assert described["loss_settings"] == {"gamma": 2}
    assert set(described["own_files_sha256"]) == {NETWORK, f"my losses/{LOSS}"}


def test_editing_the_file_of_a_loss_trains_with_it_again(own_run: OwnRun, repository: Path) -> None:
    file = own_run.folder / "my losses" / LOSS
    text = file.read_text()
    file.write_text(f"{text}\n# one more remark\n")
    # a newer trial of what has been tried is no reason to train again
    (own_run.folder / MINE / "checks" / "architectures" / "narrow.txt").touch()
    again = snakemake(own_run.folder, *own_run.options, "-n", "--", *TARGETS)
    file.write_text(text)
    once = ("check_own_loss", "train_model", "predict", "score", "compare_own_losses")
    assert again.jobs == dict.fromkeys(once, 1)


def test_an_edited_trial_tries_nothing_again(own_run: OwnRun, repository: Path) -> None:
    scripts = repository / "scripts"
    code = Code(scripts)
    texts = code.texts()
    # what the trials use, and nothing else
    code.replace("def check_network(", "    ", "    print()\n    ")
    again = snakemake(own_run.folder, *own_run.options, "-n", "--", *TARGETS)
    for path, text in texts.items():
        path.write_text(text)
    assert NOTHING in again.output, again.output


def test_a_mistake_in_an_own_file_stops_the_run_before_the_data(
    own_run: OwnRun, tmp_path: Path
) -> None:
    shutil.copytree(own_run.folder / "data", tmp_path / "data")
    for name in ("own.yaml", ONTOLOGY, NETWORK):
        shutil.copy(own_run.folder / name, tmp_path)
    (tmp_path / "my losses").mkdir()
    text = (own_run.folder / "my losses" / LOSS).read_text()
    (tmp_path / "my losses" / LOSS).write_text(text.replace("gamma):", "gama):"))
    done = snakemake(tmp_path, *own_run.options, "--cores", "1", "--", *TARGETS)
    assert done.returncode != 0
    assert (
        f"my losses/{LOSS}: Loss is called as Loss(reachability, weight, gamma=…), but takes "
        in (done.output)
    )
    assert (
        "own_losses.focal.gamma is no hyperparameter of it; own_losses.focal.gama is missing"
        in (done.output)
    )
    assert "rule check_own_loss:" in done.output
    assert "rule convert_h5ad:" not in done.output


def test_a_listed_file_that_is_not_there_is_named(repository: Path, tmp_path: Path) -> None:
    (tmp_path / ONTOLOGY).write_text("")
    said = snakemake(tmp_path, *place(repository, tmp_path), "-n")
    assert said.returncode != 0
    assert "data/a.h5ad" in said.output


def test_the_releases_can_be_others(repository: Path, tmp_path: Path) -> None:
    census = {"source": "released", "gene_list": "genes.parquet"}
    for name, release in (("train", "2024-07-01"), ("ood", "2025-01-30")):
        census[name] = {"release": release, "uri": f"s3://bucket/{release}/soma/"}
    (tmp_path / "genes.parquet").write_text("")
    (tmp_path / ONTOLOGY).write_text("")
    options = place(repository, tmp_path)
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(OWN | {"census": census}))
    said = snakemake(tmp_path, *options, "-n", "-p", "--", f"{MINE}/shards/manifest.json")
    assert said.returncode == 0, said.output
    assert "--uri s3://bucket/2024-07-01/soma/ " in said.output
    assert "--uri s3://bucket/2025-01-30/soma/ " in said.output


# the ids of tests/h5ad_example.py as a lab of its own may call them
LAB_IDS = {T_CELL: "LAB:T", CD4: "LAB:T4", CD8: "LAB:T", B_CELL: "LAB:B", MONOCYTE: "unknown"}


@pytest.fixture(scope="module")
def lab(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with the hierarchy and the settings of the guide, and cells with its ids."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "data").mkdir()
    for seed, name in enumerate(("a", "new")):
        data = make_file(seed)
        terms = data.obs["cell_type_ontology_term_id"].astype(object).map(LAB_IDS)
        data.obs["cell_type_ontology_term_id"] = terms
        write_file(data, folder / "data" / f"{name}.h5ad")
    guide = (repository / "docs" / "adapt.md").read_text(encoding="utf-8")
    obo, recipe = re.search(r"```obo\n(.*?)```\n\n```yaml\n(.*?)```", guide, re.S).groups()
    (folder / "lab.obo").write_text(obo)
    config = {key: OWN[key] for key in ("split", "shards")} | yaml.safe_load(recipe)
    config["census"] = {
        "source": "h5ad",
        "train": {"release": "2030-01-01", "files": ["data/a.h5ad"]},
        "ood": {"release": "2031-01-01", "files": ["data/new.h5ad"]},
    }
    config["selection"] |= {"min_cells": 10, "min_tech_samples": 3}
    (folder / "lab.yaml").write_text(yaml.safe_dump(config))
    return folder, f"{repository}/Snakefile"


def test_a_hierarchy_with_ids_of_its_own(lab: tuple[Path, str]) -> None:
    folder, snakefile = lab
    options = ("--snakefile", snakefile, "--configfile", "lab.yaml", "--")
    done = snakemake(folder, *options, "results/ontology/reachability.npz")
    assert done.returncode == 0, done.output[-4000:]
    with np.load(folder / "results" / "ontology" / "reachability.npz") as stored:
        term_ids, matrix = stored["term_ids"].tolist(), stored["reachability"]
    assert term_ids == ["LAB:B", "LAB:T", "LAB:T4"]
    assert matrix.astype(int).tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 1]]
    cells = pd.read_parquet(folder / "results" / "atlas" / "cells.parquet")
    assert set(cells["cell_type_ontology_term_id"]) == set(term_ids)
    # what compares releases of the Cell Ontology is left out
    planned = snakemake(folder, "-n", *options, "beyond").jobs
    assert "draw_calibration" in planned
    assert "draw_ontology_drift" not in planned


@pytest.mark.parametrize("root", [None, "LAB:bone"])
def test_a_root_that_is_missing_names_those_of_the_file(
    lab: tuple[Path, str], root: str | None
) -> None:
    folder, snakefile = lab
    config = yaml.safe_load((folder / "lab.yaml").read_text())
    config["results"] = results = f"wrong-{root}".replace(":", "-")
    del config["selection"]["root"]
    if root:
        config["selection"]["root"] = root
    (folder / "wrong.yaml").write_text(yaml.safe_dump(config))
    target = "ontology/cl.obo" if root is None else "atlas/cells.parquet"
    done = snakemake(
        folder, "--snakefile", snakefile, "--configfile", "wrong.yaml", "--",
        f"{results}/{target}",
    )  # fmt: skip
    assert done.returncode != 0, done.output[-3000:]
    name = "fetch_ontology" if root is None else "select_cells"
    log = (folder / results / "logs" / f"{name}.log").read_text()
    assert "roots" in log.splitlines()[-1]
    assert "LAB:blood (blood cell)" in log.splitlines()[-1]


def test_the_recipe_for_lymphocytes_leaves_types_on_the_tiny_census(
    repository: Path, tmp_path: Path
) -> None:
    """As printed: its thresholds are those of the file that it is put on."""
    guide = (repository / "docs" / "adapt.md").read_text(encoding="utf-8")
    recipe = re.search(r"## Another label set.*?```yaml\n(.*?)```", guide, re.S)[1]
    (tmp_path / "own.yaml").write_text(recipe)
    files = (f"{repository}/config/config.yaml", f"{repository}/config/tiny.yaml", "own.yaml")
    options = ("--snakefile", f"{repository}/Snakefile", "--configfile", *files, "--")
    done = snakemake(tmp_path, *options, "results-tiny/ontology/cell_types.tsv")
    assert done.returncode == 0, done.output[-4000:]
    types = pd.read_csv(tmp_path / "results-tiny" / "ontology" / "cell_types.tsv", sep="\t")
    assert len(types) > 10
