"""Find the files of the authors' record: the predictions and ID scores of each run."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from hce.command import run_script
from hce.published.layout import find_files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the record lies")
    parser.add_argument("--architectures", nargs="+", required=True, help="those of the run")
    parser.add_argument("--losses", nargs="+", required=True, help="those of the run")
    parser.add_argument("--seeds", type=int, nargs="+", required=True, help="those of the run")
    parser.add_argument(
        "--choose", type=json.loads, default={}, help="files that are to be taken, by run, JSON"
    )
    parser.add_argument(
        "--listed", nargs="*", default=[], help="tables that are downloaded when they are read"
    )
    parser.add_argument("--files", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    layout = find_files(
        arguments.folder,
        arguments.architectures,
        arguments.losses,
        arguments.seeds,
        arguments.choose,
        arguments.listed,
    )
    for name, path in layout.predictions.items():
        print(f"{name}: {path}; ID scores: {', '.join(layout.id_tables[name]) or 'none'}")
    print("\n".join(layout.notes))
    layout.write(arguments.files)


if __name__ == "__main__":
    run_script(main)
