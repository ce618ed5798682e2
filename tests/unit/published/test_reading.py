"""A checkpoint is a stranger's file: nothing in it is run, and what is no checkpoint is said."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from checkpoint_example import content, hyper_parameters, their_model, write_checkpoint

from hce.published.checkpoints import StandIn, read_checkpoint, read_hparams, verify_members


class Hostile:
    """Makes a folder when it is unpickled the ordinary way."""

    def __init__(self, call: Any, *arguments: str) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Any, tuple[str, ...]]:
        return self.call, self.arguments


@pytest.mark.parametrize(
    ("call", "name"), [(os.system, "posix.system"), (os.mkdir, "posix.mkdir"), (eval, "eval")]
)
@pytest.mark.parametrize("key", ["hyper_parameters", "state_dict", "callbacks"])
def test_a_pickle_that_wants_to_run_code_is_refused_and_runs_none(
    tmp_path: Path, call: Any, name: str, key: str
) -> None:
    trap = tmp_path / "trap"
    command = {"system": f"mkdir {trap}", "mkdir": str(trap)}.get(
        call.__name__, f"__import__('os').mkdir({str(trap)!r})"
    )
    saved = content("linear", their_model("linear"))
    saved[key] = Hostile(call, command)
    path = write_checkpoint(tmp_path, saved | {"hyper_parameters": saved["hyper_parameters"]})
    with pytest.raises(ValueError, match=rf"{path.name}: names .*{name}, which .* not read"):
        read_checkpoint(path)
    assert not trap.exists()
    torch.load(path, weights_only=False)
    assert trap.exists()  # so the trap was set


@pytest.mark.parametrize(
    "saved",
    [
        Hostile(np.dtype, "O"),
        Hostile(np._core.multiarray.scalar, "O", "x"),
    ],
)
def test_numpy_scalars_of_objects_are_refused(tmp_path: Path, saved: Any) -> None:
    given = content("linear", their_model("linear"))
    given["hyper_parameters"]["batch_size"] = saved
    path = tmp_path / "val_f1_macro_epoch=1_val_f1_macro=0.802.ckpt"
    torch.save(given, path)
    with pytest.raises(ValueError, match=r"cannot be read as a checkpoint \(a NumPy scalar"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    "value", [np.int64(-7), np.float32(0.5), np.float64(1e-5), np.uint8(200), np.bool_(True)]
)
@pytest.mark.parametrize("spelling", ["numpy._core.multiarray", "numpy.core.multiarray"])
def test_numpy_scalars_are_read_in_either_spelling(
    tmp_path: Path, value: Any, spelling: str
) -> None:
    saved = content("linear", their_model("linear"), size=value)
    path = write_checkpoint(tmp_path, saved)
    again = tmp_path / path.name
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(again, "w") as new:
        for member in old.infolist():
            data = old.read(member)
            if member.filename.endswith("data.pkl"):
                assert b"cnumpy._core.multiarray\n" in data
                data = data.replace(b"cnumpy._core.multiarray\n", f"c{spelling}\n".encode())
            new.writestr(member.filename, data)
    read = read_checkpoint(again).hyperparameters["size"]
    assert read == value.item() and type(read) is type(value.item())


def test_what_is_read_of_a_checkpoint(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path, content("tabnet", their_model("tabnet")))
    read = read_checkpoint(path)
    assert (read.epoch, read.lightning, read.patience) == (1, "2.0.9", 10)
    assert read.macro_f1 == pytest.approx(0.80249, abs=1e-7)
    assert read.hyperparameters["optimizer"] is None
    assert read.hyperparameters["train_set_size"] == 15_240_192
    assert read.tensors["child_lookup"].dtype == torch.int64


def test_a_score_of_another_epoch_does_not_count(tmp_path: Path) -> None:
    saved = content("linear", their_model("linear"))
    path = write_checkpoint(tmp_path, saved)
    other = path.with_name("val_f1_macro_epoch=5_val_f1_macro=0.750.ckpt")
    path.rename(other)
    assert (read_checkpoint(other).epoch, read_checkpoint(other).macro_f1) == (5, 0.75)


def test_a_renamed_file_says_by_itself_how_good_it_is(tmp_path: Path) -> None:
    saved = content("linear", their_model("linear"))
    path = write_checkpoint(tmp_path, saved).rename(tmp_path / "version_0.ckpt")
    assert read_checkpoint(path).epoch == 1
    del saved["callbacks"]
    torch.save(saved, path)
    with pytest.raises(ValueError, match=r"neither its name nor its callbacks say .* name back"):
        read_checkpoint(path)


def test_a_file_that_is_no_checkpoint_is_said(tmp_path: Path) -> None:
    path = tmp_path / "val_f1_macro_epoch=1_val_f1_macro=0.802.ckpt"
    with pytest.raises(FileNotFoundError, match=rf"{path}: no such checkpoint"):
        read_checkpoint(path)
    path.write_bytes(pickle.dumps({"state_dict": {}}))
    with pytest.raises(ValueError, match=r"is no checkpoint of PyTorch, or the end of it"):
        read_checkpoint(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "nothing")
    with pytest.raises(ValueError, match=r"cannot be read as a checkpoint"):
        read_checkpoint(path)
    torch.save([1, 2], path)
    with pytest.raises(ValueError, match=r"is no checkpoint of Lightning: it has no state_dict"):
        read_checkpoint(path)
    torch.save({"state_dict": {"a": 3}}, path)
    with pytest.raises(ValueError, match=r"a in its state_dict is no tensor"):
        read_checkpoint(path)


def test_a_cut_checkpoint_is_said(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path, content("linear", their_model("linear")))
    whole = path.read_bytes()
    for length in (len(whole) - 1, len(whole) // 2, 10, 0):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=rf"{path.name}: .* fetch it again") as raised:
            read_checkpoint(path)
        assert "\n" not in str(raised.value)


def test_a_changed_bit_is_found(tmp_path: Path) -> None:
    model = their_model("linear")
    path = write_checkpoint(tmp_path, content("linear", model))
    verify_members(path)
    whole = bytearray(path.read_bytes())
    place = whole.index(model.classifier.weight.detach().numpy().tobytes())
    whole[place + 9] ^= 1
    path.write_bytes(whole)
    with pytest.raises(ValueError, match=r"is damaged: the checksum of .*data/\d+ in it"):
        verify_members(path)


def test_hparams_are_read_as_text(tmp_path: Path) -> None:
    path = tmp_path / "hparams.yaml"
    path.write_text(yaml.dump(hyper_parameters("mlp")))
    read = read_hparams(path)
    assert read["optimizer"] == "name:torch.optim.adamw.AdamW"
    assert (read["hidden_size"], read["dropout"]) == (5, 0.1)
    assert read["lr_scheduler_kwargs"]["step_size"] == 1
    trap = tmp_path / "trap"
    path.write_text(f"a: !!python/object/apply:os.mkdir ['{trap}']\n")
    assert read_hparams(path) == {"a": "object/apply:os.mkdir"}
    assert not trap.exists()
    for text in ("a: [1", "- 1\n- 2", "a: !other b"):
        path.write_text(text)
        with pytest.raises(ValueError, match=rf"{path.name}: is no hparams\.yaml"):
            read_hparams(path)


def test_a_stand_in_takes_anything_and_does_nothing() -> None:
    one = StandIn(1, "two")
    one.__setstate__({"step": 3})
    assert vars(one) == {}
