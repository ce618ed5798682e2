"""Write Supplementary Tables 1-3: the hyperparameters that each architecture was trained with."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from hce.command import run_script
from hce.files import checked
from hce.report.hyperparameters import hyperparameter_table
from hce.tables import of_seeds, write_table

TABLES = {"tableS1": "linear", "tableS2": "mlp", "tableS3": "tabnet"}


def main() -> None:
    """Read what the trainings recorded, write one table an architecture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--hyperparameters", type=Path, nargs="*", required=True, help="JSON of each model, or none"
    )
    parser.add_argument("--data-source", required=True, help="named in the tables")
    for name in TABLES:
        parser.add_argument(f"--{name}", type=Path, required=True, help="TSV to write")
    arguments = parser.parse_args()
    models = [json.loads(checked(path).read_text()) for path in arguments.hyperparameters]
    source = of_seeds(arguments.data_source, (model["seed"] for model in models))
    for name, architecture in TABLES.items():
        table = hyperparameter_table(models, architecture)
        write_table(table, getattr(arguments, name), source)


if __name__ == "__main__":
    run_script(main)
