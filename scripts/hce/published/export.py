"""Our predictions and scores, in the authors' layout, so that what reads theirs reads ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hce.files import write_atomically
from hce.published.id_scores import MACRO, REPORT
from hce.published.layout import ID_FOLDER, version_name
from hce.published.rows import PREDICTIONS

# their names of columns of the table of cells; what the pipeline does not read stays empty
CELL_COLUMNS = {
    "cell_type": "cell_type",
    "assay": "assay",
    "dataset_id": "dataset_id",
    "donor_id": "donor_id",
    "development_stage": None,
    "disease": "disease",
    "tissue": None,
    "tissue_general": "tissue",
}
TEXT = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        pa.field("y_true", TEXT),
        pa.field("y_pred", TEXT),
        pa.field("cell_type", TEXT),
        pa.field("soma_joinid", pa.int64()),
        *(pa.field(name, TEXT) for name in list(CELL_COLUMNS)[1:]),
        pa.field("y_probs", pa.list_(pa.float32())),
    ]
)
# their tables of OOD scores by group of cells, and our groupings
GROUPED = {
    "per_dataset": "study",
    "per_assay": "assay",
    "per_disease": "disease",
    "per_tissue_general": "tissue",
}


def checkpoint_folder(
    export: Path, architecture: str, loss: str, seed: int, record: Mapping[str, Any]
) -> Path:
    """Where the OOD results of a training are, beside its checkpoint of the same name.

    Parameters
    ----------
    record
        Its hyperparameters.json: best_epoch (from 1) and best_validation_macro_f1.
    """
    epoch, f1 = record["best_epoch"] - 1, record["best_validation_macro_f1"]
    name = f"val_f1_macro_epoch={epoch}_val_f1_macro={f1:.3f}"
    return export / "tb_logs" / version_name(architecture, loss, seed) / "checkpoints" / name


def id_folder(export: Path, architecture: str, loss: str, seed: int) -> Path:
    """Where the ID scores of a training are."""
    return export / ID_FOLDER / version_name(architecture, loss, seed)


class PredictionTable:
    """Writes a table of predictions in the authors' columns, batch by batch; a context.

    Parameters
    ----------
    path
        File to write, atomically.
    cells
        The cells that will be predicted: soma_joinid, ascending, and the columns of CELL_COLUMNS.
    labels
        Labels of the C classes.
    """

    def __init__(self, path: Path, cells: pd.DataFrame, labels: list[str]) -> None:
        self._file = write_atomically(path)
        self._joinid = cells["soma_joinid"].to_numpy()
        self._columns = {
            name: None if own is None else _dictionary(cells[own])
            for name, own in CELL_COLUMNS.items()
        }
        self._labels = pa.array(labels, pa.string())

    def __enter__(self) -> PredictionTable:
        self._writer = pq.ParquetWriter(self._file.__enter__(), SCHEMA, compression="zstd")
        return self

    def __exit__(self, *error: Any) -> None:
        self._writer.close()
        self._file.__exit__(*error)

    def add(
        self,
        soma_joinid: NDArray[np.int64],
        label: NDArray[np.integer],
        probability: NDArray[np.float32],
    ) -> None:
        """Write some cells: integer B, class indices B, float32 B x C."""
        place = np.searchsorted(self._joinid, soma_joinid)
        columns: dict[str, pa.Array] = {"soma_joinid": pa.array(soma_joinid)}
        for name, classes in (("y_true", label), ("y_pred", probability.argmax(axis=1))):
            codes = pa.array(classes.astype(np.int32))
            columns[name] = pa.DictionaryArray.from_arrays(codes, self._labels)
        for name, values in self._columns.items():
            missing = pa.nulls(len(place), pa.int32())
            columns[name] = (
                pa.DictionaryArray.from_arrays(missing, pa.array([], pa.string()))
                if values is None
                else values.take(pa.array(place))
            )
        n_classes = probability.shape[1]
        offsets = pa.array(np.arange(0, probability.size + 1, n_classes, dtype=np.int32))
        values = pa.array(np.ascontiguousarray(probability).reshape(-1))
        columns["y_probs"] = pa.ListArray.from_arrays(offsets, values)
        self._writer.write_batch(
            pa.record_batch([columns[name] for name in SCHEMA.names], schema=SCHEMA)
        )


def _dictionary(values: pd.Series) -> pa.DictionaryArray:
    coded = values.astype("category").cat
    names = pa.array(coded.categories.astype(str), pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(coded.codes.to_numpy(np.int32)), names)


def reports(scores: pd.DataFrame, cell_types: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Our scores of one run and split as the authors' tables, by name: overall, per_class, ...

    Parameters
    ----------
    scores
        Of `hce.evaluation.scores.score_predictions`.
    cell_types
        The classes, in class order.
    """
    by = {str(grouping): part for grouping, part in scores.groupby("grouping", sort=False)}
    position = pd.Series(np.arange(len(cell_types)), index=cell_types["ontology_term_id"])
    classes = by["cell_type"]
    tables = {"per_class": _report(classes, position[classes["group"]].to_numpy())}
    support = classes["support"]
    weighted = classes[["precision", "recall", "f1"]].mul(support, axis=0).sum() / support.sum()
    overall = by["overall"].set_index("group")
    for name, group in (("overall", "all"), ("subset", "ood_labels")):
        if group in overall.index:
            tables[name] = _report(overall.loc[[group]], [MACRO])
    average = weighted.to_frame().T.assign(support=support.sum())
    # the recall over all cells is the share of right calls
    accuracy = average.assign(precision=weighted["recall"], f1=weighted["recall"])
    parts = [_report(accuracy, ["accuracy"]), tables["overall"], _report(average, ["weighted avg"])]
    tables["overall"] = pd.concat(parts)
    for name, grouping in GROUPED.items():
        if grouping in by:
            tables[name] = _report(by[grouping], by[grouping]["group"].to_numpy())
    return tables


def _report(scores: pd.DataFrame, index: Any) -> pd.DataFrame:
    return scores[list(REPORT)].rename(columns=REPORT).set_axis(index, axis=0)


def write_reports(tables: Mapping[str, pd.DataFrame], folder: Path, model: str) -> list[Path]:
    """Write tables as {model}_{name}_metrics.csv, to the last digit; return their paths."""
    paths = []
    for name, table in tables.items():
        path = folder / f"{model}_{name}_metrics.csv"
        with write_atomically(path) as temporary:
            table.to_csv(temporary)
        paths.append(path)
    return paths


def prediction_path(folder: Path, model: str) -> Path:
    """The table of predictions of a model in a folder of its results."""
    return folder / f"{model}{PREDICTIONS}"
