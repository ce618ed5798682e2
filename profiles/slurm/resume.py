"""Bring back a run whose main process is gone: killed, disconnected, or its login node restarted.

Waits for the jobs that the run has left in SLURM, so that no work is lost and none is done twice;
then starts the run again.

    python profiles/slurm/resume.py [--cancel] [OPTION ...]

--cancel cancels those jobs instead of waiting; a training goes on from its last checkpoint. All
other options go to snakemake, behind `--profile slurm --cores all`: give those of the run.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "workflow" / "lib"))

from slurm_guard import clean_up, jobs_of_folder  # noqa: E402

COMMAND = ["snakemake", "--profile", "slurm", "--cores", "all"]
SECONDS_BETWEEN_LOOKS = 10.0


def main() -> None:
    further = sys.argv[1:]
    if further[:1] in (["-h"], ["--help"]):
        sys.exit(__doc__)
    alive = running_here(Path.cwd())
    if alive:
        sys.exit(f"snakemake still runs in this folder, as process {alive[0]}: nothing to resume")
    if further[:1] == ["--cancel"]:
        further = further[1:]
        clean_up()
    wait_for_jobs(Path.cwd())
    os.execvp(COMMAND[0], [*COMMAND, *further])


def running_here(folder: Path) -> list[int]:
    """Processes of snakemake on this host that run in a folder and are no job of SLURM."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            here = (process / "cwd").resolve() == folder.resolve()
        except OSError:
            continue  # it has just ended, or is another user's
        main = any(Path(os.fsdecode(word)).name == "snakemake" for word in words[:2])
        if here and main:
            found.append(int(process.name))
    return sorted(found)


def wait_for_jobs(folder: Path) -> None:
    """Wait until SLURM has no job of this folder; says whenever their number changes."""
    before = 0
    while jobs := jobs_of_folder(folder):
        if len(jobs) != before:
            print(f"Waiting for {len(jobs)} jobs in SLURM: {' '.join(jobs)}", flush=True)
        before = len(jobs)
        time.sleep(SECONDS_BETWEEN_LOOKS)


if __name__ == "__main__":
    main()
