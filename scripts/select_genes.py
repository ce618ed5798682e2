"""List the genes of the model, in the order of the training release."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from hce.census import gene_positions, model_genes, open_release, read_genes
from hce.files import write_atomically


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uri", required=True, help="folder or S3 address of the training release")
    parser.add_argument("--ood-uri", help="another release, which must hold every gene, too")
    parser.add_argument("--gene-list", type=Path, required=True, help="Parquet with gene_names")
    parser.add_argument("--genes", type=Path, required=True, help="Parquet file to write")
    arguments = parser.parse_args()
    listed = pd.read_parquet(arguments.gene_list)
    if "gene_names" not in listed:
        raise ValueError(
            f"{arguments.gene_list}: no column gene_names, only {', '.join(listed.columns)}"
        )
    with open_release(arguments.uri) as census:
        genes = model_genes(read_genes(census), listed["gene_names"].tolist())
    if arguments.ood_uri:
        # here, not when its counts are fetched: by then the other release has been read for hours
        with open_release(arguments.ood_uri) as census:
            try:
                gene_positions(read_genes(census), genes["feature_id"].tolist())
            except ValueError as error:
                raise ValueError(f"{arguments.ood_uri}: {error}") from error
    print(f"{len(genes):,} genes of {len(listed):,} listed")
    with write_atomically(arguments.genes) as temporary:
        genes.to_parquet(temporary, index=False)


if __name__ == "__main__":
    main()
