"""One cluster for all tests, a local run to compare with, and a training to interrupt."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cluster import Cluster, missing
from repository_copy import TINY, FinishedRun, copy_repository, snakemake
from user_run import GPU, LONG, MODEL, OUTPUTS, UserRun


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with accounting."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    # `timeout` and CI end a process so; the cluster must be taken down all the same
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        cluster.up()
        yield cluster
    finally:
        UserRun.end_all()
        cluster.down()


@pytest.fixture(scope="session")
def both_runs(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> tuple[FinishedRun, UserRun]:
    """The tiny configuration in two fresh clones: on this machine alone, and on the cluster.

    At the same time, because the run on the cluster mostly waits for SLURM.
    """
    here, there = (copy_repository(tmp_path_factory.mktemp(name)) for name in ("here", "cluster"))
    on_cluster = UserRun(there, *TINY, "--set-resources", *GPU)
    local = snakemake(here, *TINY)
    assert local.returncode == 0, local.output[-5000:]
    on_cluster.succeed(900)
    return FinishedRun(here, local), on_cluster


@pytest.fixture(scope="session")
def local_run(both_runs: tuple[FinishedRun, UserRun]) -> FinishedRun:
    """The tiny configuration on this machine, without SLURM."""
    return both_runs[0]


@pytest.fixture(scope="session")
def copy_finished(
    local_run: FinishedRun, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Function (name) -> a copy of the finished run, in which `MODEL` has never been trained."""

    def copy(name: str, source: Path) -> Path:
        folder = tmp_path_factory.mktemp(name) / "repository"
        # with time stamps, so that nothing looks outdated
        shutil.copytree(source, folder, symlinks=True)
        return folder

    untrained = copy("untrained", local_run.folder)
    shutil.copy(LONG, untrained / "config")
    outputs = [str(Path(MODEL).with_name(name)) for name in OUTPUTS]
    forgotten = snakemake(untrained, *TINY, "--cleanup-metadata", *outputs)
    assert forgotten.returncode == 0, forgotten.output
    shutil.rmtree((untrained / MODEL).parent)
    return lambda name: copy(name, untrained)


@pytest.fixture(scope="session")
def uninterrupted(copy_finished: Callable[[str], Path]) -> Path:
    """The folder of the long training, trained on this machine without interruption."""
    folder = copy_finished("uninterrupted")
    run = snakemake(folder, *TINY, f"config/{LONG.name}", "--", MODEL)
    assert run.returncode == 0, run.output[-5000:]
    assert run.jobs == {"train_model": 1}
    return (folder / MODEL).parent
