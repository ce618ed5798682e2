"""AdamW from PyTorch's own kernel, without its `Optimizer`.

Making or stepping any `torch.optim.Optimizer` imports torch._dynamo, the tracer of torch.compile.
That doubles the time of importing PyTorch: 1.4 s on a busy core, where a linear training of the
demo takes 8 s; nothing uses it. The state dict is that of `torch.optim.AdamW` with `fused`, and so
are the weights, to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw


class AdamW:
    """Decoupled weight decay (Loshchilov & Hutter 2019), all parameters in one kernel.

    Parameters
    ----------
    parameters
        On one device, float.
    learning_rate
        Also `param_groups[0]["lr"]`, where it may be changed between steps.
    weight_decay
        Times the learning rate.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], learning_rate: float, weight_decay: float
    ) -> None:
        self.param_groups: list[dict[str, Any]] = [
            {
                "params": list(parameters),
                "lr": learning_rate,
                "betas": (0.9, 0.999),
                "eps": 1e-8,
                "weight_decay": weight_decay,
            }
        ]
        self.state: dict[int, dict[str, Tensor]] = {}

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.param_groups[0]["params"]:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Change the parameters that have a gradient."""
        (group,) = self.param_groups
        used = [i for i, parameter in enumerate(group["params"]) if parameter.grad is not None]
        parameters = [group["params"][i] for i in used]
        for i in used:
            if i not in self.state:
                self.state[i] = _new_slots(group["params"][i])
        slots = [self.state[i] for i in used]
        beta1, beta2 = group["betas"]
        adamw(
            parameters,
            [parameter.grad for parameter in parameters],
            [slot["exp_avg"] for slot in slots],
            [slot["exp_avg_sq"] for slot in slots],
            [],
            [slot["step"] for slot in slots],
            fused=True,
            amsgrad=False,
            beta1=beta1,
            beta2=beta2,
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return the slots of each parameter by its position, and the hyperparameters."""
        (group,) = self.param_groups
        return {
            "state": self.state,
            "param_groups": [group | {"params": list(range(len(group["params"])))}],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the slots and hyperparameters of another one over, on this one's devices."""
        (group,), (other,) = self.param_groups, state["param_groups"]
        group |= {name: value for name, value in other.items() if name != "params"}
        self.state = {
            position: {
                name: value.to(group["params"][position].device) for name, value in slots.items()
            }
            for position, slots in state["state"].items()
        }


def _new_slots(parameter: nn.Parameter) -> dict[str, Tensor]:
    return {
        "step": torch.zeros((), device=parameter.device),
        "exp_avg": torch.zeros_like(parameter),
        "exp_avg_sq": torch.zeros_like(parameter),
    }
