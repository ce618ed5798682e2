"""The library alone: a user's own hierarchy, the README's example, light requirements."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from packaging.requirements import Requirement

import derive_environments
import stage_rules
from hce.ontology import reachability

REPOSITORY = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
# refuses what a fresh environment would not have
ONLY = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {refused!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Refuse())
"""


def requirements(lines: list[str]) -> set[str]:
    """Names of requirements without the extras of this package itself."""
    names = {Requirement(line).name for line in lines}
    return names - {"hce"}


def light() -> set[str]:
    """What `pip install .` brings along."""
    direct = requirements(PROJECT["dependencies"])
    return direct | derive_environments.brought_along(direct)


def test_the_hierarchy_is_that_of_the_graph() -> None:
    graph = nx.DiGraph([("animal", "mammal"), ("mammal", "cat"), ("mammal", "dog")])
    graph.add_node("stone")
    expected = [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    # through mammal, which is no class
    matrix = reachability(graph, ["animal", "cat", "stone"])
    np.testing.assert_array_equal(matrix, np.array(expected, bool))


@pytest.mark.parametrize(
    ("graph", "classes", "message"),
    [
        (nx.DiGraph([("a", "b"), ("b", "a")]), ["a", "b"], r"cycle: (a -> b -> a|b -> a -> b)"),
        (nx.DiGraph([("c", "c")]), ["c"], "cycle: c -> c"),
        (nx.DiGraph([(1, 2), (2, 1)]), [1], "cycle: "),
        (nx.DiGraph([("a", "b")]), ["a", "b", "a"], "a is twice in the list of classes"),
        ({"a": ["b"]}, ["a", "b"], "got dict"),
        (nx.DiGraph([("a", "b")]), [], "no classes"),
        (nx.DiGraph([("a", "b")]), ["a", "z"], "the graph has no node z; add it"),
        (nx.Graph([("a", "b")]), ["a", "b"], "edges from parent to child, got Graph"),
        (nx.MultiDiGraph([("a", "b")]), ["a", "b"], "got MultiDiGraph; read OBO files with"),
    ],
    ids=[
        "cycle",
        "itself",
        "numbers",
        "twice",
        "dict",
        "none",
        "missing",
        "undirected",
        "several-relations",
    ],
)
def test_a_wrong_hierarchy_is_refused(graph: nx.Graph, classes: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        reachability(graph, classes)


def test_the_loss_alone_needs_few_packages_beside_torch() -> None:
    of_torch = derive_environments.brought_along({"torch"}) | {"torch"}
    assert {"torch", "numpy", "networkx", "obonet"} <= light()
    # and the package itself
    assert len(light() - of_torch) + 1 <= 8


def test_the_example_of_the_readme_runs_with_these_packages_alone() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    example = re.search(r"## The loss alone.*?```python\n(.*?)```", readme, re.S)[1]
    others = derive_environments.locked_versions().keys() - light()
    refused = {name.replace("-", "_") for name in others} | {"sklearn", "yaml"}
    assert {"pandas", "scipy", "pyarrow", "sklearn"} <= refused
    done = subprocess.run(
        [sys.executable, "-c", ONLY.format(refused=refused) + example],
        env={"PYTHONPATH": str(REPOSITORY / "scripts")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert float(re.search(r"tensor\(([\d.]+)\)", done.stdout)[1]) > 0


@pytest.mark.parametrize(
    ("extra", "modules"),
    [
        ("metrics", ["metrics", "evaluation/scores", "compare"]),
        ("models", ["models", "training/loop", "shards", "loader/reader", "training/state"]),
    ],
)
def test_an_extra_holds_what_its_modules_import(extra: str, modules: list[str]) -> None:
    """The modules of an extra, and all that they reach, import nothing outside of it."""
    waiting = [REPOSITORY / "scripts" / "hce" / f"{name}.py" for name in modules]
    imported = stage_rules.imported_packages(stage_rules.reached(waiting))
    names = {derive_environments.index_name(name) for name in imported}
    listed = requirements(PROJECT["optional-dependencies"][extra])
    assert names <= listed | requirements(PROJECT["dependencies"])
    assert listed <= names


def test_pip_installs_every_room_and_says_that_it_is_typed() -> None:
    """What setuptools finds: folders with an `__init__.py`, and the data that it is told of."""
    setuptools = PYPROJECT["tool"]["setuptools"]
    assert setuptools["packages"]["find"] == {"where": ["scripts"], "include": ["hce*"]}
    library = REPOSITORY / "scripts" / "hce"
    folders = {path.parent for path in library.rglob("*.py")}
    assert [folder.name for folder in folders if not (folder / "__init__.py").is_file()] == []
    for package, files in setuptools["package-data"].items():
        assert [name for name in files if not (library.parent / package / name).is_file()] == []
