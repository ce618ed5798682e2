"""Write a trained model as the authors' code would have left it, for their notebooks to read.

The folder of --hparams, their version_0, gets checkpoints/val_f1_macro_epoch=E_val_f1_macro=F.ckpt
and parameters.json too.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from hce.files import checked
from hce.hierarchy.files import read_cell_types
from hce.models import load_model
from hce.published.checkpoint_export import export_run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="model.safetensors")
    parser.add_argument("--record", type=Path, required=True, help="its hyperparameters.json")
    parser.add_argument("--cell-types", type=Path, required=True, help="for the class weights")
    parser.add_argument(
        "--augmentations", type=Path, nargs="?", help="if the model was trained with them"
    )
    parser.add_argument("--hparams", type=Path, required=True, help="hparams.yaml to write")
    arguments = parser.parse_args()
    if arguments.hparams.name != "hparams.yaml":
        parser.error(f"--hparams: must be called hparams.yaml, got {arguments.hparams.name}")
    vectors = arguments.augmentations
    path = export_run(
        arguments.hparams.parent,
        load_model(arguments.model),
        json.loads(checked(arguments.record).read_text()),
        read_cell_types(arguments.cell_types)["class_weight"].to_numpy(),
        np.load(checked(vectors)) if vectors else None,
    )
    print(path)


if __name__ == "__main__":
    main()
