"""What `pip install '.[annotate]'` brings is enough."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pandas as pd
from annotation_example import make_file, write_model
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import derive_environments

REPOSITORY = Path(__file__).parents[3]
RUN = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {refused!r}:
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Refuse())
from hce.annotation.command import main
main(sys.argv[1:])
"""


def test_the_command_needs_no_more_than_its_extra(tmp_path: Path) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    lines = project["dependencies"] + project["optional-dependencies"]["annotate"]
    direct = {canonicalize_name(Requirement(line).name) for line in lines}
    brought = direct | derive_environments.brought_along(direct)
    others = derive_environments.locked_versions().keys() - brought
    refused = {name.replace("-", "_") for name in others} | {"sklearn"}
    assert {"numba", "tiledbsoma", "cellxgene_census", "snakemake", "scanpy"} <= refused
    assert project["scripts"]["hce"] == "hce.annotation.command:main"
    write_model(tmp_path / "model.safetensors")
    make_file().write_h5ad(tmp_path / "cells.h5ad")
    command = [sys.executable, "-c", RUN.format(refused=refused), "annotate", "--model"]
    command += ["model.safetensors", "cells.h5ad", "--table", "table.parquet"]
    done = subprocess.run(
        [*command, "--output", "out.h5ad"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(REPOSITORY / "scripts")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(pd.read_parquet(tmp_path / "table.parquet")) == 40
