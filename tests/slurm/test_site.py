"""What a site refuses is said before the first job; a site without accounting works."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cluster import Cluster, call
from repository_copy import TINY, copy_repository
from user_run import UserRun, accounted

pytestmark = pytest.mark.slurm

REFUSED = {
    "HCE_SLURM_PARTITION=nope": "HCE_SLURM_PARTITION or HCE_SLURM_GPU_PARTITION: nope",
    "HCE_SLURM_GPU_PARTITION=nope": "Invalid partition name specified",
    "HCE_SLURM_ACCOUNT=nope": "Invalid account",
    "HCE_SLURM_QOS=nope": "Invalid qos specification",
    "HCE_SLURM_GPU_TYPE=a100": "--gpus=a100:1",
    "HCE_SLURM_PARTITION=short": "its time limit is 30 minutes",
}


@pytest.fixture(scope="module")
def repository(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh clone."""
    return copy_repository(tmp_path_factory.mktemp("site"))


@pytest.mark.parametrize("setting", REFUSED)
def test_a_wrong_setting_is_named_at_once(repository: Path, setting: str) -> None:
    name, value = setting.split("=")
    (repository / "config" / "gpu.yaml").write_text("resources: {gpus: 1}\n")
    started = time.monotonic()
    run = UserRun(repository, *TINY, "config/gpu.yaml", **{name: value})
    assert run.wait(60) == 1
    assert time.monotonic() - started < 45
    assert REFUSED[setting] in run.output, run.output[-3000:]
    assert "Nothing was submitted" in run.output
    assert "Your accounts: lab" in run.output
    assert accounted(folder=repository) == []


@pytest.mark.parametrize("ends_during_the_run", [True, False])
def test_an_outage_of_the_accounting_holds_nothing_up(
    cluster: Cluster, copy_finished: Callable[[str], Path], ends_during_the_run: bool
) -> None:
    folder = copy_finished("accounting_away")
    options = (*TINY, "--forcerun", "list_shards", "--until", "list_shards")
    with cluster.accounting_away():
        run = UserRun(folder, *options)
        run.wait_until_it_says("has been submitted")
        if not ends_during_the_run:
            run.succeed(120)
    run.succeed(120)
    assert re.search(r"Finished jobid: \d+ \(Rule: list_shards\)", run.output)


@pytest.fixture
def without_accounting(cluster: Cluster) -> Iterator[Cluster]:
    """The same cluster, its controller started again without slurmdbd."""

    def restart(accounting: bool) -> None:
        with cluster.controller_away():
            cluster.accounting = accounting
            cluster.write_configuration()
        cluster.wait_for_node()

    restart(False)
    yield cluster
    restart(True)


def test_a_site_without_accounting_works_even_if_its_controller_is_away_for_a_while(
    without_accounting: Cluster, copy_finished: Callable[[str], Path]
) -> None:
    folder = copy_finished("without_accounting")
    options = (*TINY, "--forcerun", "list_shards", "--until", "list_shards")
    run = UserRun(folder, *options, HCE_SLURM_ACCOUNT="")
    run.wait_until_it_says("has been submitted")
    with without_accounting.controller_away():
        run.wait_until_it_says("SLURM does not answer, asking again")
    run.succeed(120)
    assert re.search(r"Finished jobid: \d+ \(Rule: list_shards\)", run.output)
    listed = call("squeue", "-h", "--states=all", f"--name={run.name}", "-o", "%T|%k|%P")
    assert listed.strip() == "COMPLETED|rule_list_shards|cpu"
