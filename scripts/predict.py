"""Predict the cell type of every cell of one split with one trained model."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from torch import nn

from hce.evaluation.predictions import SCHEMA, write_predictions
from hce.extension.build import build_any_model
from hce.hierarchy.files import read_cell_types, read_reachability
from hce.loader.batches import forward, sparse_batch
from hce.loader.reader import ShardReader
from hce.training.inputs import model_input
from hce.training.state import load_model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--architecture-file", type=Path, help="if it is not the paper's")
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--cell-types", type=Path, required=True)
    parser.add_argument("--reachability", type=Path, required=True)
    parser.add_argument("--splits", nargs="+", required=True)
    parser.add_argument("--batch-size", type=int, default=2048)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--predictions", type=Path, nargs="+", required=True, help="Parquet file for each split"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    term_ids = read_cell_types(arguments.cell_types)["ontology_term_id"].tolist()
    reachability = torch.from_numpy(read_reachability(arguments.reachability)[0]).to(device)
    build = partial(build_any_model, file=arguments.architecture_file)
    for split, path in zip(arguments.splits, arguments.predictions, strict=True):
        reader = ShardReader(arguments.manifest, split, "stream", device)
        model = load_model(arguments.model, reader.n_genes, term_ids, build).to(device)
        write_predictions(path, predict(model, reader, reachability, arguments.batch_size))
        print(f"{path}: {reader.n_cells:,} cells", flush=True)


@torch.inference_mode()
def predict(
    model: nn.Module, reader: ShardReader, reachability: torch.Tensor, batch_size: int
) -> Iterator[pa.RecordBatch]:
    """Yield the most probable class of each cell, its probability p and its score s = R p."""
    for cells in reader.in_order(batch_size):
        expression, _ = sparse_batch(cells)
        logits, _ = forward(model, model_input(expression, model, "auto"))
        probabilities = torch.softmax(logits, dim=1)
        probability, predicted = probabilities.max(dim=1)
        score = (probabilities * reachability[predicted]).sum(dim=1)
        yield pa.record_batch(
            [
                cells.soma_joinid,
                cells.label,
                predicted.cpu().numpy().astype(np.int16),
                probability.cpu().numpy(),
                score.cpu().numpy(),
            ],
            schema=SCHEMA,
        )


if __name__ == "__main__":
    main()
