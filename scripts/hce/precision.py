"""The precision of the forward and backward pass: float32, or bfloat16 where it is asked for."""

from __future__ import annotations

import warnings

import torch

PRECISIONS = ("float32", "bfloat16")


def check_precision(precision: str, device: torch.device) -> None:
    """Refuse a precision that a device does not have, and warn where it saves nothing.

    Raises
    ------
    ValueError
        If the precision is unknown, or the GPU has no bfloat16.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"unknown precision {precision!r}; known: {', '.join(PRECISIONS)}")
    if precision == "float32":
        return
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise ValueError(
            f"{torch.cuda.get_device_name(device)} does not compute in bfloat16; set "
            "training.precision to float32"
        )
    if device.type == "cpu":
        warnings.warn(
            "training.precision bfloat16 is meant for GPUs: on a CPU it rounds the results, and "
            "sparse first layers stay in float32",
            stacklevel=2,
        )


def reduced_precision(precision: str, device: torch.device) -> torch.autocast:
    """Context in which matrix products are computed in the precision; weights stay float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")
