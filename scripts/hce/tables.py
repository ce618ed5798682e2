"""Tables in files: one way to write them and one way to read them back, by the file's suffix.

`.tsv` and `.csv` are text: UTF-8, one header line, `\\n` ends a line, an empty field is a missing
value and nothing else is (a study may be called "NA"). What a column is follows from its name in
all tables of the workflow: words stay text ("01" is no number), names too and are never missing (an
empty field is the name ""), any other column is numbers. Text in a column that is not known to hold
text is refused when it is written, so that none is forgotten. `.parquet` keeps its types.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path

import pandas as pd

from hce.files import checked, tell, write_atomically

SEPARATORS = {".tsv": "\t", ".csv": ","}
PARQUET = (".parquet", ".pq")
# columns that hold names of the data, whichever table they are in: what is called "" is called so
NAME_COLUMNS = (
    *("assay", "cell_type", "collection", "dataset_id", "disease", "donor", "group", "name"),
    *("study", "tissue", "unit"),
)
# columns that hold names or words
TEXT_COLUMNS = (
    *NAME_COLUMNS,
    *("ancestor", "architecture", "baseline", "better", "block", "bound", "ce", "change"),
    *("changes", "claim", "condition", "connectivity", "context", "data_source", "descendant"),
    *("family", "file", "first", "grouping", "hce", "hyperparameter", "id", "in_these_data"),
    *("key", "kind", "label", "labels", "loss", "measure", "method", "metric", "node_kind", "note"),
    *("ontology_term_id", "ours", "over", "panel", "parent_id", "parents", "part", "property"),
    *("quantity", "relation", "release", "rule", "second", "section", "series", "source"),
    *("split", "subset", "text", "verdict", "view", "why"),
)
TEXT_TYPES: dict[Hashable, type[str]] = dict.fromkeys(TEXT_COLUMNS, str)


def of_seeds(data_source: str, seeds: Iterable[int]) -> str:
    """Where numbers come from, with the seeds of the runs that they are made of.

    A run over other seeds writes the same files: `simulated Census, seeds 0, 1` tells them apart,
    in tables, figures and the summary.

    Parameters
    ----------
    data_source
        Of the cells.
    seeds
        Of every run, in any order and as often as they come.
    """
    found = sorted({int(seed) for seed in seeds})
    word = "seed" if len(found) == 1 else "seeds"
    return f"{data_source}, {word} {', '.join(map(str, found))}"


def write_table(table: pd.DataFrame, path: str | Path, data_source: str | None = None) -> None:
    """Write a table without its index, atomically.

    Parameters
    ----------
    table
        Columns of any type that the format holds; missing values are empty in text.
    path
        `.tsv`, `.csv` or `.parquet`.
    data_source
        What figures and tables say of where their data come from: a last column, if given.

    Raises
    ------
    ValueError
        If the suffix is another one, or a text file gets text in a column that is not one of
        `TEXT_COLUMNS`.
    """
    path = Path(path)
    if data_source is not None:
        table = table.assign(data_source=data_source)
    separator = _separator(path)
    for column in table if separator is not None else ():
        if column not in TEXT_TYPES and _holds_text(table[column]):
            raise ValueError(f"{path}: column {column} holds text; name it in hce.tables too")
    with write_atomically(path) as temporary:
        if separator is None:
            table.to_parquet(temporary, index=False, compression="zstd")
        else:
            table.to_csv(temporary, sep=separator, index=False, lineterminator="\n")
    tell("wrote", path, len(table))


def read_table(
    path: str | Path,
    columns: Sequence[str] | None = None,
    filters: list[tuple[str, str, object]] | None = None,
) -> pd.DataFrame:
    """Read a table that `write_table` wrote, or one of the same format.

    Parameters
    ----------
    path
        `.tsv`, `.csv` or `.parquet`.
    columns
        Those to read, in this order; all of them if left out.
    filters
        Rows to read of a Parquet file, as pandas takes them: [("split", "==", "train")].

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the suffix is another one, or the file is empty, lacks one of the columns or is not what
        was written.
    """
    separator = _separator(path := Path(path))
    checked(path)
    if separator is None:
        wanted = None if columns is None else list(columns)
        table = pd.read_parquet(path, columns=wanted, filters=filters)
        tell("read", path, len(table))
        return table
    try:
        table = pd.read_csv(
            path, sep=separator, dtype=TEXT_TYPES, keep_default_na=False, na_values=[""]
        )
    except pd.errors.EmptyDataError as error:
        raise ValueError(f"{path}: is empty, without a header line; make it again") from error
    names = [name for name in NAME_COLUMNS if name in table]
    table[names] = table[names].fillna("")
    missing = [name for name in columns or () if name not in table]
    if missing:
        raise ValueError(
            f"{path}: has no column {', '.join(missing)}; there are {', '.join(table.columns)}"
        )
    tell("read", path, len(table))
    return table if columns is None else table[list(columns)]


def _holds_text(values: pd.Series) -> bool:
    """Whether a value is text; of a categorical, one that may occur."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.cat.categories.to_series()
    return values.dtype == object and any(isinstance(value, str) for value in values)


def _separator(path: Path) -> str | None:
    """Of a text table; None for Parquet."""
    if path.suffix in PARQUET:
        return None
    if path.suffix not in SEPARATORS:
        raise ValueError(f"{path}: a table is a .tsv, .csv or .parquet file")
    return SEPARATORS[path.suffix]
