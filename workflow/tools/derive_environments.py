"""Write envs/*.yaml from requirements.txt and the imports of each stage's scripts (`make envs`).

Versions stand in requirements.in alone; requirements.txt, the lock that the tests run with, follows
from it, and the environments from the lock. What is on conda-forge comes from there. The rest comes
from the package index, with every package that it brings along, at the version of the lock.
"""

from __future__ import annotations

import argparse
import re
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from stage_rules import REPOSITORY, code, imported_packages, stages

# import name -> name on the package index, where they differ by more than _ and -
INDEX_NAMES = {"PIL": "pillow", "yaml": "pyyaml", "sklearn": "scikit-learn"}
# name on the package index -> name on conda-forge. conda-forge's pytorch is one package with
# builds for CUDA and for the CPU: the solver takes the first where conda's virtual package __cuda
# says that there is a driver, the other elsewhere.
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
# not on conda-forge, or not at the versions of the lock
INDEX_ONLY = {"cellxgene-census", "cellxgene-ontology-guide", "entmax", "tiledbsoma"}
# packages that are used without an import: pandas imports one by itself, one is read as data
UNSEEN_USES = {
    re.compile(r"\.(read|to)_parquet\("): "pyarrow",
    re.compile(r"\bcellxgene_ontology_guide\b"): "cellxgene-ontology-guide",
}
HEADER = """\
# Written by `make envs` from requirements.txt and what the scripts of this stage import.
# Change requirements.in, then `make lock envs`.
"""


def locked_versions() -> dict[str, str]:
    """Version of each package of the lock, by its name on the package index."""
    lines = (REPOSITORY / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = (line.split("==") for line in lines if "==" in line)
    return {canonicalize_name(name): version for name, version in pins}


def index_name(module: str) -> str:
    """Name on the package index of what is imported as `module`."""
    return canonicalize_name(INDEX_NAMES.get(module, module))


def direct_packages(stage: str) -> set[str]:
    """Packages that the code of a stage uses, by their names on the package index."""
    paths = code(stage)
    names = {index_name(name) for name in imported_packages(paths)}
    texts = [path.read_text(encoding="utf-8") for path in paths]
    return names | {name for use, name in UNSEEN_USES.items() if any(map(use.search, texts))}


def brought_along(packages: set[str]) -> set[str]:
    """Packages that others require, directly or not, as the installed ones say."""
    reached: set[str] = set()
    waiting = list(packages)
    while waiting:
        for line in requires(waiting.pop()) or []:
            requirement = Requirement(line)
            name = canonicalize_name(requirement.name)
            wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            if wanted and name not in reached:
                reached.add(name)
                waiting.append(name)
    return reached - packages


def environment(stage: str) -> str:
    """The text of envs/{stage}.yaml.

    Raises
    ------
    ValueError
        If the code imports a package that the lock does not have.
    """
    versions, direct = locked_versions(), direct_packages(stage)
    unknown = sorted(direct - versions.keys())
    if unknown:
        raise ValueError(
            f"stage {stage} imports {', '.join(unknown)}, not in requirements.txt; add the package "
            "to requirements.in and run `make lock`, or its other name to INDEX_NAMES"
        )
    from_conda, from_index = direct - INDEX_ONLY, direct & INDEX_ONLY
    indirect = brought_along(from_index) - brought_along(from_conda) - from_conda
    pinned = {CONDA_NAMES.get(name, name): versions[name] for name in from_conda}
    python = (REPOSITORY / ".python-version").read_text().strip()
    lines = ["channels:", "  - conda-forge", "  - nodefaults", "dependencies:"]
    lines.append(f"  - python={python}")
    lines += [f"  - {name}={version}" for name, version in sorted(pinned.items())]
    if from_index:
        lines += ["  - pip", "  - pip:"]
        lines += [f"      - {name}=={versions[name]}" for name in sorted(from_index | indirect)]
    return HEADER + "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--envs", type=Path, default=REPOSITORY / "envs", help="folder to write to")
    folder = parser.parse_args().envs
    for stage in stages():
        (folder / f"{stage}.yaml").write_text(environment(stage), encoding="utf-8")


if __name__ == "__main__":
    main()
