"""A user's file gives a loss: that of docs/adapt.md, and everything that is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hce.extension.build import build_any_loss
from hce.loss import HierarchicalCrossEntropyLoss

pytestmark = pytest.mark.usefixtures("one_torch_thread")

HierarchyMaker = Callable[..., np.ndarray]
GUIDE = Path(__file__).parents[3] / "docs" / "adapt.md"
N_CLASSES = 6
CPU = torch.device("cpu")
SHELL = """
import torch
from torch import nn

class Loss(nn.Module):
    def __init__(self, reachability, weight):
        super().__init__()
        self.calls = 0
        self.register_buffer("weight", weight)

    def forward(self, logits, labels):
        {body}
"""
MEAN = "nn.functional.cross_entropy(logits, labels)"


@pytest.fixture
def focal(tmp_path: Path) -> Path:
    """The file of the recipe "Another loss"."""
    recipe = GUIDE.read_text(encoding="utf-8").partition("## Another loss")[2]
    path = tmp_path / "focal.py"
    path.write_text(re.search(r"```python\n(.*?)```", recipe, re.S)[1])
    return path


@pytest.fixture
def hierarchy(make_hierarchy: HierarchyMaker) -> tuple[Tensor, Tensor]:
    """R and class weights."""
    weight = np.random.default_rng(2).uniform(0.5, 2, N_CLASSES)
    return torch.from_numpy(make_hierarchy(1, N_CLASSES)), torch.from_numpy(weight)


def write(tmp_path: Path, body: str) -> Path:
    """A file whose loss computes `body`."""
    path = tmp_path / "mine.py"
    path.write_text(SHELL.format(body=body))
    return path


def batch() -> tuple[Tensor, Tensor]:
    """Logits and labels of 20 cells."""
    generator = torch.Generator().manual_seed(4)
    labels = torch.randint(N_CLASSES, (20,), generator=generator)
    return torch.randn(20, N_CLASSES, generator=generator), labels


def test_the_example_of_the_guide_is_hce_without_focus(
    focal: Path, hierarchy: tuple[Tensor, Tensor]
) -> None:
    loss = build_any_loss("focal", focal, *hierarchy, {"gamma": 0}, CPU)
    hce = HierarchicalCrossEntropyLoss(hierarchy[0], hierarchy[1].float())
    torch.testing.assert_close(loss(*batch()), hce(*batch()), rtol=1e-4, atol=1e-5)


def test_the_example_of_the_guide_counts_cells_that_are_right_less(
    focal: Path, hierarchy: tuple[Tensor, Tensor]
) -> None:
    logits, labels = batch()
    shares = []
    for gamma in (0, 2):
        loss = build_any_loss("focal", focal, *hierarchy, {"gamma": gamma}, CPU)
        right = nn.functional.one_hot(labels[:1], N_CLASSES) * 4.0
        both = torch.cat([right, logits[1:]]).requires_grad_()
        (gradient,) = torch.autograd.grad(loss(both, labels), both)
        shares.append(gradient[0].norm() / gradient.norm())
    assert shares[1] < shares[0] / 2


def test_it_is_traced_by_compile(focal: Path, hierarchy: tuple[Tensor, Tensor]) -> None:
    """Whole: a graph break would hide that the module of a user's file is not found."""
    focal.write_text("EPS = 1e-6\n" + focal.read_text().replace("1e-6", "EPS"))
    loss = build_any_loss("focal", focal, *hierarchy, {"gamma": 2}, CPU)
    compiled = torch.compile(loss, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(*batch()), loss(*batch()))


def test_the_two_of_the_paper_need_no_file(hierarchy: tuple[Tensor, Tensor]) -> None:
    for name, kind in (("ce", nn.CrossEntropyLoss), ("hce", HierarchicalCrossEntropyLoss)):
        assert isinstance(build_any_loss(name, None, *hierarchy, {}, CPU), kind)
    with pytest.raises(ValueError, match="unknown loss 'focal'; known: ce, hce"):
        build_any_loss("focal", None, *hierarchy, {}, CPU)


def test_a_random_loss_is_no_mistake_and_the_trial_draws_nothing(
    tmp_path: Path, hierarchy: tuple[Tensor, Tensor]
) -> None:
    file = write(
        tmp_path, "return nn.functional.cross_entropy(logits + torch.rand_like(logits), labels)"
    )
    before = torch.get_rng_state()
    build_any_loss("mine", file, *hierarchy, {}, CPU)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_trial_leaves_no_trace_in_the_loss(
    tmp_path: Path, hierarchy: tuple[Tensor, Tensor]
) -> None:
    file = write(tmp_path, f"self.calls += 1; self.weight *= 2; return {MEAN}")
    loss = build_any_loss("mine", file, *hierarchy, {}, CPU)
    assert loss.calls == 0
    torch.testing.assert_close(loss.weight, hierarchy[1].float())


BODIES = {
    "no scalar": (
        "return nn.functional.cross_entropy(logits, labels, reduction='none')",
        r"must return a floating-point scalar .*, got float32 \(6,\)",
    ),
    "a number": (f"return {MEAN}.item()", "must return a scalar tensor, got float"),
    "nothing": ("pass", "must return a scalar tensor, got NoneType"),
    "an integer": ("return logits.argmax()", r"floating-point scalar .*, got int64 \(\)"),
    "infinite": ("return (logits * 1e30).exp().mean()", "Loss is inf for random logits"),
    "not a number": ("return logits.log().mean()", "Loss is nan for random logits"),
    "detached": (f"return {MEAN}.detach()", "no gradient with respect to the logits"),
    "of the predictions only": (
        "return (logits.argmax(1) != labels).float().mean() + 0 * logits.sum()",
        "no gradient with respect to the logits",
    ),
    "without the logits": (
        "return torch.ones(3, requires_grad=True).sum()",
        "no gradient with respect to the logits",
    ),
    "with an infinite gradient": (
        "return (logits - logits.detach()).clamp(min=0).sqrt().sum()",
        "gradient of Loss with respect to the logits is not finite",
    ),
    "without the labels": (
        "return logits.exp().mean()",
        "Loss ignores the labels: apart from a weight, the gradient of each cell is the same",
    ),
    "with the weights of the labels only": (
        "return (self.weight[labels] * logits.softmax(1).pow(2).sum(1)).mean()",
        "Loss ignores the labels",
    ),
    "with the labels in a constant only": (
        "return logits.exp().mean() + self.weight[labels].sum() + labels.float().pow(2).mean()",
        "Loss ignores the labels",
    ),
    "with parameters": (
        f"return {MEAN}",
        r"has parameters \(scale\), which are not trained; make constants buffers",
    ),
    "with a state": (
        f"self.calls += 1; return {MEAN} / self.calls",
        "for the same batch; it must keep no state between batches",
    ),
    "with a mistake": (
        "return logits @ labels",
        r"fails with logits float32 \(6, 6\) and labels int64 \(6,\) on cpu: RuntimeError: ",
    ),
}


@pytest.mark.parametrize("case", BODIES)
def test_what_cannot_be_trained_with_is_refused(
    tmp_path: Path, hierarchy: tuple[Tensor, Tensor], case: str
) -> None:
    body, message = BODIES[case]
    file = write(tmp_path, body)
    if case == "with parameters":
        text = file.read_text()
        more = "self.calls = 0\n        self.scale = nn.Parameter(torch.ones(()))"
        file.write_text(text.replace("self.calls = 0", more))
    with pytest.raises(ValueError, match=message) as error:
        build_any_loss("mine", file, *hierarchy, {}, CPU)
    assert str(error.value).startswith(f"{file}: ")


@pytest.mark.parametrize(
    ("text", "name", "settings", "message"),
    [
        (SHELL.format(body="pass"), "hce", {}, "hce is one of the paper's; take another name"),
        (
            SHELL.format(body="pass"),
            "mine",
            {"gamma": 2},
            r"Loss is called as Loss\(reachability, weight, gamma=…\), but takes "
            r"\(reachability, weight\): own_losses\.mine\.gamma is no hyperparameter of it",
        ),
        (
            SHELL.format(body="pass"),
            "mine",
            {"weight": 2},
            r"own_losses\.mine\.weight is set, but given by the workflow",
        ),
        (
            SHELL.format(body="pass").replace("weight):", "weight, gamma, tau=1):"),
            "mine",
            {"gama": 2},
            r"mine\.gama is no hyperparameter of it; own_losses\.mine\.gamma is missing",
        ),
        (
            SHELL.format(body="pass").replace("weight):", "*, alpha):"),
            "mine",
            {"alpha": 2},
            r"Loss is called as Loss\(reachability, weight, alpha=…\), but takes "
            r"\(reachability, \*, alpha\): reachability and weight must come first",
        ),
        (
            SHELL.format(body="pass").replace("weight):", "alpha):"),
            "mine",
            {"alpha": 2},
            r"but takes \(reachability, alpha\): reachability and weight must come first",
        ),
        (
            SHELL.format(body="pass").replace("super()", "{}['tau']"),
            "mine",
            {},
            r"Loss\(reachability, weight\) fails: KeyError: 'tau'",
        ),
        ("import torch\n\nclass Loss(", "mine", {}, r"cannot be run: SyntaxError: .*line 3"),
        ("def Loss(reachability, weight): pass", "mine", {}, "no class Loss that is a torch.nn"),
        ("class Loss: pass", "mine", {}, "no class Loss that is a torch.nn.Module"),
        ("", "mine", {}, "no class Loss"),
    ],
    ids=[
        "the paper's name",
        "unknown key",
        "key twice",
        "typo in a key",
        "weights not taken",
        "a hyperparameter in their place",
        "constructor that fails",
        "no Python",
        "function",
        "no module",
        "empty",
    ],
)
def test_a_wrong_file_is_refused(
    tmp_path: Path,
    hierarchy: tuple[Tensor, Tensor],
    text: str,
    name: str,
    settings: dict[str, float],
    message: str,
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        build_any_loss(name, file, *hierarchy, settings, CPU)
    assert str(file) in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path, hierarchy: tuple[Tensor, Tensor]) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone\.py: no such loss file"):
        build_any_loss("mine", tmp_path / "gone.py", *hierarchy, {}, CPU)


def test_a_module_beside_the_file_is_not_found(
    tmp_path: Path, hierarchy: tuple[Tensor, Tensor]
) -> None:
    (tmp_path / "helper.py").write_text("")
    file = write(tmp_path, f"return {MEAN}")
    file.write_text(f"import helper\n{file.read_text()}")
    with pytest.raises(ValueError, match=r"cannot be run: .*'helper'; .*: put helper into it"):
        build_any_loss("mine", file, *hierarchy, {}, CPU)
