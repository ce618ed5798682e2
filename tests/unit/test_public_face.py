"""What `import hce` costs, its version, and what a missing package says."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import hce

ROOT = Path(__file__).parents[2]

# refuses packages as if they were not installed
BLOCK = """
import importlib.abc, sys

class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Block())
sys.path.insert(0, {scripts!r})
"""


def run(code: str, blocked: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """The code in an interpreter of its own that finds hce in the checkout."""
    before = BLOCK.format(blocked=blocked, scripts=str(ROOT / "scripts"))
    return subprocess.run([sys.executable, "-c", before + code], capture_output=True, text=True)


def test_the_loss_needs_torch_alone() -> None:
    rest = ("pandas", "pyarrow", "scipy", "networkx", "obonet", "anndata", "zarr", "numba")
    code = "import hce; assert 'torch' not in sys.modules; "
    code += "from hce import HierarchicalCrossEntropyLoss as L; import torch; "
    code += "print(L(torch.eye(2))(torch.zeros(1, 2), torch.tensor([1])).item())"
    done = run(code, blocked=rest)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(0.693145, abs=1e-5)


def test_the_version_has_one_source() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "hce.__version__"}
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {hce.__version__}\n" in citation


def test_no_other_attribute() -> None:
    assert hce.HierarchicalCrossEntropyLoss.__module__ == "hce.loss"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        hce.nothing  # noqa: B018


@pytest.mark.parametrize(
    ("code", "blocked", "remedy"),
    [
        ("import hce.loss", "torch", "hce"),
        ("import hce.decode", "array_api_compat", "hce"),
        ("import hce.ontology", "obonet", "hce"),
        ("import hce.metrics", "pandas", "hce[metrics]"),
        ("import hce.atlas", "pandas", "hce[metrics]"),
        ("import hce.compare", "pandas", "hce[metrics]"),
        (
            "from hce.compare import paired_tests as t; t([[1], [2]], [[2], [4]])",
            "scipy",
            "hce[metrics]",
        ),
        ("import hce.normalize", "scipy", "hce[models]"),
        ("import hce.models", "entmax", "hce[models]"),
        ("import hce.models", "safetensors", "hce[models]"),
        ("import hce.shards", "zarr", "hce[models]"),
        ("from hce.shards import ShardReader", "scipy", "hce[models]"),
        ("import hce.annotation.command as c; c.main()", "anndata", "hce[annotate]"),
    ],
)
def test_a_missing_package_says_what_to_install(code: str, blocked: str, remedy: str) -> None:
    last = run(code, blocked=(blocked,)).stderr.splitlines()[-1]
    assert last.startswith(f"ModuleNotFoundError: {blocked} is missing: install '{remedy}'"), last


def test_a_missing_module_of_our_own_is_no_missing_package() -> None:
    code = "from hce.extras import needs\nwith needs('models'):\n    import hce.no_such"
    assert run(code).stderr.splitlines()[-1].endswith("No module named 'hce.no_such'")
