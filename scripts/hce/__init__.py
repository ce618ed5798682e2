"""Hierarchical cross-entropy: the loss here, everything else in the modules beside."""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

_OF_LOSS = ("HierarchicalCrossEntropyLoss", "hierarchical_cross_entropy")
__all__ = ["__version__", *_OF_LOSS]


def __getattr__(name: str) -> object:
    # asked for, not always: who needs no loss does not wait for torch
    if name in _OF_LOSS:
        return getattr(import_module("hce.loss"), name)
    raise AttributeError(f"module 'hce' has no attribute {name!r}")
