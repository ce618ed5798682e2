"""The command line of annotation: `hce annotate`, and scripts/annotate.py without installing."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from hce.extras import needs

with needs("annotate"):
    import numpy as np
    import pandas as pd
    import torch
    from tqdm import tqdm

    from hce.annotation.calls import Calls, annotate, columns_of
    from hce.annotation.cells import CellFile, open_cells
    from hce.annotation.genes import match_genes
    from hce.annotation.output import check_output, write_annotated
    from hce.annotation.page import write_page
    from hce.annotation.scores import depth_table, label_classes, label_scores, risk_coverage
    from hce.extension.build import build_any_model
    from hce.files import sha256
    from hce.models import TrainedModel, load_model
    from hce.tables import PARQUET, write_table

DESCRIPTION = """Call the cell types of an AnnData file with one or several trained models, whose
probabilities are averaged. The file is not changed: --output is a copy of it with more columns."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The command `hce`; annotate is its only word."""
    parser = argparse.ArgumentParser(prog="hce", description="Hierarchical cell type annotation.")
    words = parser.add_subparsers(required=True)
    add_arguments(words.add_parser("annotate", description=DESCRIPTION, help="an AnnData file"))
    run(parser.parse_args(arguments))


def annotate_command() -> None:
    """scripts/annotate.py."""
    parser = argparse.ArgumentParser(description=DESCRIPTION)
    add_arguments(parser)
    run(parser.parse_args())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "--model",
        type=Path,
        nargs="+",
        action="extend",
        required=True,
        help="model.safetensors, one or several of the same genes and cell types",
    )
    parser.add_argument(
        "cells", type=Path, nargs="?", help="AnnData with raw counts: .h5ad or .zarr"
    )
    parser.add_argument("--output", type=Path, help="copy of the file with the calls in obs")
    parser.add_argument("--table", type=Path, help="Parquet table of the calls")
    parser.add_argument("--page", type=Path, help="HTML summary: hierarchy, levels, groups")
    parser.add_argument(
        "--by", nargs="+", default=[], help="obs columns that --page tells apart: clusters, samples"
    )
    parser.add_argument("--layer", help="layer with the raw counts; default raw.X, else X")
    parser.add_argument(
        "--threshold", type=_share, default=0.8, help="least score of the safe call (default 0.8)"
    )
    parser.add_argument(
        "--least-genes",
        type=_share,
        default=0.5,
        help="least share of the model's genes, and of the file's counts, to match (default 0.5)",
    )
    parser.add_argument("--labels", help="obs column with labels to score the calls by")
    parser.add_argument("--architecture-file", type=Path, nargs="?", help="if not the paper's")
    parser.add_argument("--batch-size", type=int, default=1024, help="cells (default 1024)")
    parser.add_argument(
        "--device",
        default="cuda" if torch.cuda.is_available() else "cpu",
        help="cpu, cuda or another of PyTorch's",
    )
    parser.add_argument("--threads", type=int, help="of PyTorch on the CPU")


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} does not lie between 0 and 1")
    return value


def run(arguments: argparse.Namespace) -> None:
    """Annotate; what is wrong with the input ends the command with one sentence."""
    if arguments.cells is None and len(arguments.model) > 1:
        # --model takes every word up to the next option
        arguments.cells = arguments.model.pop()
    try:
        _run(arguments)
    except (ValueError, OSError) as error:
        sys.exit(str(error))


def _run(arguments: argparse.Namespace) -> None:
    _check(arguments)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    models = load_models(arguments.model, arguments.architecture_file)
    facts = models[0].facts
    with open_cells(arguments.cells, arguments.layer) as cells:
        label = None
        if arguments.labels is not None:
            label = label_classes(_column(cells, arguments.labels), facts)
        groups = {name: _column(cells, name) for name in arguments.by}
        genes = match_genes(cells.var, facts, cells.path, arguments.least_genes)
        print(
            f"{cells.path}: {len(cells.obs):,} cells, counts of {cells.counts_name}\n"
            f"{genes.matched:,} of the {genes.n_genes:,} genes of the model are there, by "
            f"{genes.by}" + (f"; {genes.nameless:,} genes have no name" if genes.nameless else ""),
            flush=True,
        )
        with tqdm(total=len(cells.obs), unit=" cells", disable=None) as bar:
            device = torch.device(arguments.device)
            calls = annotate(models, cells, genes, arguments.batch_size, device, bar.update)
    share = _matched_share(calls, arguments.cells, arguments.least_genes)
    said = {
        "models": {
            "file": np.array([str(path) for path in arguments.model]),
            "sha256": np.array([sha256(path) for path in arguments.model]),
            "architecture": np.array([model.facts.architecture for model in models]),
        }
        | _trained(models),
        "versions": _versions(),
        "threshold": arguments.threshold,
        "counts_of": cells.counts_name,
        "genes_by": genes.by,
        "genes_of_model": genes.n_genes,
        "genes_matched": genes.matched,
        "counts_matched": share,
        "cells_without_counts": int((calls.argmax < 0).sum()),
        "levels": depth_table(calls, arguments.threshold),
    }
    if label is not None:
        said["scores"] = label_scores(calls, label, facts, arguments.threshold)
        said["risk_coverage"] = risk_coverage(calls, label, facts)
    _report(said)
    if arguments.page:
        safe, _ = calls.safe(arguments.threshold)
        steps = calls.steps(arguments.threshold)
        write_page(arguments.page, safe, steps, facts, said, groups)
    columns = columns_of(calls, facts, arguments.threshold)
    if arguments.table:
        table = columns.assign(cell=cells.obs.index.to_numpy())
        write_table(table[["cell", *columns]], arguments.table)
    if arguments.output:
        write_annotated(arguments.cells, arguments.output, columns, said)


def _check(arguments: argparse.Namespace) -> None:
    """Refuse a command line that asks for nothing, or for what cannot be."""
    if arguments.cells is None:
        raise ValueError("no file of cells: give an .h5ad or .zarr beside --model")
    if not (arguments.output or arguments.table or arguments.page):
        raise ValueError("nothing to write: give --output, --table or --page")
    if arguments.by and not arguments.page:
        raise ValueError("--by: says what --page tells apart; give --page, too")
    if arguments.batch_size < 1:
        raise ValueError(f"--batch-size {arguments.batch_size}: a batch has at least one cell")
    if arguments.table and arguments.table.suffix not in PARQUET:
        raise ValueError(f"--table {arguments.table}: the table is a .parquet file")
    if arguments.output and arguments.cells.exists():
        check_output(arguments.cells, arguments.output)


def load_models(paths: Sequence[Path], file: Path | None = None) -> list[TrainedModel]:
    """Load models whose probabilities can be averaged.

    Raises
    ------
    ValueError
        If one is no model, or has other genes or classes than the first.
    """
    models = [load_model(path, partial(build_any_model, file=file)) for path in paths]
    first = models[0].facts
    for path, model in zip(paths, models, strict=True):
        same = (
            model.facts.gene_ids == first.gene_ids,
            model.facts.term_ids == first.term_ids,
            np.array_equal(model.facts.reachability, first.reachability),
        )
        if not all(same):
            what = ("genes", "cell types", "hierarchy")[same.index(False)]
            raise ValueError(
                f"{path}: has other {what} than {paths[0]}; models are averaged that were trained "
                "on the same data (seeds, architectures or losses of one run)"
            )
    return models


def _column(cells: CellFile, name: str) -> pd.Series:
    if name not in cells.obs:
        known = ", ".join(map(str, cells.obs.columns)) or "no columns"
        raise ValueError(f"{cells.path}: obs has no column {name!r}; there are {known}")
    return cells.obs[name]


def _matched_share(calls: Calls, path: Path, least: float) -> float:
    """Share of the counts of the file that are of genes of the model."""
    total = float(calls.all_counts.sum(dtype=np.float64))
    if total == 0:
        raise ValueError(f"{path}: every count is 0; give the file with its raw counts")
    share = float(calls.counts.sum(dtype=np.float64)) / total
    if share < least:
        raise ValueError(
            f"{path}: only {share:.0%} of its counts are of genes of the model, less than "
            f"{least:.0%} (--least-genes); give counts of genes, all of them, by Ensembl id or "
            "symbol"
        )
    return share


def _trained(models: Sequence[TrainedModel]) -> dict[str, Any]:
    """What each model was trained on, a column a fact."""
    names = dict.fromkeys(name for model in models for name in model.facts.trained)
    return {
        name: np.array([str(model.facts.trained.get(name, "")) for model in models])
        for name in names
    }


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("hce", "torch", "anndata"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"  # a checkout of this repository
    return found


def _report(said: dict[str, Any]) -> None:
    """Print what the file will say of itself."""
    print(f"{said['counts_matched']:.1%} of the counts are of genes of the model")
    if empty := said["cells_without_counts"]:
        print(f"{empty:,} cells have no count of them and get no call")
    print(f"\nsafe calls at threshold {said['threshold']}, by level (0: none, 1: most general)")
    print(said["levels"].to_string(index=False, float_format="%.3f"))
    if "scores" in said:
        print("\nagainst the labels")
        print("\n".join(f"{name:10} {value:.4g}" for name, value in said["scores"].items()))
        print(said["risk_coverage"].to_string(index=False, float_format="%.3f"))
