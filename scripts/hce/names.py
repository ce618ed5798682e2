"""What the architectures and losses are called in tables and figures, in the paper's order."""

from __future__ import annotations

from collections.abc import Iterable

ARCHITECTURE_NAMES = {"linear": "Linear", "mlp": "MLP", "tabnet": "TabNet"}
LOSS_NAMES = {"ce": "CE", "hce": "HCE", "hce_permuted": "HCE, permuted R"}


def known_architectures(found: Iterable[str]) -> list[str]:
    """The paper's architectures, whether or not they ran, then any other that was found."""
    return [*ARCHITECTURE_NAMES, *sorted(set(found) - set(ARCHITECTURE_NAMES))]
