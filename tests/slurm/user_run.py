"""The user's command on the cluster, and what the cluster's own records say of its jobs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cluster import call, wait_until

COMMAND = ("snakemake", "--profile", "slurm", "--cores", "all")
# the tiny configuration trains on CPUs; the jobs ask for the fake GPUs all the same
GPU_RULES = ("train_model", "predict")
# jobs of config/tiny.yaml on a cluster; rule: how many, memory, minutes
HEAVY = {
    "fetch_ontology": (1, "1000M", 10),
    "simulate_census": (1, "3000M", 30),
    "read_obs": (2, "3000M", 60),
    "select_genes": (1, "2000M", 15),
    "select_cells": (1, "3000M", 60),
    "build_hierarchy": (1, "3000M", 15),
    "summarize_atlas": (1, "3000M", 15),
    "fetch_counts": (4, "3000M", 60),
    "shuffle_shards": (5, "3000M", 30),
    "list_shards": (1, "1000M", 30),
    "sample_augmentations": (1, "3000M", 60),
    "train_model": (12, "3000M", 60),
    "predict": (6, "3000M", 60),
    "score": (6, "3000M", 30),
    "compare_losses": (1, "2000M", 15),
    "tabulate_decisions": (1, "2000M", 30),
    "tabulate_new_study": (1, "3000M", 30),
    "tabulate_figureS9to10": (1, "3000M", 15),
}
GPU = [
    f"{rule}:{setting}"
    for rule in GPU_RULES
    for setting in ("gpu=1", "gpu_model=fake", "slurm_partition=gpu")
]
LONG = Path(__file__).with_name("long_training.yaml")
# the model whose training is interrupted
MODEL = "results-tiny/models/mlp/hce/seed0/model.safetensors"
OUTPUTS = ("model.safetensors", "history.csv", "hyperparameters.json")
BINARIES = Path(sys.executable).parent
FIELDS = ("JobID", "Comment", "State", "Partition", "Account", "QOS", "ReqMem", "TimelimitRaw")
FIELDS += ("AllocTRES", "WorkDir", "JobName")


@dataclass(frozen=True)
class Job:
    """One start of a job, as sacct has it."""

    id: str
    comment: str
    state: str
    partition: str
    account: str
    qos: str
    memory: str
    minutes: int
    resources: dict[str, str]


class UserRun:
    """The user's command in a folder, in the background.

    Parameters
    ----------
    folder
        A copy of the repository.
    arguments
        What follows the command, or, with `command`, all of it.
    variables
        Environment variables; all others are those of the tests.
    """

    started: ClassVar[list[UserRun]] = []

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        command: tuple[str, ...] = COMMAND,
        **variables: str,
    ) -> None:
        self.folder = folder
        self.log = folder / f"run-{len(list(folder.glob('run-*.log')))}.log"
        path = f"{BINARIES}{os.pathsep}{os.environ['PATH']}"
        site = {"HCE_SLURM_ACCOUNT": "lab", "HCE_SLURM_PARTITION": "cpu"}
        environment = os.environ | {"PATH": path, "PYTHONPATH": ""} | site | variables
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                # a shell starts its background jobs deaf to Ctrl-C, and so these tests perhaps
                ["env", "--default-signal=INT", *command, *arguments],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started.append(self)

    @classmethod
    def end_all(cls) -> None:
        """Kill what a failed test has left."""
        for run in cls.started:
            if run.process.poll() is None:
                os.killpg(run.process.pid, signal.SIGKILL)
                run.process.wait()

    @property
    def output(self) -> str:
        """What it has said so far."""
        return self.log.read_text()

    @property
    def name(self) -> str:
        """Name of its jobs in SLURM."""
        return re.search(r"SLURM run ID: (\S+)", self.output).group(1)

    def wait(self, seconds: float) -> int:
        """Return code; a run that takes longer than `seconds` is killed and fails the test."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise AssertionError(f"no end within {seconds:.0f} s:\n{self.output[-3000:]}") from None

    def succeed(self, seconds: float) -> None:
        """Wait for the end of a run that must succeed."""
        assert self.wait(seconds) == 0, self.output[-5000:]

    def wait_until_it_says(self, text: str, seconds: float = 90) -> None:
        """Wait for a word of its output."""
        wait_until(lambda: text in self.output or self.process.poll() is not None, seconds, text)
        assert text in self.output, self.output[-5000:]

    def running_job(self) -> str:
        """Id of its one job that runs."""
        (job,) = call("squeue", "-h", f"--name={self.name}", "--states=R", "-o", "%i").split()
        return job

    def jobs(self) -> list[Job]:
        """Its jobs by sacct, each start of a requeued job by itself, in order of submission."""
        return accounted(f"--name={self.name}")


def accounted(*selection: str, folder: Path | None = None) -> list[Job]:
    """Jobs by sacct; those submitted in a folder if one is given."""
    form = ",".join(f"{name}%200" if name != "JobID" else name for name in FIELDS)
    listed = call("sacct", "-X", "-D", "-P", "-n", "-S", "now-1days", "-o", form, *selection)
    rows = [line.split("|") for line in listed.splitlines()]
    return [
        Job(*row[:7], int(row[7]), dict(part.split("=") for part in row[8].split(",") if part))
        for row in rows
        if folder is None or row[9] == str(folder)
    ]


def unfinished(folder: Path) -> list[str]:
    """Jobs of a folder that SLURM still has in its queue."""
    listed = call("squeue", "-h", "-o", "%i|%Z").splitlines()
    return [row.split("|")[0] for row in listed if row.split("|")[1] == str(folder)]
