"""A run that is told to end does, also while its main thread waits for the output of a job."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

LIBRARY = Path(__file__).parents[2] / "workflow" / "lib"
SNAKEFILE = f"""
import sys

sys.path.insert(0, {str(LIBRARY)!r})
from snakemake_private import let_sigterm_end_runs

let_sigterm_end_runs()


rule late:
    output:
        "never.txt",
    shell:
        "touch started.txt"
"""


def test_sigterm_ends_a_run_that_waits_for_a_file(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--latency-wait", "6"]
    log = tmp_path / "log.txt"
    with log.open("w") as output:
        run = subprocess.Popen(command, cwd=tmp_path, stdout=output, stderr=output)
        try:
            deadline = time.monotonic() + 60
            while "Waiting at most" not in log.read_text() and time.monotonic() < deadline:
                time.sleep(0.1)
            assert "Waiting at most" in log.read_text(), log.read_text()
            run.send_signal(signal.SIGTERM)
            assert run.wait(60) != 0
        finally:
            run.kill()
