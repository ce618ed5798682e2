"""One bit of one file is flipped, and a script that reads the file is run, as Snakemake runs it."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from repository_copy import results_of, snakemake
from results import TARGETS

RESULTS = "results-tiny"
# kind of file: its path in the results
KINDS = {
    "TileDB store": r"simulated_census/\d[^/]*/.+",
    "list of genes": r"simulated_census/protein_coding_genes\.parquet",
    "obs.parquet": r"census/\w+/obs\.parquet",
    "datasets.parquet": r"census/\w+/datasets\.parquet",
    "genes.parquet": r"atlas/genes\.parquet",
    "cells.parquet": r"atlas/cells\.parquet",
    "cl.obo": r"ontology/cl\.obo",
    "cell_types.tsv": r"ontology/cell_types\.tsv",
    "reachability.npz": r"ontology/reachability\.npz",
    "piece of the shuffle": r"shards/pieces/.+\.arrow",
    "shard": r"shards/\w+/part-.+\.zarr\.zip",
    "manifest.json": r"shards/manifest\.json",
    "augmentations.npy": r"atlas/augmentations\.npy",
    "model.safetensors": r"models/.+/model\.safetensors",
    "running checkpoint": r"models/.+/checkpoint-\w+\.safetensors",
    "history.csv": r"models/.+/history\.csv",
    "hyperparameters.json": r"models/.+/hyperparameters\.json",
    "predictions": r"predictions/.+\.parquet",
    "scores": r"scores/.+\.parquet",
    "tables": r"(tables/|provenance|resources).*\.tsv",
    "source data": r"figures/source_data/.+\.csv",
    "run.json": r"run\.json",
    "recorded checksum": r"(.+/)?(\.[^/]+|cl\.obo)\.sha256",
}
# splits of the shards that a script reads which is given the manifest
SPLITS = {
    "train_model": ("train", "val"),
    "predict": ("test", "ood"),
    "sample_augmentations": ("train",),
}
# it would write the stores anew, under other names
LEFT_OUT = ("simulate_census",)
# more than any script takes here; a length that was flipped must not take the machine's
MEMORY_KIB = 16 * 2**20
SECONDS = 180


@dataclass(frozen=True)
class Job:
    """One job of the finished run."""

    rule: str
    command: str
    outputs: tuple[str, ...]
    log: str

    @property
    def words(self) -> list[str]:
        """Arguments of its command."""
        return shlex.split(self.command)


@dataclass(frozen=True)
class Outcome:
    """What a job did with a damaged file: equal, refused, unclear or silent."""

    name: str
    said: str = ""


def jobs_of(folder: Path) -> list[Job]:
    """The jobs of a finished run that ran a script, with the commands that Snakemake ran."""
    listed = snakemake(folder, *TARGETS, "--detailed-summary").output
    rows = [line.split("\t") for line in listed.splitlines() if line.count("\t") == 7]
    outputs: dict[tuple[str, str, str], list[str]] = {}
    for output, _, rule, log, _, command, _, _ in rows[1:]:
        outputs.setdefault((rule, command, log), []).append(output)
    jobs = [Job(rule, command, tuple(of), log) for (rule, command, log), of in outputs.items()]
    return [job for job in jobs if job.rule not in LEFT_OUT]


def inputs_of(job: Job, folder: Path) -> list[str]:
    """The files of results that a job reads, by its command."""
    files = []
    words = job.words
    for word in words:
        path = folder / word
        if not word.startswith(f"{RESULTS}/") or word in (*job.outputs, job.log):
            continue
        if path.is_dir() and path.parent.name == "simulated_census":  # a store
            within = (p for p in path.rglob("*") if p.is_file() and p.stat().st_size)
            files += [p.relative_to(folder).as_posix() for p in within]
        elif path.is_file():
            files.append(word)
            records = (path.with_name(f".{path.name}.sha256"), Path(f"{path}.sha256"))
            files += [p.relative_to(folder).as_posix() for p in records if p.is_file()]
        if path.name == "manifest.json":
            shards = [
                p
                for split in SPLITS.get(job.rule, ())
                for p in (path.parent / split).glob("part-*")
            ]
            files += [p.relative_to(folder).as_posix() for p in shards]
    return sorted(set(files))


def kind_of(file: str) -> str | None:
    """Kind of a file of results; None for what no script reads."""
    name = file.removeprefix(f"{RESULTS}/")
    return next((kind for kind, form in KINDS.items() if re.fullmatch(form, name)), None)


class Laboratory:
    """A copy of a finished run in which single files are damaged and put right again.

    Parameters
    ----------
    folder
        The copy.
    undisturbed
        The folder that it is a copy of.
    """

    def __init__(self, folder: Path, undisturbed: Path) -> None:
        self.folder = folder
        self.undisturbed = undisturbed
        self.jobs = jobs_of(folder)
        self.readers: dict[str, list[tuple[Job, str]]] = {kind: [] for kind in KINDS}
        for job in self.jobs:
            for file in inputs_of(job, folder):
                if kind := kind_of(file):
                    self.readers[kind].append((job, file))
        # Snakemake itself reads it, before any job
        check = Job("all", shlex.join(["snakemake", *TARGETS, "-n"]), (), "run.log")
        check = Job("all", f"{check.command} > run.log 2>&1", (), "run.log")
        self.readers["run.json"] = [(check, f"{RESULTS}/run.json")]
        self._keep_a_checkpoint()

    def draw(self, kind: str, rng: np.random.Generator) -> tuple[Job, str]:
        """Draw a job that reads a file of a kind, each bit of all such files as likely."""
        readers = self.readers[kind]
        if len(readers) == 1:
            return readers[0]
        sizes = np.array([(self.folder / file).stat().st_size for _, file in readers], float)
        return readers[rng.choice(len(readers), p=sizes / sizes.sum())]

    def flip(self, job: Job, file: str, rng: np.random.Generator) -> Outcome:
        """Flip a bit of a file, run the job, and put everything right."""
        path = self.folder / file
        content = self.checkpoint if kind_of(file) == "running checkpoint" else path.read_bytes()
        damaged = bytearray(content)
        damaged[rng.integers(len(content))] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            outcome = self._run(job, file)
            # one job of the release reads each piece whole
            for other in self._sisters(job) if outcome.name == "silent" else []:
                seen = self._run(other, file)
                outcome = seen if seen.name == "refused" else outcome
            return outcome
        finally:
            path.write_bytes(content)
            if kind_of(file) == "running checkpoint":
                path.unlink()

    def limit(self, job: Job, kibibytes: int) -> Outcome:
        """Run a job that may write no file beyond a size; it must name the file."""
        said = ": not written: "
        outcome = self._run(job, said, limits=f"ulimit -f {kibibytes}")
        folders = {(self.folder / output).parent for output in job.outputs}
        left = [path for folder in folders for path in folder.glob(".*.part*")]
        return Outcome("silent", f"left {left}") if left else outcome

    def _run(self, job: Job, *files: str, limits: str = f"ulimit -v {MEMORY_KIB}") -> Outcome:
        for output in job.outputs:  # as Snakemake does before a job
            (self.folder / output).unlink()
        try:
            status = self._call(job, limits)
            said = (self.folder / job.log).read_text(errors="replace").strip()
            return self._outcome(job, files, status, said)
        finally:
            for output in job.outputs:
                path = self.undisturbed / output
                for kept in (path, path.with_name(f".{path.name}.sha256")):
                    if kept.is_file():
                        target = self.folder / kept.relative_to(self.undisturbed)
                        target.write_bytes(kept.read_bytes())

    def _outcome(self, job: Job, files: tuple[str, ...], status: int, said: str) -> Outcome:
        ours, expected = (self._contents(job, where) for where in (self.folder, self.undisturbed))
        complete = status == 0
        for name, content in expected.items():
            # what was refused may have written some of its files, but none with other bytes
            if (name in ours or complete) and ours.get(name) != content:
                return Outcome("silent", f"{name}: {said[-300:]}")
        if complete:
            return Outcome("equal")
        # a store is refused by its name, a record by that of its file
        named = [*files, *(re.sub(r"/\.?([^/]+)\.sha256$", r"/\1", file) for file in files)]
        named += re.findall(rf"{RESULTS}/simulated_census/[^/ ]+", " ".join(files))
        # what threads of a library may say after it, while the process ends
        lines = said.removesuffix("terminate called without an active exception").splitlines()
        last = said if job.rule == "all" else lines[-1] if lines else ""
        clear = any(name in last for name in named)
        return Outcome("refused" if clear else "unclear", f"exit {status}: {said[-500:]}")

    def _contents(self, job: Job, folder: Path) -> dict[str, bytes]:
        # the benchmarks have changed since it was written
        paths = [folder / output for output in job.outputs if "resources.tsv" not in output]
        return {
            str(path.relative_to(folder)): content
            for path in paths
            if path.is_file()
            for content in results_of(path.parent, [path]).values()
        }

    def _sisters(self, job: Job) -> list[Job]:
        if job.rule != "shuffle_shards":
            return []
        of_ood = Path(job.outputs[0]).parent.name == "ood"
        jobs = (other for other in self.jobs if other.rule == job.rule and other != job)
        return [other for other in jobs if (Path(other.outputs[0]).parent.name == "ood") == of_ood]

    def _start(self, job: Job, limits: str = "true") -> subprocess.Popen[bytes]:
        binaries = Path(sys.executable).parent
        path = f"{binaries}{os.pathsep}{os.environ['PATH']}"
        command = f"set -euo pipefail; {limits}; {job.command}"
        return subprocess.Popen(
            ["bash", "-c", command],
            cwd=self.folder,
            env=os.environ | {"PATH": path, "PYTHONPATH": ""},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _call(self, job: Job, limits: str) -> int:
        process = self._start(job, limits)
        try:
            return process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return process.wait()

    def _keep_a_checkpoint(self) -> None:
        """Kill a training when it has written a checkpoint, and keep that."""
        job = next(job for job in self.jobs if job.rule == "train_model")
        models = self.folder / Path(job.outputs[0]).parent
        for output in job.outputs:
            (self.folder / output).unlink()
        process = self._start(job)
        while not (found := list(models.glob("checkpoint-*"))):
            assert process.poll() is None, (self.folder / job.log).read_text()
            time.sleep(0.005)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        (path,) = found
        self.checkpoint = path.read_bytes()
        path.unlink()
        for output in job.outputs:
            source = self.undisturbed / output
            (self.folder / output).write_bytes(source.read_bytes())
        self.readers["running checkpoint"] = [(job, path.relative_to(self.folder).as_posix())]
