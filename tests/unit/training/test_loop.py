"""The training loop against a plain one, and the rules of early stopping."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from shard_example import random_cells, write_shards
from sklearn.metrics import f1_score
from torch import Tensor, nn

from hce.hierarchy.files import write_reachability
from hce.loss import build_loss
from hce.models import build_model
from hce.shards import ShardReader
from hce.training.loop import Trainer, TrainingParameters
from hce.training.state import copy_weights
from train_model import build_trainer, training_parameters

pytestmark = pytest.mark.usefixtures("one_torch_thread")

N_GENES, N_CLASSES, BATCH = 10, 4, 16
REACHABILITY = np.eye(N_CLASSES, dtype=bool)
REACHABILITY[0, 1:3] = True
WEIGHT = torch.tensor([0.5, 1.0, 2.0, 1.5])
TABNET = {"n_d": 4, "n_a": 3, "n_independent": 1, "n_shared": 1, "virtual_batch_size": 8}
TrainerMaker = Callable[..., Trainer]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards with 150 training and 50 validation cells."""
    train = [random_cells(75, N_GENES, N_CLASSES, seed, 1000 * seed) for seed in (1, 2)]
    validation = [random_cells(50, N_GENES, N_CLASSES, 3, 3000)]
    folder = tmp_path_factory.mktemp("shards")
    return write_shards(folder, {"train": train, "val": validation})


@pytest.fixture
def make_trainer(manifest: Path, tmp_path: Path) -> TrainerMaker:
    """Function (architecture, loss, hierarchy of the loss, parameters) -> trainer."""

    def make(
        architecture: str = "linear",
        loss: str = "ce",
        loss_reachability: np.ndarray = REACHABILITY,
        augmentation: Tensor | None = None,
        device: str = "cpu",
        **parameters: float | str,
    ) -> Trainer:
        torch.manual_seed(5)
        model = build_model(
            architecture, N_GENES, N_CLASSES, **(TABNET if architecture == "tabnet" else {})
        )
        return Trainer(
            model,
            build_loss(loss, torch.from_numpy(loss_reachability), WEIGHT),
            REACHABILITY,
            ShardReader(manifest, "train"),
            ShardReader(manifest, "val"),
            TrainingParameters(**({"batch_size": BATCH, "max_epochs": 3} | parameters)),
            5,
            torch.device(device),
            augmentation,
            tmp_path / f"checkpoint-{architecture}-{loss}",
        )

    return make


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether two sets of weights are equal."""
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def plain_training(architecture: str, manifest: Path, epochs: int) -> dict[str, Tensor]:
    """The paper's recipe written down once more, with PyTorch's own scheduler."""
    torch.manual_seed(5)
    options = TABNET if architecture == "tabnet" else {}
    model = build_model(architecture, N_GENES, N_CLASSES, **options).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05, weight_decay=0.3)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.9)
    criterion = nn.CrossEntropyLoss(weight=WEIGHT)
    reader = ShardReader(manifest, "train")
    for epoch in range(epochs):
        for cells in reader.shuffled(BATCH, seed=5, epoch=epoch):
            output = model(torch.from_numpy(cells.expression.dense().numpy()))
            logits, mask_loss = output if isinstance(output, tuple) else (output, 0.0)
            target = torch.from_numpy(cells.label.astype(np.int64))
            loss = criterion(logits, target) - 0.5 * mask_loss
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.2)
            optimizer.step()
        scheduler.step()
    return copy_weights(model)


@pytest.mark.parametrize("architecture", ["linear", "tabnet"])
def test_training_is_the_recipe_of_the_paper(
    make_trainer: TrainerMaker, manifest: Path, architecture: str
) -> None:
    trainer = make_trainer(
        architecture,
        learning_rate=0.05,
        weight_decay=0.3,
        gradient_norm=0.2,
        mask_loss_weight=0.5,
    )
    trainer.run(report=lambda line: None)
    expected = plain_training(architecture, manifest, epochs=3)
    weights = copy_weights(trainer.model)
    assert weights.keys() == expected.keys()
    for name in expected:
        # the fused optimizer rounds differently in the last bit of a step
        torch.testing.assert_close(weights[name], expected[name], rtol=1e-5, atol=1e-5)
    rates = [entry["learning_rate"] for entry in trainer.progress.history]
    assert rates == pytest.approx([0.05, 0.05 * 0.9, 0.05 * 0.81])


def test_a_step_never_waits_for_its_loss(
    make_trainer: TrainerMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every value that is read from a GPU makes the host wait for it."""
    reads = {}
    for batch_size in (BATCH, BATCH // 4):
        count = 0

        def read(tensor: Tensor, original: Callable = Tensor.__float__) -> float:
            nonlocal count
            count += 1
            return original(tensor)

        monkeypatch.setattr(Tensor, "__float__", read)
        trainer = make_trainer("linear", batch_size=batch_size, max_epochs=1)
        trainer.checkpoint.unlink(missing_ok=True)
        trainer.run(report=lambda line: None)
        monkeypatch.undo()
        reads[trainer.train.n_batches(batch_size)] = count
    assert max(reads) > 2 * min(reads)
    assert set(reads.values()) == {1}


def scripted(trainer: Trainer, values: list[float]) -> list[dict[str, Tensor]]:
    """Let validation give these macro F1 values; returns the weights at each validation."""
    seen: list[dict[str, Tensor]] = []

    def validate() -> tuple[float, float]:
        seen.append(copy_weights(trainer.model))
        return 1.0, values[len(seen) - 1]

    trainer.validate = validate  # type: ignore[method-assign]
    return seen


@pytest.mark.parametrize(
    ("macro_f1", "patience", "epochs", "best"),
    [
        ([0.1, 0.3, 0.2, 0.2, 0.9], 2, 4, 1),
        ([0.1, 0.3, 0.3, 0.3, 0.9], 2, 4, 1),  # as good is not better
        ([0.5, 0.1, 0.6, 0.1, 0.2, 0.9], 2, 5, 2),  # a better epoch starts the count again
        ([0.3, 0.2, 0.1, 0.0, 0.9], 1, 2, 0),
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 1, 6, 5),
        ([0.0, 0.0, 0.0, 0.0, 0.0, 0.0], 3, 4, 0),
    ],
)
def test_training_stops_when_patience_ends_and_keeps_the_best_epoch(
    make_trainer: TrainerMaker, macro_f1: list[float], patience: int, epochs: int, best: int
) -> None:
    trainer = make_trainer(patience=patience, max_epochs=6)
    seen = scripted(trainer, macro_f1)
    weights = trainer.run(report=lambda line: None)
    assert len(seen) == len(trainer.progress.history) == epochs
    assert trainer.progress.best_epoch == best
    assert same(weights, seen[best])
    assert not any(same(*pair) for pair in pairwise(seen))


def test_ce_is_hce_without_a_hierarchy_and_else_they_differ(make_trainer: TrainerMaker) -> None:
    def train(loss: str, reachability: np.ndarray) -> Tensor:
        trainer = make_trainer("linear", loss, reachability, learning_rate=0.01)
        trainer.run(report=lambda line: None)
        trainer.checkpoint.unlink()
        return trainer.model.classifier.weight.detach()

    ce = train("ce", REACHABILITY)
    flat = train("hce", np.eye(N_CLASSES, dtype=bool))
    # they differ by the epsilon of HCE's logarithm only
    torch.testing.assert_close(flat, ce, rtol=0, atol=1e-3)
    assert (train("hce", REACHABILITY) - ce).abs().max() > 0.02


def test_validation_is_macro_f1_with_the_true_hierarchy(
    make_trainer: TrainerMaker, manifest: Path
) -> None:
    trainer = make_trainer("mlp", "hce", np.eye(N_CLASSES, dtype=bool), max_epochs=1)
    trainer.run(report=lambda line: None)
    loss, macro_f1 = trainer.validate()
    model = trainer.model.eval()
    (cells,) = ShardReader(manifest, "val").in_order(1000)
    with torch.no_grad():
        predicted = model(torch.from_numpy(cells.expression.dense().numpy())).argmax(dim=1).numpy()
    right = REACHABILITY[cells.label, predicted]
    corrected = np.where(right, cells.label, predicted)
    expected = f1_score(
        cells.label, corrected, labels=np.unique(cells.label), average="macro", zero_division=0
    )
    assert macro_f1 == pytest.approx(expected)
    assert loss == pytest.approx(trainer.progress.history[0]["validation_loss"])


def test_augmentation_changes_the_training_cells_only(make_trainer: TrainerMaker) -> None:
    plain, augmented = make_trainer(), make_trainer(augmentation=torch.ones(3, N_GENES))
    assert plain.validate() == augmented.validate()
    weights = []
    for trainer in (plain, augmented):
        trainer.run(report=lambda line: None)
        trainer.checkpoint.unlink()
        weights.append(copy_weights(trainer.model))
    assert not same(*weights)


def test_fewer_cells_than_a_batch_are_refused(make_trainer: TrainerMaker) -> None:
    with pytest.raises(ValueError, match="150 training cells are less than one batch of 151"):
        make_trainer(batch_size=151)


def test_an_unknown_training_parameter_is_refused() -> None:
    assert training_parameters('{"patience": 3}').patience == 3
    with pytest.raises(ValueError, match="unknown training parameter bath_size"):
        training_parameters('{"bath_size": 64}')


def test_losses_start_from_the_same_weights_and_see_the_same_cells(
    manifest: Path, tmp_path: Path
) -> None:
    terms = [f"CL:{number}" for number in range(N_CLASSES)]
    write_reachability(tmp_path / "reachability.npz", REACHABILITY, terms)
    table = {"index": range(N_CLASSES), "ontology_term_id": terms, "class_weight": WEIGHT.numpy()}
    pd.DataFrame(table).to_csv(tmp_path / "cell_types.tsv", sep="\t", index=False)

    def build(loss: str, seed: int) -> Trainer:
        arguments = Namespace(
            architecture="mlp",
            architecture_file=None,
            loss=loss,
            loss_file=None,
            loss_settings="{}",
            seed=seed,
            hyperparameters="{}",
            training="{}",
            manifest=manifest,
            cell_types=tmp_path / "cell_types.tsv",
            reachability=tmp_path / "reachability.npz",
            loss_reachability=None,
            augmentations=None,
            code="",
            device="cpu",
            threads=1,
            memory=1000,
            model=tmp_path / "model.safetensors",
        )
        parameters = TrainingParameters(batch_size=BATCH)
        return build_trainer(arguments, parameters, torch.device("cpu"))

    ce, hce, other = build("ce", 1), build("hce", 1), build("ce", 2)
    assert same(copy_weights(ce.model), copy_weights(hce.model))
    assert not same(copy_weights(ce.model), copy_weights(other.model))
    assert (ce.seed, ce.parameters) == (hce.seed, hce.parameters)
    assert ce.optimizer.state_dict() == hce.optimizer.state_dict()
    assert torch.equal(ce.loss.weight, hce.loss.weight)
    assert isinstance(ce.loss, nn.CrossEntropyLoss)
    assert not isinstance(hce.loss, nn.CrossEntropyLoss)


@pytest.mark.parametrize("architecture", ["linear", "mlp", "tabnet"])
@pytest.mark.parametrize("augmented", [False, True])
def test_sparse_and_dense_first_layers_train_to_the_same_weights(
    make_trainer: TrainerMaker, architecture: str, augmented: bool
) -> None:
    vectors = torch.randn(6, N_GENES, generator=torch.Generator().manual_seed(0))
    weights, losses = [], []
    for first_layer in ("sparse", "dense"):
        trainer = make_trainer(
            architecture,
            "hce",
            augmentation=vectors if augmented else None,
            first_layer=first_layer,
            learning_rate=0.01,
        )
        start = copy_weights(trainer.model)
        trainer.run(report=lambda line: None)
        trainer.checkpoint.unlink()
        weights.append(copy_weights(trainer.model))
        losses.append([entry["train_loss"] for entry in trainer.progress.history])
        assert not same(weights[-1], start)
    assert losses[0] == pytest.approx(losses[1], rel=0.01)
    if architecture != "linear":  # AdamW makes steps of the rounding of gradients that are 0
        return
    for name, value in weights[0].items():
        torch.testing.assert_close(value, weights[1][name], rtol=1e-4, atol=1e-5, msg=name)


def test_a_sparse_training_is_reproducible(make_trainer: TrainerMaker) -> None:
    weights = []
    for _ in range(2):
        trainer = make_trainer("mlp", "hce", first_layer="sparse")
        weights.append(trainer.run(report=lambda line: None))
        trainer.checkpoint.unlink()
    assert same(*weights)


@pytest.mark.parametrize("architecture", ["linear", "mlp", "tabnet"])
def test_bfloat16_trains_and_rounds(make_trainer: TrainerMaker, architecture: str) -> None:
    """It learns about as well, with other weights, which stay float32; a CPU warns."""
    losses, weights = [], []
    for precision in ("float32", "bfloat16"):
        if precision == "bfloat16":
            with pytest.warns(UserWarning, match="bfloat16 is meant for GPUs"):
                trainer = make_trainer(architecture, "hce", precision=precision)
        else:
            trainer = make_trainer(architecture, "hce")
        weights.append(trainer.run(report=lambda line: None))
        trainer.checkpoint.unlink()
        losses.append([entry["train_loss"] for entry in trainer.progress.history])
    assert losses[1] == pytest.approx(losses[0], rel=0.05)
    assert not same(*weights)
    assert {value.dtype for value in weights[1].values()} <= {torch.float32, torch.int64}


# the tracer makes an instance of each autograd function, which PyTorch advises its users not to do
@pytest.mark.filterwarnings("ignore:.*autograd.function.Function.*:DeprecationWarning")
# entmax's masks break the graph, and the tracer looks at what crosses the break
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
@pytest.mark.parametrize("architecture", ["linear", "mlp", "tabnet"])
def test_a_compiled_training_gives_the_same_weights(
    make_trainer: TrainerMaker, architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Traced as torch.compile would, without waiting for a C++ compiler."""
    compiler, traced = torch.compile, []

    def trace(function: Callable[..., object]) -> Callable[..., object]:
        traced.append(function)
        return compiler(function, backend="aot_eager")

    monkeypatch.setattr(torch, "compile", trace)
    weights = []
    for compile_ in (False, True):
        trainer = make_trainer(
            architecture, "hce", compile=compile_, max_epochs=1, first_layer="dense"
        )
        weights.append(trainer.run(report=lambda line: None))
        trainer.checkpoint.unlink()
    assert len(traced) == 1
    if architecture == "mlp":  # its dropout draws in another order
        assert weights[0].keys() == weights[1].keys()
        return
    for name, value in weights[0].items():
        torch.testing.assert_close(value, weights[1][name], rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize("parameter", ["precision", "first_layer"])
def test_unknown_options_are_refused(make_trainer: TrainerMaker, parameter: str) -> None:
    with pytest.raises(ValueError, match=f"unknown {parameter} 'fast'"):
        make_trainer(**{parameter: "fast"})


def test_compiling_a_sparse_first_layer_is_refused(make_trainer: TrainerMaker) -> None:
    with pytest.raises(ValueError, match=r"training\.first_layer"):
        make_trainer("linear", "ce", compile=True, first_layer="sparse")


def test_a_sparse_first_layer_on_a_gpu_is_refused_before_the_training(
    make_trainer: TrainerMaker,
) -> None:
    with pytest.raises(ValueError, match=r"training\.first_layer: .* not on cuda"):
        make_trainer("mlp", "ce", first_layer="sparse", device="cuda")
