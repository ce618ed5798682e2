"""Reading a CELLxGENE Census release: the cells that pass the value filter, and its genes.

Of a release one organism is read. It is opened by uri, which makes no call to the Census directory
service and treats a local folder and S3 alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import cellxgene_census
import numpy as np
import pandas as pd
import pyarrow as pa
import tiledbsoma
from numpy.typing import NDArray

from hce.census.access import is_local, reason, settings
from hce.census.schema import HOMO_SAPIENS

OBS_COLUMNS = (
    "soma_joinid",
    "dataset_id",
    "donor_id",
    "assay",
    "cell_type",
    "cell_type_ontology_term_id",
    "tissue_general",
    "tissue_general_ontology_term_id",
    "disease",
    "disease_ontology_term_id",
)


@dataclass(frozen=True)
class Release:
    """An open release, of which one organism is read; to be used as a context manager.

    What TileDB says of a store that cannot be read is raised as ValueError, with its uri.

    Attributes
    ----------
    census
        The release's `soma` collection.
    organism
        Name of the organism's experiment in `census_data`.
    s3
        How it was reached (`hce.census.access.settings`).
    """

    census: tiledbsoma.Collection
    organism: str
    s3: Mapping[str, object] = field(default_factory=dict)

    @property
    def experiment(self) -> tiledbsoma.Experiment:
        """Cells, genes and counts of the organism."""
        return self.census["census_data"][self.organism]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self.census.close()
        if isinstance(error, tiledbsoma.SOMAError):
            if not is_local(self.census.uri):
                raise ValueError(
                    f"{self.census.uri}: {reason(self.census.uri, error, self.s3)}"
                ) from error
            raise ValueError(
                f"{self.census.uri}: cannot be read ({error}); if the disk has changed a store "
                "that the workflow has written, delete it and the manifest.json beside it, and the "
                "same command makes it again"
            ) from error


def open_release(
    uri: str, organism: str = HOMO_SAPIENS, s3: Mapping[str, object] | None = None
) -> Release:
    """Open a Census release.

    Parameters
    ----------
    uri
        Folder or S3 address of the release's `soma` collection.
    organism
        As the Census names it, for example mus_musculus.
    s3
        How a bucket is reached (`hce.census.access.settings`); by default as the Census's own.

    Returns
    -------
    Release
        The open release.

    Raises
    ------
    ValueError
        If it cannot be reached, there is no SOMA store, it is no Census, or has no data of the
        organism. The message is one sentence, with the key to change.
    """
    s3 = s3 or {}
    try:
        census = cellxgene_census.open_soma(uri=uri, tiledb_config=settings(uri, s3))
        there = sorted(census["census_data"]) if "census_data" in census else []
    except (tiledbsoma.SOMAError, ValueError) as error:
        raise ValueError(f"{uri}: {reason(uri, error, s3)}") from error
    if organism in there:
        return Release(census, organism, s3)
    census.close()
    if not there:
        raise ValueError(
            f"{uri}: a SOMA store, but no Census: census_data is missing or empty; check "
            "census.*.uri in the configuration"
        )
    raise ValueError(
        f"{uri}: has no cells of {organism}, only of {', '.join(there)}; set census.organism in "
        "the configuration to one of them, or check census.*.uri"
    )


def value_filter(assays: Sequence[str]) -> str:
    """The filter on obs: primary data of the given assays, in TileDB-SOMA's query language."""
    # Python's own list representation quotes 10x 3' v3 correctly
    return f"is_primary_data == True and assay in {list(assays)!r}"


def read_obs(release: Release, assays: Sequence[str]) -> pa.Table:
    """Read the cells that pass the value filter.

    Parameters
    ----------
    release
        An open release.
    assays
        Assays to keep.

    Returns
    -------
    pyarrow.Table
        `OBS_COLUMNS`, strings as dictionaries, ordered by soma_joinid.

    Raises
    ------
    ValueError
        If a column is missing, no cell passes, an assay is there under another spelling only, or
        a soma_joinid appears twice.
    """
    obs = release.experiment.obs
    missing = [name for name in (*OBS_COLUMNS, "is_primary_data") if name not in obs.keys()]  # noqa: SIM118
    if missing:
        raise ValueError(f"{obs.uri}: obs has no column {', '.join(missing)}")
    batches = obs.read(value_filter=value_filter(assays), column_names=list(OBS_COLUMNS))
    # batch by batch, so that the plain strings of all cells are never held at once
    table = pa.concat_tables([_dictionary_encode(batch) for batch in batches]).unify_dictionaries()
    absent = sorted(set(assays) - set(table["assay"].unique().to_pylist()))
    if absent:
        _check_spelling(obs, absent, assays)
    if table.num_rows == 0:
        raise ValueError(
            f"{obs.uri}: no cell passes the filter {value_filter(assays)}; the assays are those "
            f"of census.assays in the configuration, those of the cells {_assays(obs)}"
        )
    # TileDB may return tiles in any order, but sorting 28 million rows again costs their memory
    if not _ascending(table):
        table = table.sort_by("soma_joinid")
    if not _ascending(table):
        raise ValueError(f"{obs.uri}: a soma_joinid appears twice; this is no valid Census")
    return table


def read_datasets(release: Release) -> pd.DataFrame:
    """Read the release's own table of datasets, all organisms'; each is a study."""
    return release.census["census_info"]["datasets"].read().concat().to_pandas()


def read_genes(release: Release) -> pd.DataFrame:
    """Read var: soma_joinid, feature_id (Ensembl), feature_name (symbol) of each gene."""
    var = release.experiment.ms["RNA"].var
    columns = ["soma_joinid", "feature_id", "feature_name"]
    return var.read(column_names=columns).concat().to_pandas()


def model_genes(var: pd.DataFrame, symbols: Sequence[str]) -> pd.DataFrame:
    """The genes of the model: those whose Census symbol is in a list, in the Census's order.

    Matching by symbol, not by id, is what scTab did: symbols that the Census renamed to
    SYMBOL_ENSG... because they are not unique drop out (26 of 19,357). Later releases rename none:
    all genes of such a symbol are kept.

    Parameters
    ----------
    var
        Genes of the training release.
    symbols
        Symbols of the protein-coding genes.

    Returns
    -------
    pandas.DataFrame
        feature_id, feature_name.

    Raises
    ------
    ValueError
        If no gene matches or a gene occurs twice.
    """
    kept = var[var["feature_name"].isin(set(symbols))].sort_values("soma_joinid")
    if kept.empty:
        raise ValueError(
            "no symbol of the gene list is a feature_name of the Census; the list must hold gene "
            f"symbols such as {', '.join(var['feature_name'].head(3))}"
        )
    if not kept["feature_id"].is_unique:
        repeated = kept.loc[kept["feature_id"].duplicated(), "feature_id"].iloc[0]
        raise ValueError(f"gene {repeated} occurs twice in the Census")
    return kept[["feature_id", "feature_name"]].reset_index(drop=True)


def gene_positions(
    var: pd.DataFrame, feature_ids: Sequence[str], missing: str = "refuse"
) -> NDArray[np.int32]:
    """Map a release's gene joinids to positions in the model.

    The order of genes differs between releases, so the map goes by Ensembl id.

    Parameters
    ----------
    var
        Genes of the release to read.
    feature_ids
        Genes of the model, in order.
    missing
        refuse a release that lacks some, or zero: no entry will have their positions.

    Returns
    -------
    numpy.ndarray
        int32, indexed by soma_joinid of the gene: its position in the model, -1 if it has none.

    Raises
    ------
    ValueError
        If the release lacks a gene of the model and shall not.
    """
    model = pd.Index(feature_ids)
    lacking = model.difference(pd.Index(var["feature_id"]))
    if len(lacking) and missing == "refuse":
        raise ValueError(
            f"the release lacks {len(lacking)} of the model's {len(model)} genes, for example "
            f"{lacking[0]}; both releases must hold every gene of genes.parquet, unless "
            "census.missing_genes is zero"
        )
    table = np.full(int(var["soma_joinid"].max()) + 1, -1, dtype=np.int32)
    table[var["soma_joinid"]] = model.get_indexer(pd.Index(var["feature_id"]))
    return table


def _assays(obs: tiledbsoma.DataFrame) -> list[str]:
    """The assays of all cells."""
    batches = obs.read(column_names=["assay"])
    return sorted(set().union(*(batch["assay"].unique().to_pylist() for batch in batches)))


def _check_spelling(
    obs: tiledbsoma.DataFrame, absent: Sequence[str], assays: Sequence[str]
) -> None:
    """Refuse an assay that no cell has where cells have one that differs by its spelling only."""
    there = {_letters(assay): assay for assay in _assays(obs) if assay not in assays}
    for assay in absent:
        if spelled := there.get(_letters(assay)):
            raise ValueError(
                f"{obs.uri}: no cell has the assay {assay!r}, but some have {spelled!r}; write it "
                "so in census.assays of the configuration"
            )


def _letters(name: str) -> str:
    """What is left of a name without case, spaces and punctuation."""
    return "".join(filter(str.isalnum, name.casefold()))


def _ascending(table: pa.Table) -> bool:
    return bool((np.diff(table["soma_joinid"].to_numpy()) > 0).all())


def _dictionary_encode(batch: pa.Table) -> pa.Table:
    """Text as dictionaries of one type, with the values that are there.

    Later releases have enumerations: dictionaries of any integer type, with all that they ever had.
    """
    for position, (name, kind) in enumerate(
        zip(batch.column_names, batch.schema.types, strict=True)
    ):
        column = batch.column(position)
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
            column = column.cast(kind)
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            column = column.cast(pa.string()).dictionary_encode()
            if name != "donor_id":
                # few names: 2 bytes a cell in place of 4, of 28 million cells and nine columns
                column = column.cast(pa.dictionary(pa.int16(), pa.string()))
            batch = batch.set_column(position, name, column)
    return batch
