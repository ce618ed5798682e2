"""Record which data a results folder holds."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from hce.command import run_script
from hce.files import write_atomically


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--identity", required=True, help="sections of the configuration, JSON")
    parser.add_argument("--output", type=Path, required=True, help="JSON file to write")
    arguments = parser.parse_args()
    with write_atomically(arguments.output) as temporary:
        temporary.write_text(json.dumps(json.loads(arguments.identity), indent=1) + "\n")


if __name__ == "__main__":
    run_script(main)
