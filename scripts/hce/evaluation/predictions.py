"""Files of predictions: which model and split each is of, how it is written and read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from array_api_compat import array_namespace
from numpy.typing import NDArray

from hce.decode import Decisions
from hce.files import write_atomically
from hce.tables import read_table

# what each decision rule of hce.decode calls a cell; `safe` is `descend` with a threshold
CALL_COLUMNS = {
    "argmax": "predicted_class",
    "leaf": "leaf_class",
    "finest": "finest_class",
    "descend": "descend_class",
    "safe": "safe_class",
}
SCHEMA = pa.schema(
    [
        pa.field("soma_joinid", pa.int64(), nullable=False),
        pa.field("class", pa.int16(), nullable=False),
        pa.field("predicted_class", pa.int16(), nullable=False),
        pa.field("probability", pa.float32(), nullable=False),
        pa.field("score", pa.float32(), nullable=False),
        *(pa.field(name, pa.int16(), nullable=False) for name in list(CALL_COLUMNS.values())[1:]),
        pa.field("safe_score", pa.float32(), nullable=False),
    ]
)


class Predicted(NamedTuple):
    """What a file of predictions is of."""

    architecture: str
    loss: str
    seed: int
    split: str


def predicted_files(paths: Iterable[Path]) -> dict[Predicted, Path]:
    """Tell the files apart by their paths, .../ARCHITECTURE/LOSS/seedSEED/SPLIT.parquet.

    Raises
    ------
    ValueError
        If a path has another form.
    """
    files = {}
    for path in paths:
        *_, architecture, loss, seed, name = ("", "", "", *path.parts)
        number = seed.removeprefix("seed")
        if not number.isdecimal() or path.suffix != ".parquet":
            raise ValueError(f"{path}: expected .../ARCHITECTURE/LOSS/seedSEED/SPLIT.parquet")
        files[Predicted(architecture, loss, int(number), Path(name).stem)] = path
    return files


def paired_runs(files: Iterable[Predicted], losses: tuple[str, str]) -> list[tuple[str, int]]:
    """Architecture and seed of the runs that both losses have, in the order of the files."""
    found = {(file.architecture, file.loss, file.seed): None for file in files}
    runs = dict.fromkeys((architecture, seed) for architecture, _, seed in found)
    return [
        (architecture, seed)
        for architecture, seed in runs
        if all((architecture, loss, seed) in found for loss in losses)
    ]


@contextmanager
def prediction_writer(path: Path) -> Iterator[pq.ParquetWriter]:
    """Write what one model says of each cell of a split, atomically, as it comes.

    Parameters
    ----------
    path
        Parquet file to write.

    Yields
    ------
    pyarrow.parquet.ParquetWriter
        Takes batches of `SCHEMA`: soma_joinid, class and predicted_class (class indices), the
        probability of the predicted class and its score s = R p, the calls of the other decision
        rules, and the score of the safe one.
    """
    with write_atomically(path) as temporary, pq.ParquetWriter(temporary, SCHEMA) as writer:
        yield writer


def prediction_batch(
    soma_joinid: NDArray[np.int64],
    label: NDArray[np.integer],
    probability: Any,
    decisions: Decisions,
    predicted: Any | None = None,
) -> pa.RecordBatch:
    """One batch of `SCHEMA`: what one model says of B cells.

    Parameters
    ----------
    soma_joinid, label
        Integer B; the labels are class indices.
    probability
        Float B x C, a tensor or an array.
    decisions
        What `hce.decode.decide` gives of it.
    predicted
        Integer B, what the model called each cell; the most probable class if left out.
    """
    calls = decisions.calls | ({} if predicted is None else {"argmax": predicted})
    columns: dict[str, np.ndarray] = {
        "soma_joinid": soma_joinid,
        "class": label,
        "probability": _values_of(probability, calls["argmax"]),
        "score": _values_of(decisions.score, calls["argmax"]),
        "safe_score": _values_of(decisions.score, calls["safe"]),
    }
    for rule, call in calls.items():
        columns[CALL_COLUMNS[rule]] = on_host(call).astype(np.int16)
    return pa.record_batch([columns[name] for name in SCHEMA.names], schema=SCHEMA)


def _values_of(values: Any, classes: Any) -> np.ndarray:
    """The value of each cell's class: float B x C and integer B, to float B."""
    xp = array_namespace(values, classes)
    return on_host(xp.take_along_axis(values, classes[:, None], axis=1)[:, 0])


def on_host(values: Any) -> np.ndarray:
    """A tensor, wherever it is, as an array; an array as it is."""
    return values if isinstance(values, np.ndarray) else values.cpu().numpy()


def read_prediction(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Return what one model said of each cell of a split, all columns or some.

    Raises
    ------
    FileNotFoundError
        If the model did not predict.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such predictions; run the rule predict")
    return read_table(path, columns)
