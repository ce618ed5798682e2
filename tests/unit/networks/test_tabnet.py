"""TabNet against pytorch-tabnet's own network with the same state dict."""

from __future__ import annotations

import pytest
import torch
from pytorch_tabnet.tab_network import TabNetNoEmbeddings
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from hce.loader.expression import SparseExpression
from hce.models import build_model

pytestmark = pytest.mark.usefixtures("one_torch_thread")

N_GENES, N_CLASSES, VIRTUAL_BATCH = 23, 5, 8
SMALL: dict[str, float | int | str] = {
    "n_d": 6,
    "n_a": 4,
    "n_steps": 1,
    "gamma": 1.3,
    "n_independent": 5,
    "n_shared": 3,
    "virtual_batch_size": VIRTUAL_BATCH,
    "momentum": 0.02,
    "mask_type": "entmax",
}
VARIANTS: dict[str, dict[str, float | int | str]] = {
    "paper": {},
    "three steps": {"n_steps": 3, "gamma": 1.7},
    "sparsemax": {"n_steps": 2, "mask_type": "sparsemax"},
    "no shared layers": {"n_shared": 0, "n_independent": 2},
    "no independent layers": {"n_shared": 2, "n_independent": 0},
    "wide attention": {"n_a": 9, "momentum": 0.3, "n_steps": 2},
}


def network_state(reference: nn.Module) -> dict[str, Tensor]:
    """Its state dict without the batch norm that it never uses."""
    return {
        name: tensor.clone()
        for name, tensor in reference.state_dict().items()
        if not name.startswith("initial_bn.")
    }


def make_pair(variant: str, dtype: torch.dtype) -> tuple[nn.Module, nn.Module]:
    """Ours and pytorch-tabnet's, same state, with batch norm statistics that matter."""
    hyperparameters = SMALL | VARIANTS[variant]
    torch.manual_seed(7)
    reference = TabNetNoEmbeddings(N_GENES, N_CLASSES, **hyperparameters).to(dtype)
    for module in reference.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean.normal_(0, 0.5)
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(0, 0.3)
    reference.encoder.group_attention_matrix = reference.encoder.group_attention_matrix.to(dtype)
    model = build_model("tabnet", N_GENES, N_CLASSES, **hyperparameters).to(dtype)
    model.load_state_dict(network_state(reference), strict=True)
    return model, reference


def make_expression(n_cells: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Normalized expression: mostly zeros, the rest between 0 and 6."""
    generator = torch.Generator().manual_seed(seed)
    values = 6 * torch.rand(n_cells, N_GENES, generator=generator)
    return (values * (torch.rand(values.shape, generator=generator) < 0.4)).to(dtype)


def both_precisions(variant: str) -> tuple[nn.Module, nn.Module, nn.Module]:
    """Ours and pytorch-tabnet's in float32, and pytorch-tabnet's in float64, of one state."""
    model, reference = make_pair(variant, torch.float32)
    _, exact = make_pair(variant, torch.float64)
    exact.load_state_dict(reference.state_dict())
    return model, reference, exact


def check_rounding(ours: Tensor, theirs: Tensor, exact: Tensor, name: str) -> None:
    """What is computed in another order rounds differently, but about as little."""
    error, allowed = (tensor.detach().double() - exact.detach() for tensor in (ours, theirs))
    scale = float(exact.detach().abs().max())
    assert float(error.abs().max()) <= 5 * float(allowed.abs().max()) + 1e-6 * scale + 1e-6, name


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("n_cells", [1, 5, 3 * VIRTUAL_BATCH])
def test_evaluation_equals_pytorch_tabnet(variant: str, n_cells: int) -> None:
    """Logits and mask loss in evaluation, for any number of cells."""
    model, reference = make_pair(variant, torch.float64)
    expression = make_expression(n_cells, dtype=torch.float64)
    logits, mask_loss = model.eval()(expression)
    expected_logits, expected_mask_loss = reference.eval()(expression)
    assert logits.shape == (n_cells, N_CLASSES)
    assert expected_logits.abs().max() > 1e-3
    torch.testing.assert_close(logits, expected_logits, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(mask_loss, expected_mask_loss, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("variant", VARIANTS)
def test_evaluation_rounds_as_pytorch_tabnet(variant: str) -> None:
    networks = both_precisions(variant)
    expression = make_expression(3 * VIRTUAL_BATCH)
    outputs = (
        network.eval()(expression.to(next(network.parameters()).dtype)) for network in networks
    )
    for ours, theirs, expected in zip(*outputs, strict=True):
        check_rounding(ours, theirs, expected, variant)


def train_once(network: nn.Module, expression: Tensor | SparseExpression) -> dict[str, Tensor]:
    """Outputs, gradients and state after one forward and backward pass."""
    network.train()
    logits, mask_loss = network(expression)
    target = torch.arange(len(expression)) % N_CLASSES
    (nn.functional.cross_entropy(logits, target) - 0.1 * mask_loss).backward()
    found = {"logits": logits, "mask loss": mask_loss}
    found |= {
        f"gradient of {name}": parameter.grad
        for name, parameter in network.named_parameters()
        if parameter.grad is not None
    }
    return found | network_state(network)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("n_cells", [4 * VIRTUAL_BATCH, 3 * VIRTUAL_BATCH + 2])
def test_training_equals_pytorch_tabnet(variant: str, n_cells: int) -> None:
    """Outputs, gradients of all parameters and running statistics of a training step."""
    expression = make_expression(n_cells, dtype=torch.float64)
    ours, theirs = (train_once(model, expression) for model in make_pair(variant, torch.float64))
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[name], rtol=1e-7, atol=1e-7, msg=name)


@pytest.mark.parametrize("variant", VARIANTS)
def test_training_rounds_as_pytorch_tabnet(variant: str) -> None:
    expression = make_expression(4 * VIRTUAL_BATCH)
    ours, theirs, exact = (
        train_once(network, expression.to(next(network.parameters()).dtype))
        for network in both_precisions(variant)
    )
    for name, tensor in ours.items():
        check_rounding(tensor, theirs[name], exact[name], name)


def as_sparse(expression: Tensor) -> SparseExpression:
    """The same cells in compressed rows."""
    rows, genes = expression.nonzero(as_tuple=True)
    sizes = torch.bincount(rows, minlength=len(expression))
    indptr = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
    return SparseExpression(indptr, genes.int(), expression[rows, genes], expression.shape[1])


@pytest.mark.parametrize("variant", ["paper", "no shared layers"])
@pytest.mark.parametrize("training", [True, False])
def test_sparse_cells_give_what_dense_cells_give(variant: str, training: bool) -> None:
    expression = make_expression(4 * VIRTUAL_BATCH, dtype=torch.float64)
    expression[:, 3] = 0  # a gene that no cell has
    expression[2] = 0  # a cell without genes
    results = []
    for cells in (expression, as_sparse(expression)):
        model, _ = make_pair(variant, torch.float64)
        assert model.sparse_input
        if training:
            results.append(train_once(model, cells))
        else:
            logits, mask_loss = model.eval()(cells)
            results.append({"logits": logits, "mask loss": mask_loss})
    for name, tensor in results[0].items():
        torch.testing.assert_close(results[1][name], tensor, rtol=1e-7, atol=1e-7, msg=name)


def test_dense_masks_give_what_sparse_masks_give() -> None:
    """A GPU and a compiled network compute the masks of all genes."""
    expression = make_expression(4 * VIRTUAL_BATCH, dtype=torch.float64)
    results = []
    for one_sparse_mask in (True, False):
        model, _ = make_pair("paper", torch.float64)
        model.encoder.one_sparse_mask = one_sparse_mask
        results.append(train_once(model, expression))
    for name, tensor in results[0].items():
        torch.testing.assert_close(results[1][name], tensor, rtol=1e-7, atol=1e-7, msg=name)


@pytest.mark.parametrize("variant", ["three steps", "sparsemax", "wide attention", "paper"])
def test_sparse_cells_are_refused_where_the_masks_of_all_genes_are_computed(
    monkeypatch: pytest.MonkeyPatch, variant: str
) -> None:
    """By several steps, by sparsemax and where it is compiled; nothing has moved by then."""
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: variant == "paper")
    model, _ = make_pair(variant, torch.float64)
    cells = as_sparse(make_expression(4, dtype=torch.float64))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(ValueError, match=r"sparse cells with one step .* set training.first_layer"):
        model.train()(cells)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("variant", VARIANTS)
def test_one_seed_draws_the_weights_of_pytorch_tabnet(variant: str) -> None:
    hyperparameters = SMALL | VARIANTS[variant]
    torch.manual_seed(3)
    model = build_model("tabnet", N_GENES, N_CLASSES, **hyperparameters)
    torch.manual_seed(3)
    reference = TabNetNoEmbeddings(N_GENES, N_CLASSES, **hyperparameters)
    encoder = {
        name: tensor
        for name, tensor in network_state(reference).items()
        if name.startswith("encoder.")
    }
    for name, tensor in encoder.items():
        torch.testing.assert_close(model.state_dict()[name], tensor, rtol=1e-6, atol=0, msg=name)


def test_training_of_several_steps_equals_pytorch_tabnet() -> None:
    """Ten steps of AdamW later both are still one network."""
    model, reference = make_pair("three steps", torch.float64)
    for network in (model, reference):
        network.train()
        optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)
        for step in range(10):
            expression = make_expression(2 * VIRTUAL_BATCH, seed=step, dtype=torch.float64)
            target = torch.arange(len(expression)) % N_CLASSES
            logits, mask_loss = network(expression)
            loss = nn.functional.cross_entropy(logits, target) - 1e-5 * mask_loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        network.eval()
    expression = make_expression(30, seed=99, dtype=torch.float64)
    torch.testing.assert_close(model(expression)[0], reference(expression)[0], rtol=0, atol=1e-6)


def test_state_dict_has_the_names_of_the_paper() -> None:
    """Everything is under encoder., but the final mapping, which has no bias."""
    model, reference = make_pair("paper", torch.float32)
    state = model.state_dict()
    assert set(state) == set(network_state(reference))
    assert {name for name in state if not name.startswith("encoder.")} == {"final_mapping.weight"}
    assert "encoder.initial_bn.weight" in state
    assert {name: tensor.shape for name, tensor in state.items()} == {
        name: tensor.shape for name, tensor in network_state(reference).items()
    }


def test_shared_layers_are_shared() -> None:
    """Each shared layer is one parameter, however many steps and names it has."""
    model, reference = make_pair("three steps", torch.float32)
    used = [p for name, p in reference.named_parameters() if not name.startswith("initial_bn.")]
    assert len(list(model.parameters())) == len(used)
    assert sum(p.numel() for p in model.parameters()) == sum(p.numel() for p in used)


def test_defaults_are_those_of_the_paper() -> None:
    """n_d 128, n_a 64, one step, 5 independent and 3 shared layers, virtual batch 256, 0.02."""
    model = build_model("tabnet", 50, 7)
    reference = TabNetNoEmbeddings(
        50, 7, n_d=128, n_a=64, n_steps=1, n_independent=5, n_shared=3, mask_type="entmax"
    )
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    assert shapes == {name: tensor.shape for name, tensor in network_state(reference).items()}
    norms = {name: m for name, m in model.named_modules() if isinstance(m, nn.BatchNorm1d)}
    momenta = {m.momentum for name, m in norms.items() if name != "encoder.initial_bn"}
    assert momenta == {0.02}
    assert norms["encoder.initial_bn"].momentum == 0.01
    virtual = {m.virtual_batch_size for m in model.modules() if hasattr(m, "virtual_batch_size")}
    assert virtual == {256}


def test_masks_are_distributions_over_genes() -> None:
    """The mask loss is the negative entropy of a distribution: between -log G and 0."""
    model, _ = make_pair("paper", torch.float64)
    _, mask_loss = model.eval()(make_expression(40, dtype=torch.float64))
    assert -torch.log(torch.tensor(float(N_GENES))) <= mask_loss <= 1e-9


class LargestTensor(TorchDispatchMode):
    """Records the size of the largest tensor that any operation returns."""

    def __init__(self) -> None:
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(
        self,
        func: torch._ops.OpOverload,
        types: tuple[type, ...],
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        result = func(*args, **(kwargs or {}))
        tensors = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        self.numel = max([self.numel, *(tensor.numel() for tensor in tensors)])
        return result


def test_no_matrix_of_genes_by_genes() -> None:
    """Building, training and evaluating at G genes makes no tensor near G x G."""
    n_genes, n_cells = 5000, 16
    largest = LargestTensor()
    with largest:
        model = build_model("tabnet", n_genes, 3, **(SMALL | {"virtual_batch_size": n_cells}))
        logits, mask_loss = model(torch.rand(n_cells, n_genes))
        (logits.sum() + mask_loss).backward()
        model.eval()(torch.rand(n_cells, n_genes))
    assert n_cells * n_genes <= largest.numel <= 4 * n_cells * n_genes
    for module in model.modules():
        for name, value in vars(module).items():
            assert not (isinstance(value, Tensor) and value.numel() >= n_genes**2), name


def test_checkpoint_of_another_shape_raises() -> None:
    """A state dict of other genes or classes does not load."""
    state = build_model("tabnet", N_GENES, N_CLASSES, **SMALL).state_dict()
    for n_genes, n_classes in ((N_GENES + 1, N_CLASSES), (N_GENES, N_CLASSES + 1)):
        with pytest.raises(RuntimeError, match="size mismatch"):
            build_model("tabnet", n_genes, n_classes, **SMALL).load_state_dict(state)
