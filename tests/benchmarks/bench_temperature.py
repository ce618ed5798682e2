"""Does temperature scaling mend the scores s = R p of a finished run? (docs/calibration.md)

One temperature a model is fitted on the validation cells, by the likelihood of the labels: as the
model was trained (-log s of the label for HCE, -log p for CE), or by -log p for both. Printed are
means over seeds, for the two tests: ECE of s of the argmax and of the safe call; and of the safe
calls the mean s, the share whose label is the call or below it, the share that lies below the label
(nobody can tell whether they are right), and the share that calls leaves.

Run: PYTHONPATH=scripts python tests/benchmarks/bench_temperature.py --results results
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn

from hce import decode
from hce.evaluation.calibration import expected_calibration_error, reliability
from hce.hierarchy.files import read_cell_types, read_reachability
from hce.loader.batches import forward, sparse_batch
from hce.loader.reader import ShardReader
from hce.names import LOSSES
from hce.training.inputs import model_input
from hce.training.state import load_model

THRESHOLD = 0.8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, required=True, help="folder of a finished run")
    results = parser.parse_args().results
    term_ids = read_cell_types(results / "ontology/cell_types.tsv")["ontology_term_id"].tolist()
    hierarchy = torch.from_numpy(read_reachability(results / "ontology/reachability.npz")[0])
    flat = torch.eye(len(hierarchy), dtype=torch.bool)
    manifest, cpu = results / "shards/manifest.json", torch.device("cpu")
    readers = {s: ShardReader(manifest, s, "stream", cpu) for s in ("val", "test", "ood")}
    rows = []
    for path in sorted((results / "models").glob("*/*/seed*/model.safetensors")):
        architecture, loss = path.parts[-4:-2]
        if loss not in LOSSES:
            continue
        model = load_model(path, readers["val"].n_genes, term_ids)
        given = {split: logits_of(model, reader) for split, reader in readers.items()}
        fits = {
            "none": 1.0,
            "as trained": fit(*given["val"], hierarchy if loss == "hce" else flat),
            "by -log p": fit(*given["val"], flat),
        }
        for split in ("test", "ood"):
            for name, temperature in fits.items():
                run = {"split": split, "architecture": architecture, "loss": loss, "fit": name}
                found = calibration(*given[split], temperature, hierarchy)
                rows.append(run | {"T": temperature} | found)
    table = pd.DataFrame(rows).groupby(["split", "architecture", "loss", "fit"], sort=False)
    print(table.mean().round(3).to_string())


@torch.inference_mode()
def logits_of(model: nn.Module, reader: ShardReader) -> tuple[Tensor, Tensor]:
    """Logits (float B x C) and labels (int64 B) of all cells of a split."""
    logits, labels = [], []
    for cells in reader.in_order(4096):
        expression, label = sparse_batch(cells)
        logits.append(forward(model, model_input(expression, model, "auto"))[0])
        labels.append(label)
    return torch.cat(logits), torch.cat(labels)


def fit(logits: Tensor, labels: Tensor, rows: Tensor) -> float:
    """The temperature of the greatest likelihood; a label's probability is that of its row of R."""
    left_out = torch.zeros(len(labels), len(rows)).masked_fill(~rows[labels], -torch.inf)
    logits = logits.clone()  # out of inference mode
    log_temperature = torch.zeros((), requires_grad=True)
    optimizer = torch.optim.LBFGS([log_temperature], max_iter=100, line_search_fn="strong_wolfe")

    def step() -> Tensor:
        optimizer.zero_grad()
        log_p = torch.log_softmax(logits / log_temperature.exp(), dim=1)
        loss = -torch.logsumexp(log_p + left_out, dim=1).mean()
        loss.backward()
        return loss.detach()

    optimizer.step(step)
    return float(log_temperature.detach().exp())


def calibration(
    logits: Tensor, labels: Tensor, temperature: float, hierarchy: Tensor
) -> dict[str, float]:
    """What is printed of one model, temperature and split."""
    probability = torch.softmax(logits / temperature, dim=1)
    score = decode.scores(probability, hierarchy)
    calls = {
        "argmax": decode.argmax(probability),
        "safe": decode.descend(probability, hierarchy, THRESHOLD),
    }
    found = {}
    for rule, call in calls.items():
        said, right = score.gather(1, call.unsqueeze(1)).squeeze(1), hierarchy[call, labels]
        table = reliability(said.double().numpy(), right.numpy())
        found[f"ece_{rule}"] = expected_calibration_error(table)
    finer, leaf = hierarchy[labels, call] & ~right, hierarchy.sum(dim=1)[call] == 1
    parts = {"said": said, "right": right, "finer": finer, "leaf": leaf}
    return found | {f"safe_{name}": float(part.float().mean()) for name, part in parts.items()}


if __name__ == "__main__":
    main()
