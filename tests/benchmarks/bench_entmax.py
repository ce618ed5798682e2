"""1.5-entmax of pytorch-tabnet (full sort), of the entmax library as TabNet asks for it (partial
sort), and as its nonzero part alone (`hce.networks.tabnet_mask`): forward, one thread.

Run: PYTHONPATH=scripts python tests/benchmarks/bench_entmax.py
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytorch_tabnet.sparsemax
import torch
from entmax import Entmax15
from torch import Tensor

from hce.networks.tabnet import FIRST_K
from hce.networks.tabnet_mask import entmax15_support

SIZES = ((256, 600), (2_048, 19_331))
ROUNDS = 3


def main() -> None:
    torch.set_num_threads(1)
    for batch, n_genes in SIZES:
        logits = torch.randn(batch, n_genes, generator=torch.Generator().manual_seed(0))
        full = seconds(pytorch_tabnet.sparsemax.Entmax15(dim=-1), logits)
        partial = seconds(Entmax15(dim=1, k=FIRST_K), logits)
        support = seconds(lambda z: entmax15_support(z.numpy()), logits)
        print(
            f"{batch:,} x {n_genes:,}: full sort {full:.4f} s, partial sort {partial:.4f} s, "
            f"nonzero part {support:.4f} s"
        )


def seconds(function: Callable[[Tensor], object], logits: Tensor) -> float:
    """CPU seconds of one call, the best of some."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        function(logits)
        best = min(best, time.process_time() - start)
    return best


if __name__ == "__main__":
    main()
