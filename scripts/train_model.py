"""Train one model: one architecture, one loss, one seed."""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from hce.extension.build import build_any_loss, build_any_model
from hce.files import checked, sha256, write_atomically
from hce.hierarchy.files import read_cell_types, read_reachability
from hce.loader.reader import open_splits
from hce.models import ModelFacts, save_model
from hce.storage.residency import MB, overhead
from hce.tables import write_table
from hce.training.lock import sole_writer
from hce.training.loop import Trainer, TrainingParameters
from hce.training.state import checkpoint_key


def main() -> None:
    arguments = parse_arguments()
    with sole_writer(arguments.model.parent, checkpoint_path(arguments).stem, say) as finished:
        if finished and arguments.model.is_file():
            say("another process has just finished this training")
        else:
            train(arguments)


def say(line: str) -> None:
    """Print a line at once: the log is read while the training runs."""
    print(line, flush=True)


def train(arguments: argparse.Namespace) -> None:
    """Train the model of the command line and write it."""
    torch.set_num_threads(arguments.threads)
    torch.set_float32_matmul_precision("high")  # as scTab; matters on GPUs with TF32 only
    device = torch.device(arguments.device)
    parameters = training_parameters(arguments.training)
    # now: they may be edited while the training runs
    own_files = {path.as_posix(): sha256(path) for path in own_paths(arguments)}
    trainer = build_trainer(arguments, parameters, device)
    say(
        f"{arguments.architecture}, {arguments.loss}, seed {arguments.seed}: "
        f"{trainer.train.n_cells:,} training cells, {trainer.validation.n_cells:,} validation "
        f"cells, {trainer.train.n_genes:,} genes, device {device}, {arguments.threads} threads\n"
        f"training cells: {trainer.train.kept}; validation cells: {trainer.validation.kept}"
    )
    facts = model_facts(arguments, trainer)
    weights = trainer.run(report=say)
    save_model(arguments.model, weights, facts)
    write_records(arguments, parameters, trainer, own_files)
    # those of trainings that were given up, with other hyperparameters, go too
    for checkpoint in arguments.model.parent.glob("*checkpoint-*.safetensors"):
        checkpoint.unlink()


def model_facts(arguments: argparse.Namespace, trainer: Trainer) -> ModelFacts:
    """What the model file says of the model, so that it can be used alone."""
    types = read_cell_types(arguments.cell_types)
    reachability, _ = read_reachability(arguments.reachability)
    return ModelFacts(
        arguments.architecture,
        json.loads(arguments.hyperparameters),
        *trainer.train.gene_names(),
        types["ontology_term_id"].tolist(),
        types["label"].tolist(),
        reachability,
        {
            "data_source": arguments.data_source,
            "loss": arguments.loss,
            "seed": arguments.seed,
            "training_cells": trainer.train.n_cells,
        },
    )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--architecture", required=True, help="linear, mlp, tabnet or a name of your own"
    )
    parser.add_argument(
        "--architecture-file", type=Path, nargs="?", help="if it is not the paper's"
    )
    parser.add_argument("--loss", required=True, help="ce, hce, or that of --loss-file")
    parser.add_argument("--loss-file", type=Path, nargs="?", help="if it is not the paper's")
    parser.add_argument("--loss-settings", default="{}", help="of --loss-file, JSON")
    parser.add_argument("--seed", type=int, required=True, help="of the random numbers")
    parser.add_argument("--hyperparameters", default="{}", help="of the architecture, JSON")
    parser.add_argument("--training", default="{}", help="TrainingParameters, JSON")
    parser.add_argument("--manifest", type=Path, required=True, help="manifest.json of the shards")
    parser.add_argument(
        "--cell-types", type=Path, required=True, help="cell_types.tsv: the classes"
    )
    parser.add_argument(
        "--reachability", type=Path, required=True, help="the true hierarchy, for validation"
    )
    parser.add_argument(
        "--loss-reachability",
        type=Path,
        nargs="?",
        help="hierarchy of the loss, if not the true one",
    )
    parser.add_argument("--data-source", default="unknown", help="said by the model file")
    parser.add_argument("--augmentations", type=Path, nargs="?", help="leave out to train without")
    parser.add_argument(
        "--code",
        required=True,
        help="its fingerprint (snakemake -p prints it); a checkpoint of other code is not resumed",
    )
    parser.add_argument(
        "--device",
        default="cuda" if torch.cuda.is_available() else "cpu",
        help="cpu, cuda or another of PyTorch's",
    )
    parser.add_argument("--threads", type=int, default=1, help="cores to use")
    parser.add_argument(
        "--memory", type=float, default=math.inf, help="MB it may take; leave out for no limit"
    )
    parser.add_argument("--model", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--history", type=Path, required=True, help="CSV file to write")
    parser.add_argument("--record", type=Path, required=True, help="hyperparameters.json to write")
    return parser.parse_args()


def training_parameters(text: str) -> TrainingParameters:
    """Parse the parameters of the loop, refusing names it does not know."""
    given = json.loads(text)
    unknown = sorted(set(given) - {field.name for field in fields(TrainingParameters)})
    if unknown:
        raise ValueError(f"unknown training parameter {', '.join(unknown)}")
    return TrainingParameters(**given)


def build_trainer(
    arguments: argparse.Namespace, parameters: TrainingParameters, device: torch.device
) -> Trainer:
    """Put model, loss and data together, the weights drawn from the seed."""
    reachability, term_ids = read_reachability(arguments.reachability)
    loss_reachability, _ = read_reachability(arguments.loss_reachability or arguments.reachability)
    weight = torch.from_numpy(read_cell_types(arguments.cell_types)["class_weight"].to_numpy())
    # before the cells are read, which takes longer than to find a mistake in a user's file
    torch.manual_seed(arguments.seed)
    loss = build_any_loss(
        arguments.loss,
        arguments.loss_file,
        torch.from_numpy(loss_reachability),
        weight,
        json.loads(arguments.loss_settings),
        device,
    )
    augmentations = None
    if arguments.augmentations:
        augmentations = torch.from_numpy(np.load(checked(arguments.augmentations))).to(device)
    train, validation = open_splits(
        arguments.manifest,
        {"train": parameters.shuffle_window, "val": 1},
        parameters.residency,
        device,
        arguments.memory * MB,
        partial(
            overhead,
            batch_size=parameters.batch_size,
            n_vectors=0 if augmentations is None else len(augmentations),
            gpu=device.type == "cuda",
        ),
    )
    torch.manual_seed(arguments.seed)
    model = build_any_model(
        arguments.architecture,
        train.n_genes,
        len(term_ids),
        arguments.architecture_file,
        **json.loads(arguments.hyperparameters),
    )
    return Trainer(
        model.to(device),
        loss,
        reachability,
        train,
        validation,
        parameters,
        arguments.seed,
        device,
        augmentations,
        checkpoint_path(arguments),
    )


def checkpoint_path(arguments: argparse.Namespace) -> Path:
    """Name the running checkpoint after everything that determines the result."""
    inputs = [arguments.manifest, arguments.cell_types, arguments.reachability]
    inputs += [path for path in (arguments.loss_reachability, arguments.augmentations) if path]
    names: tuple[str, ...]
    names = ("architecture", "loss", "seed", "hyperparameters", "training", "device", "threads")
    names += ("loss_settings", "code")
    settings = {name: getattr(arguments, name) for name in names}
    key = checkpoint_key(settings, inputs + own_paths(arguments))
    return arguments.model.parent / f"checkpoint-{key}.safetensors"


def own_paths(arguments: argparse.Namespace) -> list[Path]:
    """A user's own files that define the architecture or the loss."""
    return [path for path in (arguments.architecture_file, arguments.loss_file) if path]


def write_records(
    arguments: argparse.Namespace,
    parameters: TrainingParameters,
    trainer: Trainer,
    own_files: dict[str, str],
) -> None:
    """Write the history (its two speed columns differ from run to run) and the hyperparameters.

    Of a user's own files (path, SHA-256) the record has an entry only if there are any.
    """
    write_table(pd.DataFrame(trainer.progress.history), arguments.history)
    record = {
        "architecture": arguments.architecture,
        "loss": arguments.loss,
        "seed": arguments.seed,
        "model": json.loads(arguments.hyperparameters),
        "training": asdict(parameters),
        "augmentation": arguments.augmentations is not None,
        "n_genes": trainer.train.n_genes,
        "n_cell_types": len(trainer.reachability),
        "best_epoch": trainer.progress.best_epoch + 1,
        "best_validation_macro_f1": trainer.progress.best_macro_f1,
        "parameters": sum(weight.numel() for weight in trainer.model.parameters()),
    }
    if own_files:
        record["own_files_sha256"] = own_files
    if arguments.loss_file:
        record["loss_settings"] = json.loads(arguments.loss_settings)
    with write_atomically(arguments.record) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
