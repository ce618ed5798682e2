"""Write a wrong hierarchy: the labels of R permuted, or random trees of the same depths."""

from __future__ import annotations

import argparse
from pathlib import Path

from hce.command import run_script
from hce.hierarchy.classes import permute_hierarchy, random_hierarchy
from hce.hierarchy.files import read_reachability, write_reachability

CONTROLS = {"permuted": permute_hierarchy, "random": random_hierarchy}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--control", choices=CONTROLS, required=True, help="which wrong hierarchy")
    parser.add_argument(
        "--reachability", type=Path, required=True, help="reachability.npz: R of the classes"
    )
    parser.add_argument("--seed", type=int, required=True, help="of the random numbers")
    parser.add_argument("--output", type=Path, required=True, help="matrix to write")
    arguments = parser.parse_args()
    matrix, term_ids = read_reachability(arguments.reachability)
    wrong = CONTROLS[arguments.control](matrix, arguments.seed)
    write_reachability(arguments.output, wrong, term_ids)
    pairs, right = (int(found.sum()) - len(wrong) for found in (wrong, wrong & matrix))
    print(f"{arguments.control}: {pairs:,} pairs of an ancestor and a descendant, {right:,} right")


if __name__ == "__main__":
    run_script(main)
