"""What a process of a rule imports before its work begins."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).parents[3] / "scripts"


def test_prediction_does_not_import_the_compiler() -> None:
    """It takes as long as importing the rest of PyTorch; a training needs it for its optimizer."""
    code = (
        "import sys, torch, predict, train_model\n"
        "from hce.models import build_model\n"
        "model = build_model('tabnet', 9, 3, n_d=4, n_a=2)\n"
        "logits, mask_loss = model(torch.rand(5, 9))\n"
        "(logits.sum() + mask_loss).backward()\n"
        "torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n"
        "print(sorted({'torch._dynamo', 'pytorch_tabnet'} & set(sys.modules)))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout == "[]\n", run.stderr
