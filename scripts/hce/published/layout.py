"""Where the files of the authors' record are: which run each table of predictions or scores is of.

The record is laid out as their trainings left it:

    tb_logs/cxg_2023_05_15_{linear,mlp,tabnet}[_hierarchical_loss]/default/version_{SEED}/
        checkpoints/NAME/{m}_detailed_results.parquet      OOD, one row a cell
    sctab_test/.../{m}_{overall,per_class,subset}_metrics.csv   ID, scores alone

A table of predictions is known by its columns, a run by the folders above it. Names of versions and
checkpoints may differ.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from hce.files import checked, write_atomically
from hce.published.rows import PREDICTIONS

PREDICTION_COLUMNS = ("soma_joinid", "y_true", "y_pred", "y_probs")
ID_FOLDER = "sctab_test"
ID_TABLES = {
    "overall": "_overall_metrics.csv",
    "per_class": "_per_class_metrics.csv",
    "subset": "_subset_metrics.csv",
}
ARCHITECTURE = re.compile(r"(?<![a-z])(linear|mlp|tabnet)(?![a-z])")
HIERARCHICAL = "hierarchical"
VERSION = re.compile(r"version_(\d+)")
WHERE = "published.path"


class Version(NamedTuple):
    """What the folders above a file say."""

    architecture: str
    loss: str
    version: int


@dataclass
class Layout:
    """The files of each run, named ARCHITECTURE/LOSS/seedSEED.

    Attributes
    ----------
    predictions
        Its table of predictions.
    id_tables
        Its tables of ID scores, by the names of `ID_TABLES`; those that are there.
    notes
        What a reader should know: versions taken for seeds, what is missing.
    """

    predictions: dict[str, str] = field(default_factory=dict)
    id_tables: dict[str, dict[str, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        with write_atomically(path) as temporary:
            temporary.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Layout:
        """Read what `write` wrote."""
        return cls(**json.loads(checked(path).read_text(encoding="utf-8")))


def run_name(architecture: str, loss: str, seed: int) -> str:
    """What a run is called here and in the configuration."""
    return f"{architecture}/{loss}/seed{seed}"


def version_name(architecture: str, loss: str, version: int) -> str:
    """The folder of a training in the authors' record."""
    suffix = "_hierarchical_loss" if loss == "hce" else ""
    return f"cxg_2023_05_15_{architecture}{suffix}/default/version_{version}"


def find_files(
    folder: Path,
    architectures: Sequence[str],
    losses: Sequence[str],
    seeds: Sequence[int],
    chosen: Mapping[str, str],
    listed: Collection[str] = (),
) -> Layout:
    """Find the files of every run of some architectures, losses and seeds.

    Parameters
    ----------
    folder
        Of the record, as it was unpacked; what lies how deep does not matter.
    chosen
        Files that the configuration names, relative to the folder, by run or, for a table of ID
        scores, by run and name (mlp/hce/seed0/overall).
    listed
        Tables of predictions, relative to the folder, that are downloaded when they are read: they
        need not be there yet.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, it has no table of predictions, or runs are missing; names them.
    ValueError
        If two files fit, or a table of predictions is cut or has other columns.
    """
    if not listed and not folder.is_dir():
        raise FileNotFoundError(f"{WHERE}: there is no folder {folder}; correct it")
    layout = Layout()
    there = set(filter(_is_prediction, folder.rglob("*.parquet")))
    tables = _by_version(folder, sorted(there | {folder / name for name in listed}))
    missing: list[str] = []
    for architecture in architectures:
        for loss in losses:
            found = {v.version: p for v, p in tables.items() if v[:2] == (architecture, loss)}
            versions = _versions_of_seeds(f"{architecture}/{loss}", sorted(found), seeds, layout)
            for seed in seeds:
                name = run_name(architecture, loss, seed)
                files = found.get(versions.get(seed, -1), [])
                if name in chosen:
                    files = [_named(folder, name, chosen[name], listed)]
                if not files:
                    missing.append(name)
                    continue
                layout.predictions[name] = _only(files, name, folder)
                version = Version(architecture, loss, versions.get(seed, seed))
                layout.id_tables[name] = find_id_tables(folder, version, name, chosen)
    if missing:
        known = ", ".join(map(str, sorted({"/".join(map(str, v)) for v in tables}))) or "none"
        raise FileNotFoundError(
            f"{folder}: no predictions (*{PREDICTIONS}) of {', '.join(missing)}; found "
            f"(architecture/loss/version): {known}. Download them too, set seeds and architectures "
            "to what is there, or name files under published.choose"
        )
    without = [name for name, files in layout.id_tables.items() if not files]
    if without:
        layout.notes.append(
            f"no ID scores ({ID_FOLDER}/.../*_metrics.csv) of {', '.join(without)}: what needs "
            "them stays empty"
        )
    return layout


def _is_prediction(path: Path) -> bool:
    """Whether a Parquet file is a table of predictions, by its columns."""
    try:
        names = pq.read_schema(path).names
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(
            f"{path}: is no Parquet file, or a cut one ({' '.join(str(error).split())}); download "
            "it again"
        ) from error
    lacking = [name for name in PREDICTION_COLUMNS if name not in names]
    if lacking and path.name.endswith(PREDICTIONS):
        raise ValueError(
            f"{path}: has no column {', '.join(lacking)}, only {', '.join(names)}; it is no table "
            "of the authors' predictions: take it away, or download it again"
        )
    return not lacking


def whose(path: Path) -> Version | None:
    """The run that a file, relative to the folder of the record, is of; None if nothing says so."""
    architecture = version = None
    loss = ""
    # the file's own name says least
    for part in (*path.parts[-2::-1], path.name):
        names = set(ARCHITECTURE.findall(part.lower()))
        if architecture is None and len(names) == 1:
            architecture = names.pop()
            loss = "hce" if HIERARCHICAL in part.lower() else "ce"
        number = VERSION.fullmatch(part)
        if version is None and number:
            version = int(number[1])
    if architecture is None or version is None:
        return None
    return Version(architecture, loss, version)


def _by_version(folder: Path, paths: Iterable[Path]) -> dict[Version, list[Path]]:
    found: dict[Version, list[Path]] = {}
    for path in paths:
        version = whose(path.relative_to(folder))
        if version is not None:
            found.setdefault(version, []).append(path)
    return found


def _versions_of_seeds(
    name: str, versions: Sequence[int], seeds: Sequence[int], layout: Layout
) -> dict[int, int]:
    """Which version is of which seed: that of its number; of other numbers, in their order."""
    if set(seeds) & set(versions) or len(versions) != len(seeds):
        return {seed: seed for seed in seeds if seed in versions}
    pairs = dict(zip(sorted(seeds), versions, strict=True))
    said = ", ".join(f"version_{version} as seed {seed}" for seed, version in pairs.items())
    layout.notes.append(f"{name}: took {said}")
    return pairs


def find_id_tables(
    folder: Path, version: Version, name: str, chosen: Mapping[str, str]
) -> dict[str, str]:
    """The tables of ID scores of a run that there are, by the names of `ID_TABLES`.

    Parameters
    ----------
    folder, chosen
        As of `find_files`.
    version
        Of the folders that they are in.
    name
        What the run is called here.

    Raises
    ------
    FileNotFoundError
        If a file that is named is not there.
    ValueError
        If two fit.
    """
    tables = {}
    for table, ending in ID_TABLES.items():
        key = f"{name}/{table}"
        files = [
            path
            for path in sorted(folder.rglob(f"*{ending}"))
            if ID_FOLDER in path.relative_to(folder).parts
            and whose(path.relative_to(folder)) == version
        ]
        if key in chosen:
            files = [_named(folder, key, chosen[key])]
        if files:
            tables[table] = _only(files, key, folder)
    return tables


def _only(files: Sequence[Path], name: str, folder: Path) -> str:
    if len(files) > 1:
        first, second = (path.relative_to(folder).as_posix() for path in files[:2])
        raise ValueError(
            f"{folder}: {first} and {second} both fit {name}; write the one to take into "
            f"published.choose, as {name}: PATH"
        )
    return files[0].as_posix()


def _named(folder: Path, name: str, file: str, listed: Collection[str] = ()) -> Path:
    path = folder / file
    if file not in listed and not path.is_file():
        raise FileNotFoundError(f"published.choose {name}: there is no file {path}; correct it")
    return path
