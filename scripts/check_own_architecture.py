"""Try the file of a user's own architecture on a few random cells, before the data are there."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from hce.command import run_script
from hce.extension.trial import run_trial, try_architecture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architecture", required=True, help="its name")
    parser.add_argument(
        "--architecture-file", type=Path, required=True, help="Python file with the class Network"
    )
    parser.add_argument("--hyperparameters", default="{}", help="JSON")
    parser.add_argument("--batch-size", type=int, required=True, help="of the trainings")
    parser.add_argument("--device", default="cpu", help="of the trainings")
    parser.add_argument("--output", type=Path, required=True, help="text file to write")
    arguments = parser.parse_args()
    hyperparameters = json.loads(arguments.hyperparameters)
    run_trial(
        lambda device: try_architecture(
            arguments.architecture,
            arguments.architecture_file,
            hyperparameters,
            arguments.batch_size,
            device,
        ),
        arguments.device,
        arguments.output,
    )


if __name__ == "__main__":
    run_script(main)
