"""Write the Dockerfile of all environments with snakemake --containerize (`make container`).

The image holds an environment for each of envs/*.yaml, where `snakemake --sdm conda apptainer`
looks for it. Snakemake asks conda for its platform on the way, to look for lists of pinned builds;
there are none here, so where conda is missing a small script may answer.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from stage_rules import REPOSITORY

ANSWERS = """\
#!/bin/sh
case "$1" in
    info) echo '{"platform": "linux-64", "conda_prefix": "/none"}' ;;
    config) echo '{"get": {"channel_priority": "strict"}}' ;;
    --version) echo 'conda 25.1.0' ;;
    *) exit 1 ;;
esac
"""
HEADER = "# Written by `make container` (snakemake --containerize).\n"


def dockerfile(repository: Path = REPOSITORY) -> str:
    """The text of the Dockerfile.

    Raises
    ------
    RuntimeError
        If snakemake fails.
    """
    binaries = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as folder:
        path = f"{binaries}{os.pathsep}{os.environ['PATH']}"
        if not shutil.which("conda"):
            conda = Path(folder) / "conda"
            conda.write_text(ANSWERS, encoding="utf-8")
            conda.chmod(0o755)
            path = f"{folder}{os.pathsep}{path}"
        # the default configuration, in a results folder that nobody has written to
        done = subprocess.run(
            [binaries / "snakemake", "--containerize", "--config", f"results={folder}/results"],
            cwd=repository,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        raise RuntimeError(f"snakemake --containerize failed:\n{done.stderr[-3000:]}")
    return HEADER + done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=REPOSITORY / "Dockerfile")
    parser.parse_args().output.write_text(dockerfile(), encoding="utf-8")


if __name__ == "__main__":
    main()
