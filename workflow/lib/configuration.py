"""Is a configuration complete, does it fit together, and is the results folder that of this run?"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema.exceptions import ValidationError
from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

from configuration_errors import differences, explain, no_such_key
from configuration_paths import normalize
from hce.published.rows import RECORD, record_rows

Config = dict[str, Any]

PAPER_LOSSES = ("ce", "hce")
# those of which the authors published checkpoints and predictions
PUBLISHED_ARCHITECTURES = ("linear", "mlp", "tabnet")
# HCE with a wrong hierarchy: controls, no losses of the configuration
CONTROL_LOSSES = {"hce_permuted": "permuted", "hce_random": "random"}
# HCE that counts descendants in part, between CE and HCE: hce_discount_0.5
DISCOUNT_LOSS = "hce_discount_"
# keys of census that say how the data are reached and read, not which they are
HOW_READ = ("s3", "fractional_counts", "missing_genes")
# of TileDB's settings, those that hold credentials
SECRET = re.compile(r"secret|password|username|token|access_key|account_key|credential")
# keys that run.json of earlier versions lacks, and what those versions did
ADDED_KEYS = {"census": {"organism": "homo_sapiens"}}


def complete(
    config: Config, given: Collection[str], sources: Sequence[str], repository: Path
) -> None:
    """Fill in the defaults of a configuration, or refuse it.

    Parameters
    ----------
    config
        What was read; changed in place.
    given
        Keys that the command line set.
    sources
        Where it was read from, for messages.
    repository
        Folder of the repository.

    Raises
    ------
    WorkflowError
        If anything is missing, unknown or does not fit; names key, value and remedy.
    """
    # a module has its own configuration, in which keys of --config need not be
    for key in given & config.keys():
        config[key] = parse_numbers(config[key])
    check_sections(config, repository)
    schema = (repository / "workflow" / "schemas" / "config.schema.yaml").resolve()
    try:
        validate(config, str(schema))
    except WorkflowError as error:
        if not isinstance(error.__context__, ValidationError):
            raise
        raise WorkflowError(
            f"{explain(error.__context__)}\nRead from: {', '.join(sources)}. "
            f"All keys: {(repository / 'config' / 'README.md').as_posix()}"
        ) from None
    config |= whole_numbers(config, read_schema(schema), schema)
    normalize(config)
    check_sources(config)
    check_s3(config["census"]["s3"])
    check_models(config)
    check_results_folder(config)
    check_losses(config)
    check_annotation(config)
    check_learning_curve(config)
    check_published(config, repository)


def parse_numbers(value: Any) -> Any:
    """Numbers in a list or dict of --config, which Snakemake leaves as text: seeds=[0,1]."""
    if isinstance(value, dict):
        return {key: parse_numbers(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [parse_numbers(entry) for entry in value]
    for number in (int, float):
        try:
            return number(value) if isinstance(value, str) else value
        except ValueError:
            continue
    return value


@cache
def read_schema(file: Path) -> dict[str, Any]:
    """A schema, read once."""
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def whole_numbers(value: Any, rules: dict[str, Any], schema: Path) -> Any:
    """Integers where the schema wants one: to JSON Schema 1.0 is one too, but not to a file name.

    Parameters
    ----------
    value
        A section of the configuration, or an entry.
    rules
        What the schema says of it.
    schema
        The file in which they stand.
    """
    if "$ref" in rules:
        file, _, pointer = rules["$ref"].partition("#")
        schema = schema.parent / file if file else schema
        rules = read_schema(schema)
        for part in filter(None, pointer.split("/")):
            rules = rules[part]
    if isinstance(value, dict):
        others = rules.get("additionalProperties")
        others = others if isinstance(others, dict) else {}
        known = rules.get("properties", {})
        return {
            name: whole_numbers(entry, known.get(name, others), schema)
            for name, entry in value.items()
        }
    if isinstance(value, list):
        return [whole_numbers(entry, rules.get("items", {}), schema) for entry in value]
    wanted = rules.get("type", [])
    return int(value) if isinstance(value, float) and "integer" in wanted else value


# --- what the schema cannot see -----------------------------------------------------------------


def check_sections(config: Config, repository: Path) -> None:
    """Say where a configuration comes from, when there is none to speak of."""
    missing = [name for name in ("census", "ontology") if name not in config]
    if missing:
        raise WorkflowError(
            f"the configuration has no section {' and no section '.join(missing)}. It is read from "
            "config/config.yaml of the folder that snakemake works in, from --configfile, or from "
            "`config:` where this workflow is a module. Start from a copy of "
            f"{(repository / 'config' / 'config.yaml').as_posix()} (simulated) or "
            "config/paper.yaml beside it."
        )


def check_sources(config: Config) -> None:
    """Refuse a source of cells or of the ontology without what it needs; settle a default."""
    census, ontology = config["census"], config["ontology"]
    if census["fractional_counts"] is None:
        census["fractional_counts"] = "refuse" if census["source"] == "h5ad" else "keep"
    if census["source"] == "released":
        for name in ("train", "ood"):
            if not census[name].get("uri"):
                raise WorkflowError(
                    f"census.{name}.uri is missing: with census.source released, give the folder "
                    "or S3 address of the release's soma collection."
                )
            if census[name].get("files"):
                raise WorkflowError(
                    f"census.{name}.files is given, but census.source is released, so nobody would "
                    "read them. Take them out, or set census.source to h5ad and give files for "
                    "both sets (docs/adapt.md)."
                )
        if not census["gene_list"]:
            raise WorkflowError("census.gene_list is missing: it is needed for a real Census.")
    elif census["source"] == "h5ad":
        for name in ("train", "ood"):
            if not census[name].get("files"):
                raise WorkflowError(
                    f"census.{name}.files is missing: with census.source h5ad, list the files."
                )
    elif "simulation" not in config:
        raise WorkflowError("section simulation is missing: census.source is simulated.")
    if ontology["source"] == "file" and not ontology["path"]:
        raise WorkflowError("ontology.path is missing: ontology.source is file.")


def check_s3(s3: Config) -> None:
    """Refuse credentials, which a configuration would show to everybody, and half a proxy."""
    for key in s3:
        if SECRET.search(key):
            raise WorkflowError(
                f"census.s3: {key} is a secret, and a configuration is no place for one: logs and "
                "reports show it. Take it out; credentials are those of the environment "
                "(AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for a proxy "
                "TILEDB_VFS_S3_PROXY_USERNAME and TILEDB_VFS_S3_PROXY_PASSWORD)."
            )
    if (s3["proxy_host"] is None) != (s3["proxy_port"] is None):
        raise WorkflowError("census.s3: proxy_host and proxy_port are given together, or neither.")


def check_models(config: Config) -> None:
    """Refuse a split without a training set, and architectures that cannot be trained."""
    validation, test = (config["split"][share] for share in ("validation", "test"))
    if validation + test >= 1:
        raise WorkflowError(
            f"split.validation {validation} and split.test {test} leave no training set."
        )
    for architecture in config["architectures"]:
        if architecture not in config["models"] or architecture == "source":
            raise WorkflowError(
                f"architectures: {architecture!r} is not one of linear, mlp, tabnet, and "
                f"models.{architecture}.file is missing (docs/adapt.md)."
            )
    virtual = config["models"]["tabnet"]["virtual_batch_size"]
    if "tabnet" in config["architectures"] and config["training"]["batch_size"] % virtual:
        raise WorkflowError(
            f"training.batch_size {config['training']['batch_size']} is not a multiple of "
            f"models.tabnet.virtual_batch_size {virtual}."
        )


def check_losses(config: Config) -> None:
    """Refuse a loss without a file, with another's name or unused, and a run without CE or HCE."""
    own = config["own_losses"]
    trained = [name for name in config["losses"] if name not in PAPER_LOSSES]
    for name in own.keys() & {*PAPER_LOSSES, *CONTROL_LOSSES}:
        raise WorkflowError(
            f"own_losses.{name}: {name} is a loss of this workflow; take another name."
        )
    for name in trained:
        if name not in own:
            raise WorkflowError(
                f"losses: {name!r} is not one of ce, hce, and own_losses.{name}.file is missing: "
                f"{no_such_key(name, [*PAPER_LOSSES, *own])} (docs/adapt.md)."
            )
        file = Path(own[name]["file"])
        if not file.is_file():
            raise WorkflowError(
                f"own_losses.{name}.file: there is no file {file} in {Path.cwd()}, the folder that "
                "snakemake works in."
            )
    for name in PAPER_LOSSES:
        if name not in config["losses"]:
            raise WorkflowError(
                f"losses: {name} is missing; every other loss is compared with CE and HCE."
            )
    for name in own:
        if name not in trained:
            raise WorkflowError(
                f"own_losses.{name}: no model would be trained with it; add {name} to losses or "
                f"take own_losses.{name} out."
            )


def check_annotation(config: Config) -> None:
    """Refuse models to annotate with that the run does not train."""
    for key, among in (("architecture", "architectures"), ("loss", "losses")):
        name = config["annotation"][key]
        if config["annotate"] and name not in config[among]:
            raise WorkflowError(
                f"annotation.{key}: {name!r} is not one of {among} ({', '.join(config[among])}); "
                "take one of them, or add it there."
            )


def check_learning_curve(config: Config) -> None:
    """Refuse architectures of the learning curve that nobody knows."""
    for name in config["learning_curve"]["architectures"] or ():
        if name not in config["models"]:
            raise WorkflowError(
                f"learning_curve.architectures: {name!r} is not one of "
                f"{', '.join(config['models'])}."
            )


def check_published(config: Config, repository: Path) -> None:
    """Refuse published models or predictions that are nowhere, and what they cannot give."""
    source, path = config["models"]["source"], config["published"]["path"]
    if source == "trained":
        return
    others = [name for name in config["architectures"] if name not in PUBLISHED_ARCHITECTURES]
    others += [name for name in config["losses"] if name not in PAPER_LOSSES]
    if others:
        raise WorkflowError(
            f"models.source is {source}, but nothing is published of {', '.join(others)}; take it "
            "out of architectures and losses, or set models.source to trained."
        )
    if source == "predictions" and config["annotate"]:
        raise WorkflowError(
            "annotate: models.source is predictions, so there is no model to annotate with; take "
            "the files out, or set models.source to checkpoints or trained."
        )
    if source == "checkpoints" and "ood" not in config["published"]["splits"]:
        raise WorkflowError(
            "published.splits: ood is missing; every figure and test compares on it. Add it."
        )
    if path is None and not record_rows(repository / "config" / "datasets.tsv"):
        raise WorkflowError(
            f"published.path is missing: models.source is {source}, and config/datasets.tsv lists "
            "no file of the authors' record, whose names and checksums were not known when this "
            "was written. Download the record (Zenodo 17211022) by hand, unpack it into a folder "
            f"and set published.path to it, or add a row with sha256 under the name {RECORD}... "
            "for each of its files to config/datasets.tsv (docs/published.md)."
        )
    if path is not None and not Path(path).exists():
        raise WorkflowError(
            f"published.path: there is no folder or archive {path} in {Path.cwd()}; correct it."
        )


# --- which run is this ----------------------------------------------------------------------------


def identity(config: Config) -> Config:
    """The sections of the configuration that say which data a results folder holds."""
    sections = ["census", "ontology"]
    if config["census"]["source"] == "simulated":
        sections.append("simulation")
    chosen = {name: config[name] for name in sections}
    if config["models"]["source"] != "trained":
        chosen["models"] = {"source": config["models"]["source"]}
    census = {key: value for key, value in config["census"].items() if key not in HOW_READ}
    return chosen | {"census": census}


def recorded_identity(stamp: Path) -> Config:
    """What run.json says; where an earlier version wrote it, with the keys added since."""
    try:
        stored = json.loads(stamp.read_text(encoding="utf-8"))
        added = {name: keys | stored.get(name, {}) for name, keys in ADDED_KEYS.items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise WorkflowError(
            f"{stamp}: is damaged ({error}), so that nobody can tell which run {stamp.parent}/ is "
            "of. If you know that it is of this configuration, remove the file; else use another "
            "folder (--config results=OTHER)."
        ) from error
    return stored | added


def check_results_folder(config: Config) -> None:
    """Refuse to write over the results of a run on other data."""
    stamp = Path(config["results"]) / "run.json"
    if not stamp.exists():
        return
    differing = differences(recorded_identity(stamp), identity(config))
    if differing:
        raise WorkflowError(
            f"{config['results']}/ holds a run on other data ({stamp}):\n  "
            + "\n  ".join(differing)
            + "\nNothing was changed. Use another folder (--config results=OTHER), the "
            "configuration of that run, or remove the folder if you do not need it."
        )
