"""One cluster for all tests, a local run to compare with, and a training to interrupt."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cluster import Cluster, missing
from repository_copy import TINY, FinishedRun, copy_repository, snakemake

LONG = Path(__file__).with_name("long_training.yaml")
# the model whose training is interrupted
MODEL = "results-tiny/models/mlp/hce/seed0/model.safetensors"


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with accounting."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.up()
        yield cluster
    finally:
        cluster.down()


@pytest.fixture(scope="session")
def local_run(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """The tiny configuration on this machine, without SLURM."""
    folder = copy_repository(tmp_path_factory.mktemp("local"))
    run = snakemake(folder, *TINY)
    assert run.returncode == 0, run.output[-5000:]
    return FinishedRun(folder, run)


@pytest.fixture(scope="session")
def copy_finished(
    local_run: FinishedRun, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Function (name) -> a copy of the finished run, in which the long training is still to do."""

    def copy(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name) / "repository"
        # the same folder name everywhere, and time stamps kept: nothing else looks outdated
        shutil.copytree(local_run.folder, folder, symlinks=True)
        shutil.copy(LONG, folder / "config")
        return folder

    return copy


@pytest.fixture(scope="session")
def uninterrupted(copy_finished: Callable[[str], Path]) -> Path:
    """The folder of the long training, trained on this machine without interruption."""
    folder = copy_finished("uninterrupted")
    run = snakemake(folder, *TINY, f"config/{LONG.name}", "--", MODEL)
    assert run.returncode == 0, run.output[-5000:]
    assert run.jobs == {"train_model": 1}
    return (folder / MODEL).parent
