"""Write the embedded Census: two simulated releases as TileDB-SOMA stores."""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
from pathlib import Path

from hce.census.schema import HOMO_SAPIENS
from hce.census.writing import CensusTables, describe_content, write_store
from hce.command import run_script
from hce.files import write_atomically
from hce.ontology import read_obo
from hce.simulation.census import simulate
from hce.simulation.parameters import SimulationParameters
from hce.tables import read_table

logger = logging.getLogger("simulate_census")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ontology", type=Path, required=True, help="OBO file, Cell Ontology")
    parser.add_argument("--cell-types", type=Path, required=True, help="table of labels, TSV")
    parser.add_argument(
        "--parameters", required=True, help="the configuration's simulation section, JSON"
    )
    parser.add_argument("--organism", default=HOMO_SAPIENS, help="as the Census names it")
    parser.add_argument("--train-release", required=True, help="for example 2023-05-15")
    parser.add_argument("--ood-release", required=True, help="for example 2023-12-15")
    parser.add_argument(
        "--stores", type=Path, required=True, help="folder of the stores, one a release (written)"
    )
    parser.add_argument("--genes", type=Path, required=True, help="gene list, Parquet (written)")
    parser.add_argument("--manifest", type=Path, required=True, help="content, JSON (written)")
    return parser.parse_args()


def main() -> None:
    """Simulate, write both stores and say what they hold."""
    arguments = parse_arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        values = json.loads(arguments.parameters)
    except json.JSONDecodeError as error:
        raise ValueError(f"--parameters is not JSON: {error}") from error
    parameters = SimulationParameters.from_dict(values)
    graph = read_obo(arguments.ontology)
    census = simulate(parameters, graph, read_table(arguments.cell_types))
    manifest = {
        "data_source": "simulated Census",
        "cell_ontology_release": graph.graph["release"],
        "parameters": dataclasses.asdict(parameters),
        "releases": {},
    }
    for name, release in (
        (arguments.train_release, census.train),
        (arguments.ood_release, census.ood),
    ):
        tables = CensusTables(release.obs, release.var, release.datasets, release.counts)
        write_store(arguments.stores / name, tables, name, organism=arguments.organism)
        manifest["releases"][name] = describe_content(tables)
        logger.info("%s: %d cells, %d genes", name, *release.counts.shape)
    with write_atomically(arguments.genes) as path:
        # laid out as scTab's features.parquet: the gene ids are the index of a pandas file
        census.protein_coding_genes.to_parquet(path)
    with write_atomically(arguments.manifest) as path:
        path.write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    run_script(main)
