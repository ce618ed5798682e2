"""Make a model of a checkpoint that the authors published, in place of training it.

The checkpoint is read without running what it may hold. What it says of hierarchy, class weights
and augmentations is compared with this run's, and the record says what came out.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

from hce.command import run_script
from hce.files import checked, sha256, write_atomically
from hce.hierarchy.files import read_cell_types, read_reachability
from hce.models import save_model
from hce.published.checkpoints import read_checkpoint, verify_members
from hce.published.convert import Wanted, convert
from hce.published.search import find_checkpoint, version_of
from hce.tables import read_table, write_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--checkpoint", type=Path, required=True, help="a .ckpt file, or a folder that holds it"
    )
    parser.add_argument("--architecture", required=True, help="linear, mlp or tabnet")
    parser.add_argument("--loss", required=True, help="ce or hce")
    parser.add_argument("--seed", type=int, required=True, help="of the model")
    parser.add_argument("--genes", type=Path, required=True, help="genes.parquet of the run")
    parser.add_argument("--cell-types", type=Path, required=True, help="cell_types.tsv of the run")
    parser.add_argument(
        "--reachability", type=Path, required=True, help="reachability.npz of the run"
    )
    parser.add_argument(
        "--augmentations", type=Path, nargs="?", help="of this run; leave out to compare none"
    )
    parser.add_argument("--data-source", default="unknown", help="said by the model file")
    parser.add_argument("--model", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--history", type=Path, required=True, help="CSV file to write")
    parser.add_argument("--record", type=Path, required=True, help="hyperparameters.json to write")
    arguments = parser.parse_args()
    path = find_checkpoint(
        arguments.checkpoint, arguments.architecture, arguments.loss, arguments.seed
    )
    checkpoint = read_checkpoint(path)
    verify_members(path)
    imported = convert(checkpoint, wanted(arguments))
    record = imported.record
    # the ID scores lie in a folder of the same number
    record["imported"] |= {"version": version_of(path), "sha256": sha256(path)}
    for what, said in record["imported"].items():
        print(f"{what}: {said}", flush=True)
    save_model(arguments.model, imported.weights, imported.facts)
    write_table(pd.DataFrame([imported.history]), arguments.history)
    with write_atomically(arguments.record) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n")


def wanted(arguments: argparse.Namespace) -> Wanted:
    """What the checkpoint shall be, from the files of this run.

    Raises
    ------
    ValueError
        If hierarchy and cell types are of different classes.
    """
    genes = read_table(arguments.genes, ["feature_id", "feature_name"])
    types = read_cell_types(arguments.cell_types)
    reachability, term_ids = read_reachability(arguments.reachability)
    if types["ontology_term_id"].tolist() != term_ids:
        raise ValueError(
            f"{arguments.reachability}: is of other classes than {arguments.cell_types}; make both "
            "again"
        )
    vectors = arguments.augmentations
    return Wanted(
        arguments.architecture,
        arguments.loss,
        arguments.seed,
        genes["feature_id"].tolist(),
        genes["feature_name"].tolist(),
        term_ids,
        types["label"].tolist(),
        reachability,
        types["class_weight"].to_numpy(),
        np.load(checked(vectors), mmap_mode="r") if vectors else None,
        arguments.data_source,
    )


if __name__ == "__main__":
    run_script(main)
