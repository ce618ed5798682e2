"""Look at what a run will need before it starts: releases, genes, ontology, counts, machine.

Prints a table of what is right, what will fail and why, and what cannot be told. Ends with an error
if anything will fail. Nothing is written.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from hce.census.h5ad import read_release
from hce.files import verify_checksum
from hce.hierarchy.releases import format_obo, read_package_terms
from hce.ingest.datasets import read_listed, verify_download
from hce.ingest.preflight import (
    FAILS,
    RIGHT,
    UNKNOWN,
    Findings,
    Seen,
    Wanted,
    judge_disk,
    judge_labels,
    judge_machine,
    look_across,
    look_at_counts,
    look_at_release,
    opened,
)
from hce.ontology import prefix_of, read_obo
from hce.published.archives import archives_at
from hce.published.fetch import listed_bytes
from hce.published.layout import find_files
from hce.published.plan import published_plan, said_of_downloads
from hce.published.rows import RECORD, tables_in_turn
from hce.tables import read_table

DOWNLOADED = "is downloaded by the run (config/datasets.tsv), which needs the network"
OF_ALL_CELLS = "of all cells, not of some: `snakemake plan` reads obs and tells, before any counts"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=json.loads, required=True, help="the configuration, JSON")
    parser.add_argument("--uris", type=json.loads, required=True, help="of train and ood, JSON")
    parser.add_argument("--datasets", type=Path, help="config/datasets.tsv")
    parser.add_argument(
        "--releases-only", action="store_true", help="see only whether both releases open"
    )
    parser.add_argument(
        "--cluster", type=json.loads, help="what the cluster says, JSON; else this machine is asked"
    )
    arguments = parser.parse_args()
    config, findings = arguments.config, Findings()
    census, seen = config["census"], {}
    s3 = {key: value for key, value in census["s3"].items() if value is not None}
    if arguments.releases_only:
        for name, uri in arguments.uris.items():
            findings.attempt(f"{name}: {uri}", partial(opened, uri, census["organism"], s3))
        conclude(findings)
        return
    symbols = listed_genes(census["gene_list"], arguments.datasets, findings)
    wanted = Wanted(
        census["organism"],
        census["assays"],
        s3,
        census["fractional_counts"],
        census["missing_genes"],
        symbols,
    )
    if census["source"] == "h5ad":
        look_at_files(census, prefix_of(config["selection"]["root"]), findings)
    elif census["source"] == "simulated" and not Path(arguments.uris["train"]).exists():
        findings.add("Census", UNKNOWN, "simulated by the run: snakemake simulate_census makes it")
    else:
        seen = look_at_releases(arguments.uris, wanted, findings)
    look_at_ontology(config, arguments.datasets, seen, findings)
    findings.add("selection and slice", UNKNOWN, OF_ALL_CELLS)
    n_cells = sum(release.n_cells for release in seen.values())
    if config["source"] != "trained":
        look_at_published(config, arguments.datasets, n_cells, findings)
    if config["source"] == "checkpoints" and config["published"]["splits"] == ["ood"]:
        n_cells = seen["ood"].n_cells if "ood" in seen else 0
    if n_cells and config["source"] != "predictions":
        judge_disk(Path(config["results"]), n_cells, findings)
    if arguments.cluster is None:
        judge_machine(config["resources"], findings)
    else:
        findings.rows += [tuple(row) for row in arguments.cluster]
    conclude(findings)


def conclude(findings: Findings) -> None:
    """Print the table; end with an error if anything will fail."""
    table = findings.table()
    print(as_text(table), flush=True)
    failing = int((table["verdict"] == FAILS).sum())
    if failing:
        raise SystemExit(f"{failing} of {len(table)} would fail: mend these before the run")
    print(f"Nothing of {len(table)} would fail.")


def listed_genes(path: str | None, datasets: Path, findings: Findings) -> list[str] | None:
    """Symbols of the gene list, if it is there already."""
    if not path:
        return None
    if not Path(path).is_file():
        listed = Path(path).name in read_listed(datasets)
        verdict = UNKNOWN if listed else FAILS
        because = DOWNLOADED if listed else "there is no such file"
        findings.add(f"census.gene_list {path}", verdict, because)
        return None
    symbols: list[str] = []

    def look() -> str:
        verify_download(Path(path), datasets)
        symbols.extend(read_table(Path(path), columns=["gene_names"])["gene_names"].tolist())
        return f"{len(symbols):,} symbols"

    return symbols if findings.attempt(f"census.gene_list {path}", look) else None


def look_at_releases(uris: dict[str, str], wanted: Wanted, findings: Findings) -> dict[str, Seen]:
    """Look at both releases at once, which wait for the network, then compare them."""
    parts = {name: Findings() for name in uris}
    with ThreadPoolExecutor() as pool:
        looks = {
            name: pool.submit(look_at_release, name, uri, wanted, parts[name])
            for name, uri in uris.items()
        }
        found = {name: look.result() for name, look in looks.items()}
        for part in parts.values():
            findings.rows += part.rows
        seen = {name: release for name, release in found.items() if release is not None}
        if len(seen) < len(uris):
            return seen
        genes = look_across(seen["train"], seen["ood"], wanted, findings)
        if genes is None:
            genes = seen["train"].genes
        ids = genes["feature_id"].tolist()
        counts = {name: Findings() for name in uris}

        def look(name: str) -> None:
            counts[name].attempt(
                f"{name}: counts", lambda: look_at_counts(name, uris[name], ids, wanted)
            )

        list(pool.map(look, uris))
    for part in counts.values():
        findings.rows += part.rows
    return seen


def look_at_files(census: dict[str, Any], prefix: str, findings: Findings) -> None:
    """Read obs, var and the first counts of a user's own files."""
    files = {name: [Path(path) for path in census[name]["files"]] for name in ("train", "ood")}
    for name, other in (("train", "ood"), ("ood", "train")):

        def look(own: list[Path] = files[name], others: list[Path] = files[other]) -> str:
            tables = read_release(
                own, census["organism"], others, census["fractional_counts"], prefix
            )
            cells, genes = tables.counts.shape
            return f"{cells:,} cells, {genes:,} genes in {len(own)} files"

        findings.attempt(f"{name}: files", look)


def look_at_published(
    config: dict[str, Any], datasets: Path, n_obs: int, findings: Findings
) -> None:
    """Find the published files, and say what taking them for ours needs."""
    path, what = config["published"]["path"], f"published {config['source']}"
    in_turn = [] if path or config["source"] == "checkpoints" else tables_in_turn(datasets)
    if not in_turn and (path is None or archives_at(Path(path))):
        done = "downloaded" if path is None else "unpacked"
        findings.add(what, UNKNOWN, f"are {done} by the run")
        return

    def look() -> str:
        architectures, losses, seeds = (
            config[name] for name in ("architectures", "losses", "seeds")
        )
        folder, chosen = Path(path or RECORD), config["published"]["choose"]
        layout = find_files(folder, architectures, losses, seeds, chosen, in_turn)
        files = [Path(file) for file in layout.predictions.values()]
        if in_turn:
            plan = said_of_downloads(listed_bytes(datasets, file) for file in files)
        else:
            n_cells = max(pq.read_metadata(file).num_rows for file in files)
            plan = published_plan(files, n_cells, n_obs)
        return " ".join([*plan.splitlines(), *layout.notes])

    def look_at_checkpoints() -> str:
        # which of them is of which run is seen when they are read, which needs torch
        files = sorted(Path(path).rglob("*.ckpt"))
        wanted = [len(config[name]) for name in ("architectures", "losses", "seeds")]
        if len(files) < math.prod(wanted):
            raise ValueError(
                f"{path}: holds {len(files)} checkpoints (*.ckpt), the run takes "
                f"{math.prod(wanted)}; download the others too, or set seeds and architectures to "
                "what is there"
            )
        size = sum(file.stat().st_size for file in files) / 1e9
        return f"{len(files)} checkpoints, {size:,.1f} GB; read in place, one after the other"

    findings.attempt(what, look if config["source"] == "predictions" else look_at_checkpoints)


def look_at_ontology(
    config: dict[str, Any], datasets: Path, seen: dict[str, Seen], findings: Findings
) -> None:
    """Read the ontology, and compare it with the cell types of the cells looked at."""
    ontology = config["ontology"]
    path = Path(ontology["path"] or "")
    graphs = []
    prefix = prefix_of(config["selection"]["root"])

    def look() -> str:
        if ontology["source"] == "file":
            if ontology["sha256"]:
                verify_checksum(path, ontology["sha256"], "correct ontology.sha256")
            verify_download(path, datasets)
            graphs.append(read_obo(path, prefix))
        else:
            text = format_obo(read_package_terms(ontology["release"]), ontology["release"])
            with tempfile.TemporaryDirectory() as folder:
                written = Path(folder) / "cl.obo"
                written.write_text(text, encoding="utf-8")
                graphs.append(read_obo(written))
        return f"release {graphs[0].graph['release']}, {len(graphs[0]):,} terms"

    downloaded = path.name in read_listed(datasets) and not path.exists()
    if ontology["source"] == "file" and downloaded:
        findings.add("ontology", UNKNOWN, f"{path} {DOWNLOADED}")
        return
    if findings.attempt("ontology", look):
        cells = {name: release.cells for name, release in seen.items()}
        judge_labels(graphs[0], config["selection"]["root"], cells, findings)


def as_text(table: pd.DataFrame) -> str:
    """The findings, what will fail last, where it is seen."""
    order = {RIGHT: 0, UNKNOWN: 1, FAILS: 2}
    sorted_ = table.sort_values("verdict", key=lambda column: column.map(order), kind="stable")
    width = sorted_["what"].str.len().max()
    return "\n".join(
        f"{row.verdict:15} {row.what:{width}}  {row.because}" for row in sorted_.itertuples()
    )


if __name__ == "__main__":
    main()
