"""Try the file of a user's own loss on a small hierarchy, before the data are there."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from hce.command import run_script
from hce.extension.trial import run_trial, try_loss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loss", required=True, help="its name")
    parser.add_argument(
        "--loss-file", type=Path, required=True, help="Python file with the class Loss"
    )
    parser.add_argument("--loss-settings", default="{}", help="JSON")
    parser.add_argument("--device", default="cpu", help="of the trainings")
    parser.add_argument("--output", type=Path, required=True, help="text file to write")
    arguments = parser.parse_args()
    settings = json.loads(arguments.loss_settings)
    run_trial(
        lambda device: try_loss(arguments.loss, arguments.loss_file, settings, device),
        arguments.device,
        arguments.output,
    )


if __name__ == "__main__":
    run_script(main)
