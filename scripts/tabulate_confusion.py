"""Write what cells of the OOD set are mistaken for with CE and with HCE."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from hce.confusion_tables import KEYS, corrected_counts, relation_counts, relation_matrix
from hce.files import write_atomically
from hce.hierarchy_files import read_reachability
from hce.prediction_files import read_prediction, runs_of


def main() -> None:
    """Read the predictions pair by pair, write the relations and the corrected mistakes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--predictions", type=Path, required=True, help="folder of all models")
    parser.add_argument("--architectures", nargs="+", required=True)
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--reachability", type=Path, required=True, help="reachability.npz")
    parser.add_argument("--data-source", required=True, help="named in the tables")
    parser.add_argument("--relations", type=Path, required=True, help="CSV to write")
    parser.add_argument("--corrected", type=Path, required=True, help="CSV to write")
    arguments = parser.parse_args()
    relations = relation_matrix(read_reachability(arguments.reachability)[0])
    counts, corrected = [], []
    for architecture, seed in runs_of(arguments.architectures, arguments.seeds):
        pair = {}
        for loss in ("ce", "hce"):
            table = read_prediction(arguments.predictions, (architecture, loss, seed), "ood")
            pair[loss] = table
            labels = table["class"].to_numpy(np.int64)
            found = relation_counts(labels, table["predicted_class"].to_numpy(np.int64), relations)
            row = dict(zip(KEYS, (architecture, loss, seed), strict=True))
            counts.append(found.rename_axis("relation").reset_index().assign(**row))
        if not np.array_equal(pair["ce"]["soma_joinid"], pair["hce"]["soma_joinid"]):
            raise ValueError(f"{architecture}, seed {seed}: CE and HCE predict other cells")
        found = corrected_counts(
            labels,
            pair["ce"]["predicted_class"].to_numpy(np.int64),
            pair["hce"]["predicted_class"].to_numpy(np.int64),
            relations,
        )
        corrected.append(found.assign(architecture=architecture, seed=seed))
    tables = {arguments.relations: counts, arguments.corrected: corrected}
    for path, parts in tables.items():
        table = pd.concat(parts, ignore_index=True).assign(data_source=arguments.data_source)
        with write_atomically(path) as temporary:
            table.to_csv(temporary, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
