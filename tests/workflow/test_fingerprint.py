"""Code is an input by what it does: what changes a fingerprint, and what does not."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st
from repository_copy import Code

from fingerprint import SCRIPTS, Library, imported_names, module_name, reached

FILES = {
    "script.py": '''
        """Train."""
        from __future__ import annotations

        import argparse
        import numpy as np

        from hce.room.loss import SCALE, Loss
        from hce import files


        def main() -> None:
            """Run."""
            parser = argparse.ArgumentParser(description=__doc__)
            loss = Loss(np.zeros(3), SCALE)
            files.write(loss.value())


        if __name__ == "__main__":
            main()
    ''',
    "hce/__init__.py": "",
    "hce/files.py": '''
        """Files."""
        import os
        import json as js

        KINDS = ["a"]
        KINDS += ["b"]
        LEFT, RIGHT = 1.0, 2.0


        def write(value: float, path: str = "x") -> None:
            """Write it."""
            # slowly
            with open(path, "w") as file:
                js.dump([value, LEFT], file)


        def read(path):
            return open(path).read()
    ''',
    "hce/room/__init__.py": "",
    "hce/room/loss.py": '''
        """Loss."""
        from dataclasses import dataclass
        from numpy import ndarray

        from hce.room import kernels

        SCALE: float = 2.0


        @dataclass
        class Loss:
            """A loss."""

            p: ndarray
            scale: float = 1.0

            def value(self) -> float:
                """Its value."""
                from hce.late import fast
                total: float = fast(self.p) * self.scale
                return kernels.even(len(self.p)) + total
    ''',
    "hce/room/kernels.py": """
        def even(n):
            return n == 0 or odd(n - 1)


        def odd(n):
            return n != 0 and even(n - 1)


        def unused(n):
            return n
    """,
    "hce/late.py": """
        def fast(p):
            return _scale(p) + 1


        def _scale(p):
            return p * 2
    """,
}
FILES = {name: dedent(text) for name, text in FILES.items()}
Edit = tuple[str, str, str]


def write(folder: Path, files: dict[str, str]) -> Path:
    """Write the files of a library."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def edited(*edits: Edit) -> dict[str, str]:
    """The library with some text replaced: (file, old, new)."""
    files = dict(FILES)
    for name, old, new in edits:
        assert old in files[name]
        files[name] = files[name].replace(old, new)
    return files


def fingerprint(files: dict[str, str], *further: str) -> str:
    """Fingerprint of script.py among some files."""
    with TemporaryDirectory() as folder:
        return Library(write(Path(folder), files)).fingerprint("script", *further)


SAME = {
    "docstring of a module": [("hce/files.py", '"""Files."""', '"""Other words."""')],
    "docstring of a class": [("hce/room/loss.py", '"""A loss."""', '"""One loss."""')],
    "docstring of a method": [("hce/room/loss.py", '"""Its value."""', '"""A value."""')],
    "no docstring": [("hce/files.py", '"""Write it."""', "")],
    "comment": [("hce/files.py", "# slowly", "# fast")],
    "format": [("hce/files.py", "[value, LEFT], file", "[\n  value,\n  LEFT\n], file")],
    "quotes": [("hce/files.py", '"w"', "'w'")],
    "annotation of a function": [("hce/files.py", "value: float, path: str", "value, path: 'any'")],
    "annotation of a variable of a function": [("hce/room/loss.py", "total: float", "total")],
    "annotation of a constant": [("hce/room/loss.py", "SCALE: float", "SCALE")],
    "unrelated function": [
        ("hce/files.py", "def read(path):", "def other():\n  return 1\ndef read(p):")
    ],
    "unrelated import": [("hce/files.py", "import os", "import os, sys")],
    "unused function": [("hce/room/kernels.py", "return n\n", "return n + 1\n")],
    "imports within a with": [
        ("hce/room/loss.py", "from numpy import", "with needs('a'):\n    from numpy import"),
        ("hce/room/loss.py", "        from hce.late", "        with b:\n            from hce.late"),
    ],
    "alias of a package": [
        ("script.py", "import numpy as np", "import numpy as num"),
        ("script.py", "np.zeros", "num.zeros"),
    ],
    "function of a package by its own name": [
        ("script.py", "import numpy as np", "from numpy import zeros"),
        ("script.py", "np.zeros", "zeros"),
    ],
    "alias of a function of ours": [
        ("script.py", "import SCALE, Loss", "import Loss as Cost, SCALE"),
        ("script.py", "Loss(np", "Cost(np"),
    ],
    "function of ours instead of its module": [
        ("script.py", "from hce import files", "from hce.files import write"),
        ("script.py", "files.write(", "write("),
    ],
    "module by its full name": [
        ("script.py", "from hce import files", "import hce.files"),
        ("script.py", "files.write(", "hce.files.write("),
    ],
    "module by a relative import": [
        ("hce/room/loss.py", "from hce.room import kernels", "from . import kernels"),
    ],
    "module imported in a function": [
        ("script.py", "from hce import files", ""),
        ("script.py", "files.write(", "from hce import files\n    files.write("),
    ],
    "module imported at the top": [
        ("hce/room/loss.py", "from hce.late import fast\n        total", "total"),
        (
            "hce/room/loss.py",
            "from hce.room import",
            "from hce.late import fast\nfrom hce.room import",
        ),
    ],
    "module imported by a string": [
        ("hce/room/loss.py", "from hce.late import fast\n", "pass\n"),
        ("hce/room/loss.py", "fast(self", "importlib.import_module('hce.late').fast(self"),
        ("hce/room/loss.py", "from numpy", "import importlib\nfrom numpy"),
    ],
    "order of definitions": [
        ("hce/late.py", "def _scale(p):\n    return p * 2\n", ""),
        ("hce/late.py", "def fast", "def _scale(p):\n    return p * 2\ndef fast"),
    ],
    "local variable with the name of an unrelated function": [
        ("hce/late.py", "def fast(p)", "def q(n):\n    return n\n\ndef fast(p)"),
    ],
}
OTHER = {
    "operator": [("hce/late.py", "p * 2", "p + 2")],
    "number": [("hce/late.py", "p * 2", "p * 2.0")],
    "constant": [("hce/room/loss.py", "= 2.0", "= 3.0")],
    "constant of several": [("hce/files.py", "1.0, 2.0", "1.5, 2.0")],
    "default": [("hce/files.py", 'path: str = "x"', 'path: str = "y"')],
    "decorator": [("hce/room/loss.py", "@dataclass", "@dataclass(frozen=True)")],
    "field of a dataclass": [("hce/room/loss.py", "scale: float = 1.0", "scale = 1.0")],
    "order of fields": [("hce/room/loss.py", "p: ndarray", "q: int\n    p: ndarray")],
    "statement": [("hce/files.py", '["b"]', '["c"]')],
    "order of statements": [("hce/files.py", 'KINDS += ["b"]', 'KINDS += ["b"]; KINDS += []')],
    "recursion": [("hce/room/kernels.py", "n != 0 and", "n != 1 and")],
    "script": [("script.py", "zeros(3)", "zeros(4)")],
    "call of the script": [("script.py", "    main()\n", "    main(); main()\n")],
    "another package of the same alias": [("script.py", "import numpy as np", "import cupy as np")],
    "another module of the same function": [
        ("hce/room/loss.py", "from dataclasses", "from attrs"),
    ],
    "another function under the same name": [
        ("script.py", "from hce import files", "from hce import late as files"),
        ("hce/late.py", "def fast", "def write(value):\n    pass\n\n\ndef fast"),
    ],
    "statement of a module that is imported for it": [
        ("hce/room/__init__.py", "", "import random\nrandom.seed(1)\n"),
    ],
    "module of which all may be used": [("script.py", "files.write(", "getattr(files, 'write')(")],
}


@pytest.mark.parametrize("case", sorted(SAME))
def test_what_does_the_same_has_the_same_fingerprint(case: str) -> None:
    assert fingerprint(edited(*SAME[case])) == fingerprint(FILES)


@pytest.mark.parametrize("case", sorted(OTHER))
def test_what_does_something_else_has_another_fingerprint(case: str) -> None:
    assert fingerprint(edited(*OTHER[case])) != fingerprint(FILES)


def test_a_fingerprint_is_the_same_in_every_version_of_python() -> None:
    # computed once, with Python 3.11
    assert fingerprint(FILES) == "7b0476ad73e13c1c"


def test_a_function_can_move_from_the_script_to_a_module_and_on() -> None:
    script = "from hce.a import g\ndef f(x):\n    return g(x)\n\n\ndef main():\n    return f(1)\n"
    whole = {"script.py": script, "hce/a.py": "def g(x):\n    return x\n"}
    moved = {
        "script.py": "from hce.room.c import f\ndef main():\n    return f(1)\n",
        "hce/b.py": "def g(x):\n    return x\n",
        "hce/room/c.py": "from hce.b import g as h\ndef f(x):\n    return h(x)\n",
    }
    assert fingerprint(whole) == fingerprint(moved)
    changed = moved | {"hce/b.py": "def g(x):\n    return -x\n"}
    assert fingerprint(moved) != fingerprint(changed)


def test_functions_of_the_same_name_cannot_be_swapped_unnoticed() -> None:
    def files(first: str, second: str) -> dict[str, str]:
        helper = "def _helper(x):\n    return _inner(x)\n\n\ndef _inner(x):\n    return x + {}\n"
        use = "from hce.{} import _helper\ndef {}(x):\n    return _helper(x)\n"
        return {
            "script.py": "from hce.c import f\nfrom hce.d import g\ndef main():\n    f(g(1))\n",
            "hce/a.py": helper.format(1),
            "hce/b.py": helper.format(2),
            "hce/c.py": use.format(first, "f"),
            "hce/d.py": use.format(second, "g"),
        }

    assert fingerprint(files("a", "b")) != fingerprint(files("b", "a"))


def test_names_of_a_function_are_not_those_of_the_module() -> None:
    text = dedent("""
        from hce.a import one, two, three, four, five, six
        def main(one):
            two = [three for three in one]
            four = lambda five: five
            for six in two:
                yield one, two, four, six
    """)
    before = {"script.py": text, "hce/a.py": "one = two = three = four = five = six = 1\n"}
    assert fingerprint(before) == fingerprint(
        before | {"hce/a.py": before["hce/a.py"][:-2] + "2\n"}
    )


@pytest.mark.parametrize(
    "use",
    [
        "def main():\n    return [f for f in f()]",
        "def main():\n    return [x for x in [1] if f()]",
        "def main():\n    [f for f in [1]]\n    return f()",
        "def main(x=f()):\n    return x",
        "def main():\n    global f\n    f = f()",
        "def main(f):\n    def inner():\n        global f\n        return f()\n    return inner",
        "def main(g):\n    def inner():\n        nonlocal g\n        g = f()\n    return inner",
        "def main():\n    if (g := f()):\n        return g",
        "@f\ndef main(f):\n    return f",
        "class Main(f()):\n    f = f",
        "class Main:\n    def f(self):\n        return f()",
        "def main():\n    def inner():\n        return f()\n    return inner",
        "def main():\n    return f'{f()}'",
        "MAIN = {'f': f}",
        "MAIN: object = f",
        "if True:\n    MAIN = f",
        "for MAIN in f():\n    pass",
    ],
)
def test_a_name_of_the_library_is_found_wherever_it_is_used(use: str) -> None:
    script = {"script.py": f"from hce.a import f\n{use}\n"}
    one = script | {"hce/a.py": "def f():\n    return 1\n"}
    two = script | {"hce/a.py": "def f():\n    return 2\n"}
    assert fingerprint(one) != fingerprint(two)


def test_what_a_package_offers_is_found_behind_it() -> None:
    script = {"script.py": "from hce.room import f, g\ndef main():\n    return f() + g()\n"}
    lazy = "import importlib\nfrom .a import f\ndef __getattr__(name):\n    return importlib.{}\n"
    files = script | {
        "hce/room/__init__.py": lazy.format("import_module('hce.room.b').g"),
        "hce/room/a.py": "def f():\n    return 1\n",
        "hce/room/b.py": "def g():\n    return 1\n",
    }
    before = fingerprint(files)
    assert before != fingerprint(files | {"hce/room/a.py": "def f():\n    return 2\n"})
    assert before != fingerprint(files | {"hce/room/b.py": "def g():\n    return 2\n"})


def test_what_a_decorator_of_ours_may_register_counts() -> None:
    files = {
        "script.py": "from hce.a import TABLE\nimport hce.b\ndef main():\n    return TABLE\n",
        "hce/a.py": "TABLE = []\ndef register(f):\n    TABLE.append(f)\n    return f\n",
        "hce/b.py": "from hce.a import register\n@register\ndef f():\n    return 1\n",
    }
    other = files | {"hce/b.py": files["hce/b.py"].replace("1", "2")}
    assert fingerprint(files) != fingerprint(other)


def test_a_further_definition_is_one_that_a_string_names() -> None:
    files = {
        "script.py": "def main(name):\n    return name\n",
        "hce/a.py": "def draw():\n    _draw()\ndef _draw():\n    -x()\ndef other():\n    pass\n",
    }
    alone, drawn = fingerprint(files), fingerprint(files, "hce.a:draw")
    assert len({alone, drawn, fingerprint(files, "hce.a:other")}) == 3
    changed = files | {"hce/a.py": files["hce/a.py"].replace("-x", "+x")}
    assert fingerprint(changed) == alone
    assert fingerprint(changed, "hce.a:draw") != drawn
    with pytest.raises(ImportError, match=r"imports gone from hce\.a, which has no such name"):
        fingerprint(files, "hce.a:gone")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import hce.gone", r"script\.py imports hce\.gone, and there is no such module"),
        ("from hce.gone import f", r"script\.py imports hce\.gone, and there is no such module"),
        ("def f():\n    import hce.gone", r"script\.py imports hce\.gone"),
        ("from hce.late import gone\ngone()", r"script\.py imports gone from hce\.late, which has"),
        ("from hce.late import *", r"script\.py imports \* from hce\.late: name what it uses"),
        ("from hce import gone\ngone()", r"script\.py imports gone from hce, which has no such"),
    ],
)
def test_an_import_of_what_is_not_there_names_the_file(text: str, message: str) -> None:
    with pytest.raises(ImportError, match=message):
        fingerprint(FILES | {"script.py": text})


def test_a_script_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no script .*gone\.py"):
        Library(tmp_path).fingerprint("gone")


# --- libraries made at random -------------------------------------------------------------------

N_FUNCTIONS = 8
numbers = st.integers(0, N_FUNCTIONS - 1)
# calls of each function; where each lies; how each module is imported
calls = st.lists(st.frozensets(numbers, max_size=3), min_size=N_FUNCTIONS, max_size=N_FUNCTIONS)
places = st.lists(
    st.sampled_from(["hce/a.py", "hce/b.py", "hce/room/c.py", "hce/room/__init__.py"]),
    min_size=N_FUNCTIONS,
    max_size=N_FUNCTIONS,
)
ways = st.sampled_from(["names", "aliases", "module", "late"])


def library_files(
    called: list[frozenset[int]], values: list[int], places: list[str], way: str, order: list[int]
) -> dict[str, str]:
    """Files with functions f0, f1, … that call each other; the script calls f0."""
    files = {"script.py": "def main():\n    return f0()\n", "hce/__init__.py": ""}
    for i in order:
        terms = " + ".join([str(values[i]), *(f"f{j}()" for j in sorted(called[i]))])
        text = f"# function {i}\ndef f{i}():\n    return {terms}\n"
        files[places[i]] = files.get(places[i], "") + text
    for name, text in files.items():
        tree = ast.parse(text)
        own = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        for j, place in enumerate(places):
            if f"f{j}" not in own:
                module = place.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
                files[name] = imported(files[name], f"f{j}", module, way)
    return files


def imported(text: str, function: str, module: str, way: str) -> str:
    """A module's text with a function imported in one of the ways, if it is called."""
    if f"{function}()" not in text.replace(f"def {function}()", ""):
        return text
    if way == "names":
        return f"from {module} import {function}\n{text}"
    if way == "aliases":
        return f"from {module} import {function} as _{function}\n" + text.replace(
            f"{function}()", f"_{function}()"
        )
    if way == "module":
        return f"import {module}\n" + text.replace(f"{function}()", f"{module}.{function}()")
    line = f"    from {module} import {function}\n    return"
    return "".join(
        part.replace("    return", line) if f"{function}()" in part else part
        for part in text.replace("# function", "\0# function").split("\0")
    )


@given(calls, places, places, ways, ways, st.permutations(range(N_FUNCTIONS)), numbers)
def test_only_what_is_reached_counts_wherever_it_lies(
    called: list[frozenset[int]],
    before: list[str],
    after: list[str],
    way: str,
    other_way: str,
    order: list[int],
    changed: int,
) -> None:
    values = [1] * N_FUNCTIONS
    first = fingerprint(library_files(called, values, before, way, list(range(N_FUNCTIONS))))
    assert fingerprint(library_files(called, values, after, other_way, order)) == first
    found, waiting = set(), [0]
    while waiting:
        i = waiting.pop()
        if i not in found:
            found.add(i)
            waiting += called[i]
    values[changed] = 2
    other = fingerprint(library_files(called, values, after, other_way, order))
    assert (other != first) == (changed in found)


# --- the library of the repository ----------------------------------------------------------------


def test_a_kernel_that_is_imported_in_a_function_is_part_of_the_training(tmp_path: Path) -> None:
    folder = tmp_path / "scripts"
    shutil.copytree(SCRIPTS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    before = {name: Library(folder).fingerprint(name) for name in ("train_model", "select_cells")}
    Code(folder).replace("def add_and_clamp(", "value != 0", "value > 0")
    after = {name: Library(folder).fingerprint(name) for name in before}
    assert after["train_model"] != before["train_model"]
    assert after["select_cells"] == before["select_cells"]


def test_every_script_has_a_fingerprint() -> None:
    library = Library(SCRIPTS)
    found = {path.stem: library.fingerprint(path.stem) for path in SCRIPTS.glob("*.py")}
    assert all(re.fullmatch("[0-9a-f]{16}", digits) for digits in found.values())
    stages = [found[name] for name in ("read_obs", "fetch_counts", "train_model", "score")]
    assert len(set(stages)) == len(stages)


def test_files_are_reached_with_the_packages_that_they_lie_in() -> None:
    paths = reached([SCRIPTS / "train_model.py"])
    names = {module_name(path) for path in paths}
    assert {"train_model", "hce", "hce.loss", "hce.models"} <= names
    assert "hce.simulation" not in names
    assert {"torch", "numpy", "argparse", "hce.loss"} <= {
        name for path in paths for name in imported_names(path)
    }
