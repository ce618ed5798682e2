"""Write a trained model as the authors' code would have left it, for their notebooks to read.

In --export, tb_logs/cxg_2023_05_15_mlp_hierarchical_loss/default/version_0/ (or its like) gets
checkpoints/val_f1_macro_epoch=E_val_f1_macro=F.ckpt, parameters.json and hparams.yaml.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from hce.command import run_script
from hce.files import checked, write_atomically
from hce.hierarchy.files import read_cell_types
from hce.models import load_model
from hce.published.checkpoint_export import export_run, run_folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="model.safetensors")
    parser.add_argument("--record", type=Path, required=True, help="its hyperparameters.json")
    parser.add_argument("--cell-types", type=Path, required=True, help="for the class weights")
    parser.add_argument(
        "--augmentations", type=Path, nargs="?", help="if the model was trained with them"
    )
    parser.add_argument("--export", type=Path, required=True, help="folder to write into")
    parser.add_argument("--listing", type=Path, required=True, help="text file: what was written")
    arguments = parser.parse_args()
    vectors = arguments.augmentations
    model = load_model(arguments.model)
    written = export_run(
        arguments.export / run_folder(model.facts),
        model,
        json.loads(checked(arguments.record).read_text()),
        read_cell_types(arguments.cell_types)["class_weight"].to_numpy(),
        np.load(checked(vectors)) if vectors else None,
    )
    with write_atomically(arguments.listing) as temporary:
        temporary.write_text("".join(f"{path}\n" for path in written))


if __name__ == "__main__":
    run_script(main)
