"""Read the counts of one range of cells from a Census release into a piece for the shuffle."""

from __future__ import annotations

import argparse
from pathlib import Path

from hce.census.access import add_argument
from hce.census.reading import gene_positions, open_release, read_genes
from hce.census.schema import HOMO_SAPIENS, POLICIES
from hce.ingest.counts import BLOCK_ROWS, TILE_ROWS, block_of, read_counts, scatter_ranges
from hce.ingest.irregular import Irregular
from hce.ingest.shuffle import order_blocks, write_piece
from hce.ingest.tiles import Tiles
from hce.tables import read_table

COLUMNS = ["soma_joinid", "split", "class", "shuffle_key", "dataset_id"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uri", required=True, help="folder or S3 address of the release")
    parser.add_argument("--organism", default=HOMO_SAPIENS, help="as the Census names it")
    parser.add_argument(
        "--cells",
        type=Path,
        required=True,
        help="cells.parquet: the selected cells with their split",
    )
    parser.add_argument(
        "--genes", type=Path, required=True, help="genes.parquet: the genes of the model"
    )
    parser.add_argument("--splits", nargs="+", required=True, help="splits of this release")
    parser.add_argument("--range", type=int, required=True, help="which range, from 0")
    parser.add_argument(
        "--n-ranges", type=int, required=True, help="ranges that the release is read in"
    )
    parser.add_argument(
        "--missing-genes", choices=("refuse", "zero"), default="refuse", help="if the release lacks"
    )
    parser.add_argument(
        "--fractional-counts",
        choices=POLICIES,
        default="keep",
        help="what to do with raw counts that are no integers",
    )
    parser.add_argument("--piece", type=Path, required=True, help="Arrow IPC file to write")
    parser.add_argument("--tiles", type=Path, help="folder in which whole tiles are kept")
    add_argument(parser)
    arguments = parser.parse_args()

    # names are for the tiles that are kept
    names = ["feature_id", "feature_name"] if arguments.tiles else ["feature_id"]
    genes = read_table(arguments.genes, columns=names)
    cells = read_table(arguments.cells, columns=COLUMNS)
    cells = cells[cells["split"].isin(arguments.splits)]
    joinids = cells["soma_joinid"].to_numpy()
    first, end = scatter_ranges(joinids, arguments.n_ranges)[arguments.range]
    chosen = cells[(joinids >= first) & (joinids < end)]
    at_once = TILE_ROWS if arguments.tiles else BLOCK_ROWS
    chosen = order_blocks(chosen, block_of(chosen["soma_joinid"].to_numpy(), at_once))
    joinids = chosen["soma_joinid"].to_numpy()
    print(f"{len(chosen):,} cells in soma_joinid {first:,} to {end:,}")
    with open_release(arguments.uri, arguments.organism, arguments.s3) as release:
        positions = gene_positions(
            read_genes(release), genes["feature_id"].tolist(), arguments.missing_genes
        )
        irregular = Irregular(
            chosen.set_index("soma_joinid")["dataset_id"], arguments.fractional_counts
        )
        if arguments.tiles:
            tiles = Tiles(arguments.tiles, release, genes, positions)
            blocks = tiles.counts(joinids)
        else:
            blocks = read_counts(release, joinids, positions)
        write_piece(arguments.piece, chosen, irregular.watch(blocks))
    if arguments.tiles:
        print(f"{tiles.fetched:,} tiles fetched, {tiles.found:,} were there ({tiles.folder})")
    print(irregular.report(), end="")


if __name__ == "__main__":
    main()
