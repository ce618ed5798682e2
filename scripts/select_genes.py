"""List the genes of the model, in the order of the training release."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from hce.census.access import add_argument
from hce.census.reading import gene_positions, model_genes, open_release, read_genes
from hce.census.schema import HOMO_SAPIENS
from hce.command import run_script
from hce.ingest.datasets import verify_download
from hce.tables import read_table, write_table

# of the gene list, or of the genes of the release, whichever is shorter; scTab's has 0.998
LEAST_OVERLAP = 0.1
# of the model's genes, those that an OOD release must have where it may lack some
LEAST_SHARED = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uri", required=True, help="folder or S3 address of the training release")
    parser.add_argument("--ood-uri", help="another release")
    parser.add_argument(
        "--ood-genes",
        choices=("all", "shared", "zero"),
        default="all",
        help="of those that the other release lacks: refuse it, leave them out, or take 0 for them",
    )
    parser.add_argument("--organism", default=HOMO_SAPIENS, help="as the Census names it")
    parser.add_argument("--gene-list", type=Path, required=True, help="Parquet with gene_names")
    parser.add_argument(
        "--datasets", type=Path, help="config/datasets.tsv, if it may list that file"
    )
    parser.add_argument("--genes", type=Path, required=True, help="Parquet file to write")
    add_argument(parser)
    arguments = parser.parse_args()
    verify_download(arguments.gene_list, arguments.datasets)
    listed = read_table(arguments.gene_list)
    if "gene_names" not in listed:
        raise ValueError(
            f"{arguments.gene_list}: no column gene_names, only {', '.join(listed.columns)}"
        )
    with open_release(arguments.uri, arguments.organism, arguments.s3) as release:
        var = read_genes(release)
        genes = model_genes(var, listed["gene_names"].tolist())
    say_repeated(genes)
    check_overlap(len(genes), listed["gene_names"].nunique(), len(var), arguments)
    if arguments.ood_uri:
        # here, not when its counts are fetched: by then the other release has been read for hours
        with open_release(arguments.ood_uri, arguments.organism, arguments.s3) as release:
            ood_var = read_genes(release)
        if arguments.ood_genes != "all":
            genes = shared_genes(genes, ood_var["feature_id"], arguments)
        missing = "zero" if arguments.ood_genes == "zero" else "refuse"
        try:
            gene_positions(ood_var, genes["feature_id"].tolist(), missing)
        except ValueError as error:
            raise ValueError(f"{arguments.ood_uri}: {error}") from error
        genes["in_ood"] = genes["feature_id"].isin(ood_var["feature_id"])
    print(f"{len(genes):,} genes of {len(listed):,} listed")
    write_table(genes, arguments.genes)


def shared_genes(
    genes: pd.DataFrame, ood: pd.Series, arguments: argparse.Namespace
) -> pd.DataFrame:
    """Leave out genes that the OOD release lacks, or take their counts as 0, and say which."""
    there = genes["feature_id"].isin(ood)
    if there.sum() < LEAST_SHARED * len(genes):
        raise ValueError(
            f"{arguments.ood_uri}: has {there.sum():,} of the {len(genes):,} genes of "
            f"{arguments.uri}, and lacks {genes.loc[~there, 'feature_id'].iloc[0]}; the index of "
            "var must hold the same kind of gene ids in the files of train and of ood"
        )
    lacking = (genes["feature_id"] + " " + genes["feature_name"])[~there]
    what = f"{len(lacking):,} genes that the OOD release lacks: {', '.join(lacking)}"
    if arguments.ood_genes == "zero":
        print(f"take counts of 0 for {what}")
        return genes
    print(f"left out {what}")
    return genes[there].reset_index(drop=True)


def say_repeated(genes: pd.DataFrame) -> None:
    """Name the symbols that several genes have."""
    repeated = genes[genes["feature_name"].duplicated(keep=False)]
    for symbol, ids in repeated.groupby("feature_name", sort=True)["feature_id"]:
        print(f"symbol {symbol} has {len(ids)} genes, all are kept: {', '.join(ids)}")


def check_overlap(kept: int, listed: int, there: int, arguments: argparse.Namespace) -> None:
    """Refuse the list of another organism: a few symbols are spelled alike in two organisms.

    A short list in a large release matches the list, a panel of few genes matches the release.
    """
    if kept < LEAST_OVERLAP * min(listed, there):
        raise ValueError(
            f"{arguments.gene_list}: of its {listed:,} symbols, {kept:,} are genes of "
            f"{arguments.organism} in {arguments.uri}, which has {there:,}; census.gene_list must "
            "be a list of that organism (census.organism)"
        )


if __name__ == "__main__":
    run_script(main)
