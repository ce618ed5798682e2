"""Which files of the library a script reaches by import: they are inputs of its rule.

A module of Python, not a part of a rule file: the workflow is read twice where the controls import
it, and the code only once.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).parents[2] / "scripts"


@cache
def imported_names(path: Path) -> frozenset[str]:
    """Dotted names of the modules that a file imports, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "hce":
            names |= {f"hce.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return frozenset(names)


def reached(paths: Iterable[Path]) -> set[Path]:
    """Files, and the modules of the library that they import, directly or not."""
    waiting, found = list(paths), set()
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        names = (name for name in imported_names(path) if name.startswith("hce."))
        waiting += [SCRIPTS.joinpath(*name.split(".")).with_suffix(".py") for name in names]
    return found


@cache
def modules_of(script: str) -> tuple[str, ...]:
    """Library files that a script reaches, relative to the repository, in order.

    Raises
    ------
    FileNotFoundError
        If there is no such script, or it imports a module that is not there.
    """
    path = SCRIPTS / f"{script}.py"
    found = reached([path]) - {path}
    return tuple(sorted(file.relative_to(SCRIPTS.parent).as_posix() for file in found))
