"""What a run was made with: versions, data, hardware, and the time and memory of its jobs."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from hce.files import checked, sha256

PACKAGES: tuple[str, ...]
PACKAGES = ("snakemake", "torch", "numpy", "scipy", "pandas", "statsmodels", "pyarrow")
PACKAGES += ("matplotlib", "bokeh", "tiledbsoma", "cellxgene-ontology-guide")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on most."""
    found = {"Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not in this environment"
    return found


def commit(repository: Path) -> str:
    """The commit of the code, with a note if tracked files differ from it."""
    try:
        head = _git(repository, "rev-parse", "HEAD")
        changed = _git(repository, "status", "--porcelain", "-uno")
    except (OSError, subprocess.SubprocessError):
        return "unknown: no git repository"
    return f"{head} (with changes that are not committed)" if changed else head


def _git(repository: Path, *arguments: str) -> str:
    command = ["git", "-C", str(repository), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.strip()


def hardware() -> dict[str, str]:
    """Processor, cores and memory of this machine; never its name."""
    gibibytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{gibibytes:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
    }


def configuration_rows(configuration: Mapping[str, Any]) -> dict[str, str]:
    """Nested settings as text under their dotted names, for example `census.train.release`."""
    rows: dict[str, str] = {}
    for key, value in configuration.items():
        if isinstance(value, Mapping):
            rows |= {f"{key}.{name}": text for name, text in configuration_rows(value).items()}
        else:
            rows[key] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return rows


def provenance_table(
    code: str, configuration: Mapping[str, Any], files: Iterable[Path]
) -> pd.DataFrame:
    """The commit of the code, everything above and the SHA-256 of some files, a row each."""
    paths = list(files)
    names = [path.name for path in paths]
    # a user's own files may lie in folders of their own and be called alike
    shown = {path.name if names.count(path.name) == 1 else path.as_posix(): path for path in paths}
    sections = {
        "code": {"commit": code},
        "version": versions(),
        "hardware of this job": hardware(),
        "configuration": configuration_rows(configuration),
        "sha256": {name: sha256(checked(path)) for name, path in shown.items()},
    }
    rows = [
        {"section": section, "name": name, "text": text}
        for section, entries in sections.items()
        for name, text in entries.items()
    ]
    return pd.DataFrame(rows)


def resource_table(benchmarks: Path) -> pd.DataFrame:
    """Time and memory of the jobs of each rule, from Snakemake's benchmark files.

    Parameters
    ----------
    benchmarks
        The folder of the files: RULE.jsonl, or RULE/.../JOB.jsonl; a line an execution.

    Returns
    -------
    pandas.DataFrame
        rule, jobs, seconds_total, seconds_longest, cpu_seconds_total, memory_mib_largest (resident
        set), in the order of the total time. Empty without benchmarks; one that cannot be read,
        as a job that was killed may leave it, is left out.
    """
    measured = {path: _last_execution(path) for path in sorted(benchmarks.rglob("*.jsonl"))}
    paths = [path for path, row in measured.items() if row]
    jobs = pd.DataFrame([measured[path] for path in paths], columns=["s", "cpu_time", "max_rss"])
    # a job that ends within a second may have no reading
    jobs = jobs.apply(pd.to_numeric, errors="coerce").astype(float)
    jobs["rule"] = [path.relative_to(benchmarks).with_suffix("").parts[0] for path in paths]
    table = jobs.groupby("rule").agg(
        jobs=("s", "size"),
        seconds_total=("s", "sum"),
        seconds_longest=("s", "max"),
        cpu_seconds_total=("cpu_time", "sum"),
        memory_mib_largest=("max_rss", "max"),
    )
    table = table.sort_values("seconds_total", ascending=False, kind="stable")
    return table.round(1).reset_index()


def _last_execution(path: Path) -> dict[str, Any]:
    """The last line of a benchmark file; nothing if it is damaged, for the times are no results."""
    try:
        row = json.loads(path.read_text(encoding="utf-8").strip().splitlines()[-1])
    except (OSError, ValueError, IndexError):
        row = None
    return row if isinstance(row, dict) else {}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
