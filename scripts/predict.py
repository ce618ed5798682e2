"""Predict the cell type of every cell of some splits with some trained models.

The cells are read once for all models, which are those of the seeds of one architecture and loss.
And count what the safe call would be at a ladder of thresholds.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from hce.command import run_script
from hce.decode import decide
from hce.evaluation.predictions import on_host, prediction_batch, prediction_writer
from hce.evaluation.thresholds import THRESHOLD_CALLS, ThresholdCounts
from hce.extension.build import load_for
from hce.hierarchy.files import read_cell_types, read_reachability
from hce.loader.batches import forward, sparse_batch
from hce.loader.reader import ShardReader
from hce.tables import write_table
from hce.training.inputs import model_input


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, nargs="+", required=True, help="of one architecture")
    parser.add_argument(
        "--architecture-file", type=Path, nargs="?", help="if it is not the paper's"
    )
    parser.add_argument("--manifest", type=Path, required=True, help="of the shards")
    parser.add_argument(
        "--cell-types", type=Path, required=True, help="cell_types.tsv: the classes"
    )
    parser.add_argument(
        "--reachability", type=Path, required=True, help="reachability.npz: R of the classes"
    )
    parser.add_argument("--seeds", type=int, nargs="+", required=True, help="of the models")
    parser.add_argument("--splits", nargs="+", required=True, help="train, val, test or ood")
    parser.add_argument("--batch-size", type=int, default=2048, help="cells at a time")
    parser.add_argument(
        "--threshold", type=float, default=0.5, help="least score s of a step of the safe call"
    )
    parser.add_argument(
        "--device",
        default="cuda" if torch.cuda.is_available() else "cpu",
        help="cpu, cuda or another of PyTorch's",
    )
    parser.add_argument("--threads", type=int, default=1, help="cores to use")
    parser.add_argument(
        "--predictions",
        type=Path,
        nargs="+",
        required=True,
        help="Parquet files to write: of all models for the first split, then for the next",
    )
    parser.add_argument(
        "--threshold-calls",
        type=Path,
        required=True,
        help="Parquet file to write: safe calls at a ladder of thresholds, counted",
    )
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    term_ids = read_cell_types(arguments.cell_types)["ontology_term_id"].tolist()
    reachability = torch.from_numpy(read_reachability(arguments.reachability)[0]).to(device)
    n_models = len(arguments.models)
    if len(arguments.seeds) != n_models:
        parser.error("--seeds: one for each model")
    if len(arguments.predictions) != n_models * len(arguments.splits):
        parser.error("--predictions: one file for each model and split")
    readers = [
        ShardReader(arguments.manifest, split, "stream", device) for split in arguments.splits
    ]
    models = [
        load_for(path, readers[0].n_genes, term_ids, arguments.architecture_file).to(device)
        for path in arguments.models
    ]
    outputs = np.reshape(arguments.predictions, (len(readers), n_models))
    counted = []
    for split, reader, paths in zip(arguments.splits, readers, outputs, strict=True):
        counts = predict(
            models, reader, reachability, arguments.batch_size, arguments.threshold, paths
        )
        for seed, count in zip(arguments.seeds, counts, strict=True):
            counted.append(count.table().assign(split=split, seed=seed))
        print(f"{split}: {reader.n_cells:,} cells, {n_models} models", flush=True)
    table = pd.concat(counted, ignore_index=True)[THRESHOLD_CALLS]
    write_table(table, arguments.threshold_calls)


@torch.inference_mode()
def predict(
    models: Sequence[nn.Module],
    reader: ShardReader,
    reachability: torch.Tensor,
    batch_size: int,
    threshold: float,
    paths: Sequence[Path],
) -> list[ThresholdCounts]:
    """Write what each model calls each cell by every decision rule, with p and s = R p.

    Returns
    -------
    list
        The counts of each model at a ladder of thresholds.
    """
    counts = [ThresholdCounts(len(reachability)) for _ in models]
    with ExitStack() as stack:
        writers = [stack.enter_context(prediction_writer(path)) for path in paths]
        for cells in reader.in_order(batch_size):
            expression, _ = sparse_batch(cells)
            for model, writer, count in zip(models, writers, counts, strict=True):
                logits, _ = forward(model, model_input(expression, model, "auto"))
                probability = torch.softmax(logits, dim=1)
                said = decide(probability, reachability, threshold)
                writer.write_batch(
                    prediction_batch(cells.soma_joinid, cells.label, probability, said)
                )
                # on the host: a GPU adds in any order, and the sums would differ in the last bits
                count.add(cells.label, *map(on_host, said.walk))
    return counts


if __name__ == "__main__":
    run_script(main)
