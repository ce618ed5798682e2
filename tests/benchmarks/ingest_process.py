"""Running one command and measuring it: CPU seconds and peak memory of that process alone."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPTS = REPOSITORY / "scripts"
# what Snakemake sets for a job with one thread; idle BLAS threads spin on the CPU otherwise
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Measured:
    """CPU seconds (user and system, start-up included), peak resident memory, standard output."""

    cpu_seconds: float
    peak_mb: float
    output: str


def run_python(*arguments: str | Path | int) -> Measured:
    """Run a Python script on the cores that this process may use.

    Linux counts the caller's memory as the peak of a new process, so the caller must stay small.

    Parameters
    ----------
    arguments
        Path of the script and its arguments.

    Raises
    ------
    RuntimeError
        If the script fails.
    """
    command = [sys.executable, *(str(argument) for argument in arguments)]
    environment = os.environ | ONE_THREAD | {"PYTHONPATH": str(SCRIPTS)}
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        process = subprocess.Popen(command, stdout=stdout, stderr=stderr, env=environment)
        # wait4 gives the usage of this child, getrusage the largest of all children so far
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        stdout.seek(0)
        stderr.seek(0)
        if process.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} failed:\n{stderr.read()[-3000:]}")
        cpu_seconds = usage.ru_utime + usage.ru_stime
        return Measured(cpu_seconds, usage.ru_maxrss / 1024, stdout.read())
