"""A checkpoint of the authors becomes a model of ours that says the same of every cell."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from annotation_example import N_GENES, REACHABILITY
from checkpoint_example import (
    WEIGHTS,
    content,
    hyper_parameters,
    their_model,
    write_checkpoint,
    write_run,
)

import import_model
from hce.hierarchy.files import write_reachability
from hce.models import load_model
from hce.tables import read_table
from tabulate_hyperparameters import hyperparameter_table

pytestmark = pytest.mark.usefixtures("one_torch_thread")
ARCHITECTURES = ("linear", "mlp", "tabnet")


def changed(architecture: str = "linear", **given: Any) -> dict[str, Any]:
    """A checkpoint with some hyperparameters changed."""
    return content(architecture, their_model(architecture), **given)


def run_import(
    monkeypatch: pytest.MonkeyPatch, folder: Path, checkpoint: Path, architecture: str, **given: Any
) -> Path:
    """Run the script as the rule does; returns the folder of the model."""
    output = folder / "model"
    paths = given.pop("run", None) or write_run(folder)
    arguments = {"loss": "hce", "seed": 0} | given | {"checkpoint": checkpoint} | paths
    arguments |= {"architecture": architecture, "model": output / "model.safetensors"}
    arguments |= {"history": output / "history.csv", "record": output / "hyperparameters.json"}
    words = [word for key, value in arguments.items() for word in (f"--{key}", str(value))]
    monkeypatch.setattr(sys, "argv", ["import_model", *words])
    import_model.main()
    return output


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_imported_model_predicts_what_theirs_predicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: str
) -> None:
    theirs = their_model(architecture)
    path = write_checkpoint(tmp_path / "version_0", content(architecture, theirs))
    output = run_import(monkeypatch, tmp_path, path, architecture)
    cells = 3 * torch.rand(30, N_GENES) * (torch.rand(30, N_GENES) < 0.5)
    ours = load_model(output / "model.safetensors")
    with torch.no_grad():
        logits = ours.module(cells)
    logits = logits[0] if isinstance(logits, tuple) else logits
    torch.testing.assert_close(logits, theirs.logits(cells), atol=1e-6, rtol=1e-5)
    assert (ours.facts.reachability == REACHABILITY).all()
    assert ours.facts.trained["training_cells"] == 15_240_192


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_records_are_those_of_a_training_as_far_as_they_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: str
) -> None:
    path = write_checkpoint(
        tmp_path / "version_0", content(architecture, their_model(architecture))
    )
    output = run_import(monkeypatch, tmp_path, path, architecture)
    record = json.loads((output / "hyperparameters.json").read_text())
    assert record["best_epoch"] == 2
    assert record["best_validation_macro_f1"] == pytest.approx(0.80249, abs=1e-6)
    assert record["augmentation"] is (architecture != "linear")
    known = {"learning_rate": 0.005, "weight_decay": 0.05, "batch_size": 2048}
    known |= {"learning_rate_decay": 0.9, "patience": 10}
    if architecture == "tabnet":
        known["mask_loss_weight"] = 1e-5
    assert record["training"] == known
    if architecture == "mlp":
        assert record["model"] == {"n_hidden": 5, "n_layers": 3, "dropout": 0.1}
    said = record["imported"]
    assert said["hierarchy"] == said["class_weights"] == "equal"
    assert said["augmentations"] == ("none in the file" if architecture == "linear" else "equal")
    history = read_table(output / "history.csv")
    assert history.loc[0, "train_loss":"validation_macro_f1"].isna().tolist() == [True, True, False]
    assert history.loc[0, "epoch"] == 2 and len(history) == 1
    assert history.loc[0, "learning_rate"] == pytest.approx(0.0045)
    # what was found in the file is no hyperparameter
    table = hyperparameter_table([record], architecture)
    assert set(table["section"]) <= {"model", "training", "data"}
    assert "imported" not in set(table["hyperparameter"])


def test_an_old_checkpoint_of_sctab_is_a_cross_entropy_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = content("tabnet", their_model("tabnet"), correct_targets=False, min_class_freq=100)
    del saved["state_dict"]["child_lookup_transposed"]
    del saved["hyper_parameters"]["use_hierarchical_loss"]
    path = write_checkpoint(tmp_path / "run0", saved, seed=None)
    output = run_import(monkeypatch, tmp_path, path, "tabnet", loss="ce")
    assert json.loads((output / "hyperparameters.json").read_text())["loss"] == "ce"
    with pytest.raises(ValueError, match=r"\.ckpt: its loss is ce, and hce is wanted"):
        run_import(monkeypatch, tmp_path, path, "tabnet", loss="hce")


def test_hyperparameters_may_stand_beside_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = content("mlp", their_model("mlp"))
    del saved["hyper_parameters"]
    path = write_checkpoint(tmp_path / "version_0", saved)
    with pytest.raises(ValueError, match=r"no hyper_parameters, and no hparams\.yaml beside it"):
        run_import(monkeypatch, tmp_path, path, "mlp")
    given = hyper_parameters("mlp") | {"train_set_size": 8, "val_set_size": 8, "weight_decay": 0.1}
    (tmp_path / "version_0" / "hparams.yaml").write_text(yaml.dump(given))
    assert "python/name:torch.optim.adamw.AdamW" in yaml.dump(given)
    output = run_import(monkeypatch, tmp_path, path, "mlp")
    assert json.loads((output / "hyperparameters.json").read_text())["model"]["n_layers"] == 3


def with_tensor(name: str, tensor: torch.Tensor | None, architecture: str = "linear") -> dict:
    """A checkpoint with a tensor put in, or taken away."""
    saved = changed(architecture)
    saved["state_dict"].pop(name, None)
    if tensor is not None:
        saved["state_dict"][name] = tensor
    return saved


REVERSED = torch.tensor(REACHABILITY[::-1, ::-1].copy()).long()
BAD = {
    "another architecture": (changed("mlp"), "its architecture is mlp, and linear is wanted"),
    "other genes": (changed(gene_dim=19331), "is a model of 19,331 genes, this run has 12"),
    "other classes": (changed(type_dim=7), "is a model of 7 classes, this run has 6"),
    "no number": (changed(gene_dim="many"), "hyperparameter gene_dim is 'many', not a number"),
    "other order by weights": (
        with_tensor("class_weights", torch.tensor(WEIGHTS[::-1].astype("f4").copy())),
        "classes are in another order .* its class weights are ours",
    ),
    "a missing tensor": (with_tensor("classifier.bias", None), "lacks 1 tensors of a linear"),
    "an unknown tensor": (
        with_tensor("sample_labels", torch.zeros(3)),
        "holds sample_labels, which is no part",
    ),
    "another shape": (
        with_tensor("classifier.bias", torch.zeros(5)),
        r"classifier\.bias is torch\.float32 \(5,\), and .* ask for torch\.float32 \(6,\)",
    ),
    "half precision": (
        with_tensor("classifier.bias", torch.zeros(6).half()),
        r"classifier\.bias is torch\.float16",
    ),
    "no numbers": (
        with_tensor("classifier.bias", torch.full((6,), torch.nan)),
        r"classifier\.bias holds what is no number",
    ),
    "nothing known": (
        with_tensor("classifier.weight", None),
        "holds none of the authors' architectures; its first tensor is class_weights",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_checkpoint_that_does_not_fit_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    saved, message = BAD[case]
    path = write_checkpoint(tmp_path / "version_0", saved)
    with pytest.raises(ValueError, match=rf"{path.name}: .*{message}") as raised:
        run_import(monkeypatch, tmp_path, path, "linear")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "model").exists()


def test_another_order_of_classes_shows_in_the_hierarchy_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = with_tensor("child_lookup", REVERSED)
    saved["state_dict"]["class_weights"] = torch.linspace(1, 2, 6)
    path = write_checkpoint(tmp_path / "version_0", saved)
    with pytest.raises(ValueError, match=r"another order .* its hierarchy is ours, but not in"):
        run_import(monkeypatch, tmp_path, path, "linear")


def test_differences_are_said_and_do_not_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_checkpoint(tmp_path / "version_0", changed("mlp"))
    paths = write_run(tmp_path)
    fewer = REACHABILITY.copy()
    fewer[0, 3] = False
    write_reachability(
        paths["reachability"], fewer, read_table(paths["cell-types"])["ontology_term_id"].tolist()
    )
    types = read_table(paths["cell-types"])
    types["class_weight"] *= 1 + 5e-5
    types.to_csv(paths["cell-types"], sep="\t", index=False)
    paths["cell-types"].with_name(".cell_types.tsv.sha256").unlink()
    vectors = np.load(paths["augmentations"])
    vectors[-1, -1] += 1
    np.save(paths["augmentations"], vectors)
    output = run_import(monkeypatch, tmp_path, path, "mlp", run=paths)
    said = json.loads((output / "hyperparameters.json").read_text())["imported"]
    assert said["hierarchy"] == "1 pairs of ancestor and descendant more and 0 fewer than ours"
    assert said["class_weights"] == "differ by at most 5.0e-05 of ours"
    assert said["augmentations"] == "20 in the file, which are not ours"
    assert len(said["sha256"]) == 64


def test_a_tabnet_with_another_epsilon_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_checkpoint(tmp_path / "version_0", changed("tabnet", epsilon=1e-10))
    with pytest.raises(ValueError, match=r"epsilon is 1e-10, and 1e-15 is all"):
        run_import(monkeypatch, tmp_path, path, "tabnet")


def test_a_folder_is_searched_by_what_its_files_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = tmp_path / "tb_logs"
    for loss in (False, True):
        for seed in (0, 1):
            saved = changed("linear", use_hierarchical_loss=loss)
            write_checkpoint(logs / f"{loss}" / f"version_{seed}", saved, seed=None)
    write_checkpoint(logs / "other", changed("mlp"))
    run_import(monkeypatch, tmp_path, logs, "linear", seed=1)
    with pytest.raises(ValueError, match=r"no checkpoint of linear, hce, seed 7; there are l"):
        run_import(monkeypatch, tmp_path, logs, "linear", seed=7)
    # of one training, the better of the two that it kept
    better = (
        logs / "True" / "version_1" / "checkpoints" / "val_f1_macro_epoch=3_val_f1_macro=0.9.ckpt"
    )
    torch.save(changed("linear"), better)
    run_import(monkeypatch, tmp_path, logs, "linear", seed=1)
    assert f"file: {better.name}" in capsys.readouterr().out
    write_checkpoint(logs / "again" / "version_1", changed("linear"), seed=None)
    with pytest.raises(ValueError, match=r"3 checkpoints are of linear, hce, seed 1: .* give the"):
        run_import(monkeypatch, tmp_path, logs, "linear", seed=1)
    with pytest.raises(ValueError, match=r"holds no checkpoint \(\*\.ckpt\)"):
        run_import(monkeypatch, tmp_path, tmp_path / "model", "linear", run=write_run(tmp_path))


def test_a_seed_that_the_file_contradicts_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_checkpoint(tmp_path / "version_0", changed(), seed=2)
    with pytest.raises(ValueError, match=r"its seed is 2, and 0 is wanted"):
        run_import(monkeypatch, tmp_path, path, "linear")
