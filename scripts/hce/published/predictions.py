"""The authors' predictions of the OOD cells, as predictions of this pipeline.

One of their tables has 2.6 million rows with the probabilities of all classes, one to two GB. It is
read piece by piece, only the columns that are needed; of the probabilities stays what each decision
rule calls, and p and s of the calls (`hce.evaluation.predictions`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hce.decode import decide
from hce.evaluation.predictions import prediction_batch, prediction_writer
from hce.evaluation.thresholds import ThresholdCounts

# as many cells as the rule predict takes at once, so that sums have the same order
BATCH_CELLS = 2048
BUFFER_BYTES = 2**20
# softmax in float32 over some hundred classes, and what a file of 4 digits would lose
SUM_TOLERANCE = 1e-3
# two greatest probabilities of one cell nearer than this are told apart by rounding alone
ROUNDING = 1e-6
# more than ties: then y_probs has another order of classes than ours
MOST_DISAGREEING = 0.01


@dataclass
class Agreement:
    """How y_pred agrees with the most probable class of y_probs, in cells."""

    cells: int = 0
    ties: int = 0
    rounding: int = 0
    others: int = 0

    def __str__(self) -> str:
        differ = self.ties + self.rounding + self.others
        if not differ:
            return f"y_pred is the most probable class in all {self.cells:,} cells"
        return (
            f"y_pred is not the (first) most probable class in {differ:,} of {self.cells:,} cells: "
            f"{self.ties:,} ties, {self.rounding:,} within {ROUNDING:g}, {self.others:,} others; "
            "y_pred is taken"
        )


def import_predictions(
    path: Path,
    cells: pd.DataFrame,
    labels: Sequence[str],
    reachability: NDArray[np.bool_],
    threshold: float,
    output: Path,
) -> tuple[ThresholdCounts, Agreement]:
    """Write what a table of the authors says of each OOD cell as our predictions.

    Parameters
    ----------
    path
        Their table, `*_detailed_results.parquet`.
    cells
        The run's OOD cells: soma_joinid, ascending, and class.
    labels
        Labels of the C classes in class order.
    reachability
        Bool C x C.
    threshold
        Of the safe call.
    output
        Parquet file to write, in the order of the cells of their table.

    Returns
    -------
    tuple
        The safe calls at a ladder of thresholds, counted; and how y_pred and y_probs agree.

    Raises
    ------
    ValueError
        If it is not of exactly these cells with these labels, or has no probabilities of these
        classes, in this order; or is damaged. Nothing is written then.
    """
    try:
        with pq.ParquetFile(
            path, buffer_size=BUFFER_BYTES, read_dictionary=["y_true", "y_pred"]
        ) as file:
            named = _read_named(file, path, labels)
            _check_cells(named, cells, labels, path)
            counts, agreement = ThresholdCounts(len(labels)), Agreement()
            with prediction_writer(output) as writer:
                done = 0
                for probability in _probabilities(file, path, len(labels)):
                    part = named.iloc[done : done + len(probability)]
                    done += len(part)
                    label, predicted = (part[name].to_numpy() for name in ("y_true", "y_pred"))
                    _compare(agreement, probability, predicted)
                    said = decide(probability, reachability, threshold)
                    joinid = part["soma_joinid"].to_numpy()
                    batch = prediction_batch(joinid, label, probability, said, predicted)
                    writer.write_batch(batch)
                    counts.add(label, *said.walk)
                _check_order(agreement, path)
    except (pa.ArrowInvalid, pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(
            f"{path}: cannot be read to its end ({' '.join(str(error).split())}); it is cut or "
            "damaged: download it again"
        ) from error
    return counts, agreement


def _read_named(file: pq.ParquetFile, path: Path, labels: Sequence[str]) -> pd.DataFrame:
    """soma_joinid, and y_true and y_pred as class indices, of all rows."""
    table = file.read(columns=["soma_joinid", "y_true", "y_pred"])
    columns = {"soma_joinid": table["soma_joinid"].to_numpy().astype(np.int64)}
    known = pd.Index(labels)
    for name in ("y_true", "y_pred"):
        values = table[name].combine_chunks()
        if not pa.types.is_dictionary(values.type):
            values = values.dictionary_encode()
        found = known.get_indexer(values.dictionary.to_pandas())
        codes = values.indices.to_numpy(zero_copy_only=False)
        unknown = values.dictionary.filter(pa.array(found < 0)).to_pylist()
        if unknown or values.null_count:
            said = ", ".join(repr(label) for label in sorted(map(str, unknown))[:5]) or "no label"
            raise ValueError(
                f"{path}: {name} has {said}, which is none of the {len(known)} cell types of "
                "this run; selection and ontology must be those of these predictions "
                "(config/published.yaml)"
            )
        columns[name] = found[codes].astype(np.int64)
    return pd.DataFrame(columns)


def _check_cells(
    named: pd.DataFrame, cells: pd.DataFrame, labels: Sequence[str], path: Path
) -> None:
    """Refuse a table that is not of exactly the run's OOD cells."""
    joinid, ours = named["soma_joinid"], cells["soma_joinid"]
    twice = int(joinid.duplicated().sum())
    if twice:
        raise ValueError(f"{path}: {twice:,} cells are there twice; download it again")
    unknown, without = ~joinid.isin(ours), ~ours.isin(joinid)
    if unknown.any() or without.any():
        first = joinid[unknown].iloc[0] if unknown.any() else ours[without].iloc[0]
        raise ValueError(
            f"{path}: {int(unknown.sum()):,} of its {len(joinid):,} cells are not among the run's "
            f"{len(ours):,} OOD cells, and {int(without.sum()):,} of these are not in it (first: "
            f"soma_joinid {first}); census.train, census.ood and selection must be those of "
            "these predictions (config/published.yaml)"
        )
    place = pd.Index(ours).get_indexer(joinid)
    own = cells["class"].to_numpy()[place]
    differ = np.flatnonzero(own != named["y_true"].to_numpy())
    if len(differ):
        row = named.iloc[differ[0]]
        raise ValueError(
            f"{path}: {len(differ):,} cells have another label than in the run (soma_joinid "
            f"{row['soma_joinid']}: {labels[row['y_true']]!r}, in the run "
            f"{labels[own[differ[0]]]!r}); census.ood must be the release of these predictions"
        )


def _probabilities(
    file: pq.ParquetFile, path: Path, n_classes: int
) -> Iterator[NDArray[np.float32]]:
    """y_probs in pieces of cells, float32 B x C."""
    done = 0
    for batch in _batches(file):
        column = batch.column(0)
        values = column.flatten() if hasattr(column, "flatten") else column
        n_cells = len(column)
        if column.null_count or len(values) != n_cells * n_classes or not _equal_lengths(column):
            raise ValueError(
                f"{path}: y_probs has {len(values) / max(n_cells, 1):g} values a cell, not the "
                f"{n_classes} of the cell types of this run; selection must be that of these "
                "predictions (config/published.yaml)"
            )
        array = values.to_numpy(zero_copy_only=False).reshape(n_cells, n_classes)
        probability = np.ascontiguousarray(array, dtype=np.float32)
        total = probability.sum(axis=1)
        # also true where a value is NaN
        wrong = ~((np.abs(total - 1) <= SUM_TOLERANCE) & (probability.min(axis=1) >= 0))
        if wrong.any():
            row = int(wrong.argmax())
            raise ValueError(
                f"{path}: y_probs of row {done + row} sums to {total[row]:g} with a least value of "
                f"{probability[row].min():g}, so these are no probabilities; download it again"
            )
        done += n_cells
        yield probability


def _batches(file: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    """Batches of y_probs, a row group at a time: what was read of one is kept to its end."""
    for group in range(file.num_row_groups):
        yield from file.iter_batches(
            BATCH_CELLS, row_groups=[group], columns=["y_probs"], use_threads=False
        )


def _equal_lengths(column: pa.Array) -> bool:
    if pa.types.is_fixed_size_list(column.type):
        return True
    lengths = np.diff(column.offsets.to_numpy())
    return len(lengths) == 0 or bool((lengths == lengths[0]).all())


def _compare(
    agreement: Agreement, probability: NDArray[np.float32], predicted: NDArray[np.int64]
) -> None:
    """Count the cells that y_pred does not call by the first most probable class."""
    best = probability.argmax(axis=1)
    differ = np.flatnonzero(best != predicted)
    agreement.cells += len(predicted)
    rows = probability[differ]
    line = np.arange(len(differ))
    gap = rows[line, best[differ]] - rows[line, predicted[differ]]
    ties = gap == 0
    near = (gap <= ROUNDING) & ~ties
    agreement.ties += int(ties.sum())
    agreement.rounding += int(near.sum())
    agreement.others += int((~ties & ~near).sum())


def _check_order(agreement: Agreement, path: Path) -> None:
    if agreement.others > MOST_DISAGREEING * agreement.cells:
        raise ValueError(
            f"{path}: y_pred is not the most probable class of y_probs in {agreement.others:,} of "
            f"{agreement.cells:,} cells, so y_probs has another order of classes than the sorted "
            "labels of this run, and its probabilities cannot be used"
        )
