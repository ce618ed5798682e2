"""Write the OOD predictions and the scores of some models in the authors' layout.

All probabilities of every cell are written, which the pipeline itself does not keep: so the models
predict again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import torch
from torch import nn

from hce.command import run_script
from hce.evaluation.predictions import on_host
from hce.extension.build import load_for
from hce.files import checked, write_atomically
from hce.hierarchy.files import read_cell_types
from hce.loader.batches import forward, sparse_batch
from hce.loader.reader import ShardReader
from hce.published.export import (
    PredictionTable,
    checkpoint_folder,
    id_folder,
    prediction_path,
    reports,
    write_reports,
)
from hce.published.layout import ID_TABLES
from hce.tables import read_table
from hce.training.inputs import model_input

CELLS = ["soma_joinid", "cell_type", "assay", "dataset_id", "donor", "disease", "tissue"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, what in (
        ("models", "of the seeds of one architecture and loss"),
        ("records", "their hyperparameters.json"),
        ("test-scores", "their ID scores"),
        ("ood-scores", "their OOD scores"),
    ):
        parser.add_argument(f"--{name}", type=Path, nargs="+", required=True, help=what)
    parser.add_argument("--seeds", type=int, nargs="+", required=True, help="of the models")
    parser.add_argument("--manifest", type=Path, required=True, help="of the shards")
    parser.add_argument("--cells", type=Path, required=True, help="cells.parquet of the run")
    parser.add_argument("--cell-types", type=Path, required=True, help="cell_types.tsv of the run")
    parser.add_argument("--architecture", required=True, help="linear, mlp or tabnet")
    parser.add_argument("--loss", required=True, help="ce or hce")
    parser.add_argument("--batch-size", type=int, default=2048, help="cells of a batch")
    parser.add_argument(
        "--device", default="cuda" if torch.cuda.is_available() else "cpu", help="cpu or cuda"
    )
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch")
    parser.add_argument("--export", type=Path, required=True, help="folder to write into")
    parser.add_argument("--listing", type=Path, required=True, help="text file: what was written")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    architecture, loss = arguments.architecture, arguments.loss
    cell_types = read_cell_types(arguments.cell_types)
    reader = ShardReader(arguments.manifest, "ood", "stream", device)
    term_ids = cell_types["ontology_term_id"].tolist()
    models = [
        load_for(path, reader.n_genes, term_ids, None).to(device) for path in arguments.models
    ]
    cells = read_table(arguments.cells, CELLS, filters=[("split", "==", "ood")])
    cells["donor_id"] = [
        donor.removeprefix(f"{study}_")
        for study, donor in zip(cells["dataset_id"], cells["donor"], strict=True)
    ]
    written, outputs = [], []
    runs = (arguments.seeds, arguments.records, arguments.test_scores, arguments.ood_scores)
    for seed, record, test, ood in zip(*runs, strict=True):
        facts = json.loads(checked(record).read_text(encoding="utf-8"))
        folder = checkpoint_folder(arguments.export, architecture, loss, seed, facts)
        held_out = id_folder(arguments.export, architecture, loss, seed)
        for scores, where in ((test, held_out), (ood, folder)):
            found = reports(read_table(scores), cell_types)
            if where == held_out:
                found = {name: table for name, table in found.items() if name in ID_TABLES}
            written += write_reports(found, where, architecture)
        outputs.append(prediction_path(folder, architecture))
    with ExitStack() as stack:
        tables = [
            stack.enter_context(PredictionTable(path, cells, cell_types["label"].tolist()))
            for path in outputs
        ]
        export(models, reader, tables, arguments.batch_size)
    with write_atomically(arguments.listing) as temporary:
        temporary.write_text("".join(f"{path}\n" for path in [*outputs, *written]))


@torch.inference_mode()
def export(
    models: Sequence[nn.Module],
    reader: ShardReader,
    tables: Sequence[PredictionTable],
    batch_size: int,
) -> None:
    """Write the probabilities that each model gives each cell into its table."""
    for cells in reader.in_order(batch_size):
        expression, _ = sparse_batch(cells)
        for model, table in zip(models, tables, strict=True):
            logits, _ = forward(model, model_input(expression, model, "auto"))
            probability = torch.softmax(logits, dim=1)
            table.add(cells.soma_joinid, cells.label, on_host(probability))


if __name__ == "__main__":
    run_script(main)
