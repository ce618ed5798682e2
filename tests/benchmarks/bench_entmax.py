"""Entmax without a full sort against pytorch-tabnet's (`hce.networks.tabnet_mask`), one thread.

Run: PYTHONPATH=scripts python tests/benchmarks/bench_entmax.py
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from pytorch_tabnet.sparsemax import entmax15
from torch import Tensor

from hce.networks.tabnet_mask import Entmax15

SIZES = ((256, 600), (2_048, 19_331))
ROUNDS = 3


def main() -> None:
    torch.set_num_threads(1)
    for batch, n_genes in SIZES:
        logits = torch.randn(batch, n_genes, generator=torch.Generator().manual_seed(0))
        full = seconds(lambda z: entmax15(z, -1), logits)
        partial = seconds(Entmax15(), logits)
        ratio = full / partial
        print(
            f"{batch:,} x {n_genes:,}: full sort {full:.4f} s, ours {partial:.4f} s, {ratio:.1f}x"
        )


def seconds(function: Callable[[Tensor], Tensor], logits: Tensor) -> float:
    """CPU seconds of one call, the best of some."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        function(logits)
        best = min(best, time.process_time() - start)
    return best


if __name__ == "__main__":
    main()
