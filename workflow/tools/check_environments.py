"""Run the rules of each stage with exactly the packages of its environment (`make test-envs`).

The workflow runs once on config/tiny.yaml with its controls, and converts some of those cells from
h5ad files. Then, for each stage, a fresh virtual environment gets the packages of envs/STAGE.yaml,
by their names on the package index, and every rule of the stage runs again in it. A rule that lacks
a package fails; a package that the code is said to use and nothing loaded fails too. Where conda,
mamba or micromamba is there, Snakemake makes the environments instead, and a rule that lacks a
package fails. Left out are `download`, which needs a network, and `check`, which writes
nothing; a rule that no run reaches fails.
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

import cellxgene_census
import yaml
from packaging.utils import canonicalize_name

from derive_environments import CONDA_NAMES, direct_packages
from stage_rules import REPOSITORY, modules, rules, stages

SIMULATED = ("config/tiny.yaml",)
OWN_FILES, OWN_LOSS = (*SIMULATED, "own-files.yaml"), (*SIMULATED, "own-loss.yaml")
SLICE = (*SIMULATED, "slice.yaml")
OWN_CELL_TYPES = (*SIMULATED, "own-cell-types.yaml")
PUBLISHED = (*SIMULATED, "published-predictions.yaml")
CHECKPOINTS = (*SIMULATED, "published-checkpoints.yaml")
ARCHIVE = "published.tar"
# configuration files of a run -> what it makes
TARGETS = {
    SIMULATED: (
        "overview",
        "beyond",
        "plan",
        "hierarchy",
        "controls",
        "frontier",
        "learning_curve",
        "export",
    ),
    SLICE: ("results-slice/atlas/cells.parquet",),
    OWN_LOSS: ("results-own-loss/figures/own_losses.pdf",),
    OWN_FILES: tuple(f"results-own/converted_census/{r}/manifest.json" for r in ("train", "ood")),
    OWN_CELL_TYPES: ("annotations",),
    PUBLISHED: ("results-published/tables/macro_f1.tsv",),
    CHECKPOINTS: tuple(
        f"results-checkpoints/tables/{name}.tsv" for name in ("macro_f1", "published_agreement")
    ),
}
OPTIONS = ("--notemp", "--cores", "2")
# one needs a network, one writes nothing that could be made again
LEFT_OUT = {"download", "check"}
OWN_CELLS = 500
# configuration files of a run -> rule -> what it wrote
Written = dict[tuple[str, ...], dict[str, list[str]]]
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
            matched = re.fullmatch(r"([\w.-]+?)(?:==?(.+))?", line)
            if matched is None:
                raise ValueError(f"envs/{stage}.yaml: {line!r} is no package with its version")
            name, version = matched.groups()
            pinned[index_names.get(name, name)] = version
    del pinned["python"]
    pinned.pop("pip", None)
    return pinned


def snakemake(
    folder: Path,
    configuration: Sequence[str],
    targets: Sequence[str],
    *options: str,
    **variables: str,
) -> str:
    """Run the snakemake of this environment in a copy of the repository; stop where it fails."""
    binaries = Path(sys.executable).parent
    path = os.pathsep.join([variables.pop("PATH", ""), str(binaries), os.environ["PATH"]])
    environment = os.environ | {"PATH": path.lstrip(os.pathsep), "PYTHONPATH": ""} | variables
    arguments = ["--configfile", *configuration, *OPTIONS, *options, "--", *targets]
    done = subprocess.run(
        [binaries / "snakemake", *arguments],
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


def write_own_files(folder: Path) -> None:
    """Some cells of each simulated release as an h5ad file, and a configuration that takes them."""
    defaults = yaml.safe_load((folder / "config" / "config.yaml").read_text(encoding="utf-8"))
    census: dict[str, object] = {"source": "h5ad"}
    for name in ("train", "ood"):
        store = folder / "results-tiny/simulated_census" / defaults["census"][name]["release"]
        with cellxgene_census.open_soma(uri=str(store)) as release:
            cells = cellxgene_census.get_anndata(
                release, "Homo sapiens", obs_coords=slice(0, OWN_CELLS - 1)
            )
        cells.var = cells.var.set_index("feature_id")
        cells.write_h5ad(folder / f"{name}.h5ad")
        census[name] = {"files": [f"{name}.h5ad"]}
    content = yaml.safe_dump({"results": "results-own", "census": census})
    (folder / OWN_FILES[-1]).write_text(content, encoding="utf-8")
    content = yaml.safe_dump({"annotate": {"own": "ood.h5ad"}})
    (folder / OWN_CELL_TYPES[-1]).write_text(content, encoding="utf-8")


def write_slice(folder: Path) -> None:
    """A configuration that takes a slice."""
    content = yaml.safe_dump({"results": "results-slice", "slice": {"cells_per_type": 5}})
    (folder / SLICE[-1]).write_text(content, encoding="utf-8")


def write_own_loss(folder: Path) -> None:
    """HCE and the linear model in files of their own, and a configuration that takes them."""
    loss = 'from hce.loss import HierarchicalCrossEntropyLoss as Loss\n\n__all__ = ["Loss"]\n'
    (folder / "own_loss.py").write_text(loss, encoding="utf-8")
    network = 'from hce.models import LinearClassifier as Network\n\n__all__ = ["Network"]\n'
    (folder / "own_network.py").write_text(network, encoding="utf-8")
    content = {
        "results": "results-own-loss",
        "architectures": ["own"],
        "models": {
            "own": {"file": "own_network.py", "learning_rate": 0.0005, "weight_decay": 0.01}
        },
        "losses": ["ce", "hce", "own"],
        "own_losses": {"own": {"file": "own_loss.py"}},
    }
    (folder / OWN_LOSS[-1]).write_text(yaml.safe_dump(content), encoding="utf-8")


def write_published(folder: Path) -> None:
    """Configurations that take what the first run exports for the authors' record.

    Predictions are taken from its folder, checkpoints from an archive of it.
    """
    record = Path("results-tiny", "export")
    (folder / record).mkdir(parents=True, exist_ok=True)
    write_archive(folder)
    for configuration, source, path in (
        (PUBLISHED, "predictions", record.as_posix()),
        (CHECKPOINTS, "checkpoints", ARCHIVE),
    ):
        content = {
            "results": "results-published" if source == "predictions" else "results-checkpoints",
            "models": {"source": source},
            "published": {"path": path},
        }
        (folder / configuration[-1]).write_text(yaml.safe_dump(content), encoding="utf-8")


def write_archive(folder: Path) -> None:
    """What the first run has exported, in an archive."""
    base = folder / Path(ARCHIVE).stem
    shutil.make_archive(str(base), "tar", folder / "results-tiny" / "export")


def outputs(folder: Path, configuration: tuple[str, ...]) -> dict[str, list[str]]:
    """Files that each rule of a finished run wrote."""
    text = snakemake(folder, configuration, TARGETS[configuration], "--summary")
    lines = text[text.index("output_file\t") :].splitlines()
    written: dict[str, list[str]] = {}
    for row in csv.DictReader(lines, delimiter="\t"):
        if row.get("rule") and (folder / row["output_file"]).exists():
            written.setdefault(row["rule"], []).append(row["output_file"])
    return written


def never_run(written: Written) -> list[str]:
    """Rules with a script that no run reaches, though they need no network and write something."""
    reached = {name for files in written.values() for name in files}
    return sorted({rule.name for rule in rules()} - reached - LEFT_OUT)


def make_environment(stage: str, folder: Path) -> None:
    """A fresh virtual environment with the packages of a stage, and nothing of this one."""
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pins = [f"{name}=={version}" for name, version in packages(stage).items()]
    lock = REPOSITORY / "requirements.txt"
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    subprocess.run([*command, "--disable-pip-version-check", "-c", str(lock), *pins], check=True)
    (library,) = folder.glob("lib/python3.*/site-packages")
    (library / "record_modules.py").write_text(RECORDER, encoding="utf-8")
    (library / "record_modules.pth").write_text("import record_modules\n", encoding="utf-8")


def import_modules(stage: str, run: Path, environment: Path, loaded: Path) -> None:
    """Import each library module of a stage: small data do not need those that load late."""
    variables = {"PYTHONPATH": str(run / "scripts"), "LOADED_MODULES": str(loaded)}
    command = [str(environment / "bin" / "python"), "-c", f"import {', '.join(modules(stage))}"]
    subprocess.run(command, env=os.environ | variables, check=True)


def unused(stage: str, loaded: Path) -> list[str]:
    """Packages that the file names for the code's own use, but nothing loaded."""
    modules = set(loaded.read_text(encoding="utf-8").split())
    distributions = packages_distributions()
    used = {canonicalize_name(name) for m in modules for name in distributions.get(m, [])}
    # read as data, never imported
    return sorted(direct_packages(stage) - used - {"cellxgene-ontology-guide"})


def run_again(stage: str, run: Path, written: Written, *options: str, **variables: str) -> None:
    """Run every rule of a stage once more, and no other."""
    for configuration, files in written.items():
        names = [rule.name for rule in rules() if rule.stage == stage and rule.name in files]
        targets = [path for name in names for path in files[name]]
        chosen = ("--force", "--allowed-rules", *names)
        if names:
            snakemake(run, configuration, targets, *options, *chosen, **variables)


def check(stage: str, run: Path, work: Path, written: Written, conda: bool) -> str:
    """Run every rule of a stage again, alone; return what is wrong, or nothing."""
    if conda:
        run_again(stage, run, written, "--sdm", "conda")
        return ""
    environment, loaded = work / f"env-{stage}", work / f"loaded-{stage}.txt"
    make_environment(stage, environment)
    loaded.unlink(missing_ok=True)
    binaries = str(environment / "bin")
    run_again(stage, run, written, PATH=binaries, LOADED_MODULES=str(loaded))
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
    write_own_loss(run)
    write_slice(run)
    write_published(run)
    written, wrong = {}, {}
    for configuration, targets in TARGETS.items():
        if configuration == OWN_FILES:
            write_own_files(run)
        if configuration == CHECKPOINTS:
            write_archive(run)
        snakemake(run, configuration, targets)
        written[configuration] = outputs(run, configuration)
    if left := never_run(written):
        raise RuntimeError(f"no target of TARGETS reaches {', '.join(left)}")
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
