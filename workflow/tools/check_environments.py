"""Run the rules of each stage with exactly the packages of its environment (`make test-envs`).

The workflow runs once on config/tiny.yaml. Then, for each stage, a fresh virtual environment gets
the packages of envs/STAGE.yaml, by their names on the package index, and every rule of the stage
runs again in it. A rule that lacks a package fails; a package that the code is said to use and
nothing loaded fails too. Where conda, mamba or micromamba is there, Snakemake makes the
environments instead, and a rule that lacks a package fails.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import packages_distributions
from pathlib import Path

import yaml
from packaging.utils import canonicalize_name

from derive_environments import CONDA_NAMES, direct_packages
from stage_rules import REPOSITORY, code, rules, stages

CONFIGURATION = ("--configfile", "config/tiny.yaml", "--notemp", "--cores", "2")
TARGETS = ("overview", "beyond", "plan", "hierarchy")
# what a Python process loaded, written when it ends
RECORDER = """\
import atexit, os, sys
def record():
    with open(os.environ["LOADED_MODULES"], "a") as file:
        file.write("".join(f"{name.split('.')[0]}\\n" for name in list(sys.modules)))
if "LOADED_MODULES" in os.environ:
    atexit.register(record)
"""


def packages(stage: str) -> dict[str, str]:
    """Packages of an environment file with their versions, by their names on the package index."""
    content = yaml.safe_load((REPOSITORY / "envs" / f"{stage}.yaml").read_text(encoding="utf-8"))
    index_names = {conda: index for index, conda in CONDA_NAMES.items()}
    pinned = {}
    for entry in content["dependencies"]:
        for line in entry["pip"] if isinstance(entry, dict) else [entry]:
            name, version = re.fullmatch(r"([\w.-]+?)(?:==?(.+))?", line).groups()
            pinned[index_names.get(name, name)] = version
    del pinned["python"]
    pinned.pop("pip", None)
    return pinned


def snakemake(folder: Path, targets: Sequence[str], *options: str, **variables: str) -> str:
    """Run the snakemake of this environment in a copy of the repository; stop where it fails."""
    binaries = Path(sys.executable).parent
    path = os.pathsep.join([variables.pop("PATH", ""), str(binaries), os.environ["PATH"]])
    environment = os.environ | {"PATH": path.lstrip(os.pathsep), "PYTHONPATH": ""} | variables
    done = subprocess.run(
        [binaries / "snakemake", *CONFIGURATION, *options, "--", *targets],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"snakemake {' '.join(options)} failed:\n{done.stdout[-6000:]}")
    return done.stdout


def copy_repository(folder: Path) -> None:
    """Copy what git tracks or would track."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (REPOSITORY / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, folder / name, follow_symlinks=False)


def outputs(folder: Path) -> dict[str, list[str]]:
    """Files that each rule of the finished run wrote."""
    text = snakemake(folder, TARGETS, "--summary")
    lines = text[text.index("output_file\t") :].splitlines()
    written: dict[str, list[str]] = {}
    for row in csv.DictReader(lines, delimiter="\t"):
        if row.get("rule") and (folder / row["output_file"]).is_file():
            written.setdefault(row["rule"], []).append(row["output_file"])
    return written


def make_environment(stage: str, folder: Path) -> None:
    """A fresh virtual environment with the packages of a stage, and nothing of this one."""
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pins = [f"{name}=={version}" for name, version in packages(stage).items()]
    lock = REPOSITORY / "requirements.txt"
    command = [folder / "bin" / "python", "-m", "pip", "install", "--quiet"]
    subprocess.run([*command, "--disable-pip-version-check", "-c", lock, *pins], check=True)
    (library,) = folder.glob("lib/python3.*/site-packages")
    (library / "record_modules.py").write_text(RECORDER, encoding="utf-8")
    (library / "record_modules.pth").write_text("import record_modules\n", encoding="utf-8")


def import_modules(stage: str, run: Path, environment: Path, loaded: Path) -> None:
    """Import each library module of a stage: small data do not need those that load late."""
    names = sorted(f"hce.{path.stem}" for path in code(stage) if path.parent.name == "hce")
    variables = {"PYTHONPATH": str(run / "scripts"), "LOADED_MODULES": str(loaded)}
    command = [environment / "bin" / "python", "-c", f"import {', '.join(names)}"]
    subprocess.run(command, env=os.environ | variables, check=True)


def unused(stage: str, loaded: Path) -> list[str]:
    """Packages that the file names for the code's own use, but nothing loaded."""
    modules = set(loaded.read_text(encoding="utf-8").split())
    distributions = packages_distributions()
    used = {canonicalize_name(name) for m in modules for name in distributions.get(m, [])}
    # read as data, never imported
    return sorted(direct_packages(stage) - used - {"cellxgene-ontology-guide"})


def check(stage: str, run: Path, work: Path, written: dict[str, list[str]], conda: bool) -> str:
    """Run every rule of a stage again, alone; return what is wrong, or nothing."""
    names = [rule.name for rule in rules() if rule.stage == stage and rule.name in written]
    targets = [path for name in names for path in written[name]]
    options = ["--force", "--allowed-rules", *names]
    if conda:
        snakemake(run, targets, "--sdm", "conda", *options)
        return ""
    environment, loaded = work / f"env-{stage}", work / f"loaded-{stage}.txt"
    make_environment(stage, environment)
    loaded.unlink(missing_ok=True)
    binaries = str(environment / "bin")
    snakemake(run, targets, *options, PATH=binaries, LOADED_MODULES=str(loaded))
    import_modules(stage, run, environment, loaded)
    left = unused(stage, loaded)
    return f"nothing in the stage loads {', '.join(left)}" if left else ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for copies (several GB)")
    parser.add_argument("--stages", nargs="+", choices=stages(), default=stages())
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    run = work / "repository"
    conda = any(shutil.which(name) for name in ("conda", "mamba", "micromamba"))
    print(f"environments by {'conda' if conda else 'venv and pip'}", flush=True)
    copy_repository(run)
    snakemake(run, TARGETS)
    written, wrong = outputs(run), {}
    for stage in arguments.stages:
        try:
            said = check(stage, run, work, written, conda)
        except (RuntimeError, subprocess.CalledProcessError) as error:
            said = str(error)
        print(f"{stage}: {said or 'complete'}", flush=True)
        if said:
            wrong[stage] = said
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
