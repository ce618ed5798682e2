"""Write what other Cell Ontology releases say of the classes, and the scores they give."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd

from hce.command import run_script
from hce.evaluation.predictions import predicted_files, read_prediction
from hce.hierarchy.drift import (
    changed_relations,
    changes_in_words,
    confusion_matrix,
    hierarchy_sizes,
    scores_by_release,
)
from hce.hierarchy.files import read_cell_types, read_reachability
from hce.hierarchy.releases import format_obo, package_releases, read_package_terms
from hce.ontology import reachability, read_obo
from hce.tables import of_seeds, write_table


def main() -> None:
    """Build R for every release of the package, score all predictions with each."""
    arguments = _parse()
    matrix, term_ids = read_reachability(arguments.reachability)
    labels = read_cell_types(arguments.cell_types)["label"].tolist()
    used = str(read_obo(arguments.ontology).graph["release"])
    matrices = {}
    for release in package_releases():
        matrices[release] = reachability(_package_graph(release), term_ids)
    # the run's own release, which need not come from the package
    reference = next((name for name in matrices if name in used), f"{used} (this run)")
    matrices[reference] = matrix
    matrices = dict(sorted(matrices.items()))
    scores = []
    for file, path in predicted_files(arguments.predictions).items():
        table = read_prediction(path, ["class", "predicted_class"])
        confusion = confusion_matrix(
            table["class"].to_numpy(np.int64),
            table["predicted_class"].to_numpy(np.int64),
            len(matrix),
        )
        scores.append(scores_by_release(confusion, matrices).assign(**file._asdict()))
    changes = changed_relations(matrices, reference, labels)
    sizes = hierarchy_sizes(matrices, reference)
    sizes["changes"] = [changes_in_words(changes, release) for release in sizes["release"]]
    tables = {
        arguments.sizes: sizes,
        arguments.changes: changes,
        arguments.scores: pd.concat(scores, ignore_index=True),
    }
    source = of_seeds(arguments.data_source, tables[arguments.scores]["seed"])
    for path, table in tables.items():
        write_table(table, path, source)


def _package_graph(release: str) -> nx.DiGraph:
    """A release of the package, read by the code that reads downloaded ones."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cl.obo"
        path.write_text(format_obo(read_package_terms(release), release))
        return read_obo(path)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--predictions", type=Path, nargs="+", required=True, help="Parquet file of each model"
    )
    parser.add_argument("--ontology", type=Path, required=True, help="OBO file of the run")
    parser.add_argument("--reachability", type=Path, required=True, help="reachability.npz")
    parser.add_argument("--cell-types", type=Path, required=True, help="cell_types.tsv")
    parser.add_argument("--data-source", required=True, help="named in the tables")
    for output in ("sizes", "changes", "scores"):
        parser.add_argument(f"--{output}", type=Path, required=True, help="CSV to write")
    return parser.parse_args()


if __name__ == "__main__":
    run_script(main)
