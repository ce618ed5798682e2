"""Run the loader, step and score benchmarks, print a table and write one file of ratios.

Each runs in a process of its own, one after another. A ratio that says how fast we are is ours
divided by theirs; hce_vs_ce is the time of a step with HCE divided by that with CE.

Run: python tests/benchmarks/bench.py --output results/benchmarks/bench.json
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent
# what each ratio shall reach, and whether more is better
TARGETS = {
    "loader_vs_best_peer": (1.5, True),
    "loader_vs_ram": (0.6, True),
    "hce_vs_ce": (1.01, False),
    "tabnet_vs_pytorch_tabnet": (3.0, True),
    "mlp_vs_dense": (2.0, True),
    "linear_vs_dense": (2.0, True),
    "score_vs_loop": (100.0, True),
}
BENCHMARKS = ("bench_loader", "bench_steps", "bench_scores")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    reports = {name: run(name) for name in BENCHMARKS if (FOLDER / f"{name}.py").is_file()}
    report = combine(reports)
    print(table(report))
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(report, indent=1) + "\n")


def run(name: str) -> dict:
    """Run one benchmark in a process of its own; returns what it wrote."""
    path = os.pathsep.join([str(FOLDER.parents[1] / "scripts"), os.environ.get("PYTHONPATH", "")])
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "report.json"
        subprocess.run(
            [sys.executable, FOLDER / f"{name}.py", "--output", output],
            check=True,
            env=os.environ | {"PYTHONPATH": path.rstrip(os.pathsep)},
            stdout=subprocess.DEVNULL,
        )
        return json.loads(output.read_text())


def combine(reports: dict[str, dict]) -> dict:
    """Join the reports: the ratios and peers of all, and the rest of each under its name."""
    found = {}
    for report in reports.values():
        found |= {**report, **report.get("ratios", {})}
    steps = reports["bench_steps"]
    peers: dict[str, object] = {}
    for report in reports.values():
        peers |= report.get("peers", {}) | report.get("versions", {})
    return {
        **{name: found.get(name) for name in TARGETS},
        "peers": peers,
        "device": steps["device"],
        "threads": steps["threads"],
        "step_seconds": steps["step_seconds"],
        **reports,
    }


def table(report: dict) -> str:
    """The ratios beside what they shall reach."""
    lines = [f"{report['device']}, {report['threads']} threads", ""]
    lines.append(f"{'ratio':<28}{'measured':>10}{'wanted':>10}")
    for name, (wanted, more) in TARGETS.items():
        value = report[name]
        measured = "not run" if value is None else f"{value:.3g}"
        lines.append(f"{name:<28}{measured:>10}{('≥ ' if more else '≤ ') + f'{wanted:g}':>10}")
    lines += ["", "peers: " + ", ".join(f"{name} {v}" for name, v in report["peers"].items())]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
