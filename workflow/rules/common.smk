# Shared by all rule files. Paths of the code, input functions, checks of the configuration.

import ast
import json
import math
import os
import re
import sys
from functools import cache
from pathlib import Path

import slurm_guard
from snakemake.exceptions import WorkflowError
from snakemake.sourcecache import LocalSourceFile
from snakemake.utils import validate

if not isinstance(workflow.current_basedir, LocalSourceFile):
    raise WorkflowError(
        "this workflow runs its scripts from files: clone the repository and give the path of its "
        "Snakefile instead of github(...) or an address."
    )
REPOSITORY = Path(os.path.relpath(Path(workflow.current_basedir) / "../.."))


def parse_numbers(value):
    """Numbers in a list or dict of --config, which snakemake leaves as text: seeds=[0,1]."""
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


def repository_file(name):
    """Path of a file of the repository, wherever snakemake runs."""
    return (REPOSITORY / name).as_posix()


def check_sections():
    """Say where a configuration comes from, when there is none to speak of."""
    missing = [name for name in ("census", "ontology") if name not in config]
    if missing:
        raise WorkflowError(
            f"the configuration has no section {' and no section '.join(missing)}. It is read from "
            "config/config.yaml of the folder that snakemake works in, from --configfile, or from "
            "`config:` where this workflow is a module. Start from a copy of "
            f"{repository_file('config/config.yaml')} (simulated) or config/paper.yaml beside it."
        )


# a module has its own configuration, in which keys of --config need not be
for key in workflow.config_settings.config.keys() & config.keys():
    config[key] = parse_numbers(config[key])

check_sections()
validate(config, "../schemas/config.schema.yaml")


wildcard_constraints:
    release="train|ood",
    split="train|val|test|ood",
    architecture="|".join(config["models"]),
    loss="ce|hce|hce_permuted",
    seed=r"\d+",


# --- code as an input ---------------------------------------------------------------------------


def script(name):
    """Path of the script of a rule."""
    return (REPOSITORY / "scripts" / f"{name}.py").as_posix()


def imported_modules(path):
    """Names of the hce modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "hce":
            yield from (f"hce.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@cache
def modules(name):
    """Paths of the hce modules that a script reaches by import."""
    reached, waiting = set(), [Path(script(name))]
    while waiting:
        for module in imported_modules(waiting.pop()):
            path = REPOSITORY.joinpath("scripts", *module.split(".")).with_suffix(".py")
            if module.startswith("hce.") and path not in reached:
                reached.add(path)
                waiting.append(path)
    return sorted(path.as_posix() for path in reached)


def dataset_names():
    """Names of config/datasets.tsv, as a pattern."""
    lines = (REPOSITORY / "config" / "datasets.tsv").read_text().splitlines()[1:]
    return "|".join(re.escape(line.split("\t")[0]) for line in lines)


def get_checksum(wildcards):
    """SHA-256 that a download must have: the table's, or that of its first download."""
    lines = (REPOSITORY / "config" / "datasets.tsv").read_text().splitlines()
    rows = (dict(zip(lines[0].split("\t"), line.split("\t"))) for line in lines[1:])
    known = {row["name"]: row["sha256"] for row in rows}[wildcards.name]
    record = Path(workflow.pathvars.apply(f"<resources>/{wildcards.name}.sha256"))
    return known or record.read_text().split()[0]


# --- which run is this ----------------------------------------------------------------------------


def data_source():
    """What a figure or table says about where its data come from."""
    if config["census"]["source"] == "simulated":
        return "simulated Census"
    train, ood = (config["census"][name]["release"] for name in ("train", "ood"))
    if config["census"]["source"] == "h5ad":
        return f"h5ad files, {train} and {ood}"
    return f"CELLxGENE Census {train} and {ood}"


def run_identity():
    """The sections of the configuration that say which data a results folder holds."""
    sections = ["census", "ontology"]
    if config["census"]["source"] == "simulated":
        sections.append("simulation")
    return {name: config[name] for name in sections}


def differences(stored, current, path=""):
    """Keys whose values differ between two nested dicts, as text."""
    if isinstance(stored, dict) and isinstance(current, dict):
        keys = sorted(set(stored) | set(current))
        parts = (
            differences(stored.get(key), current.get(key), f"{path}.{key}")
            for key in keys
        )
        return [line for part in parts for line in part]
    return (
        [] if stored == current else [f"{path[1:]}: {stored!r} there, {current!r} now"]
    )


def check_results_folder():
    """Refuse to write over the results of a run on other data."""
    stamp = Path(config["results"]) / "run.json"
    if not stamp.exists():
        return
    differing = differences(json.loads(stamp.read_text()), run_identity())
    if differing:
        raise WorkflowError(
            f"{config['results']}/ holds a run on other data ({stamp}):\n  "
            + "\n  ".join(differing)
            + "\nNothing was changed. Use another folder (--config results=OTHER), the "
            "configuration of that run, or remove the folder if you do not need it."
        )


def check_configuration():
    """Refuse settings that the schema cannot see do not fit together."""
    census, ontology = config["census"], config["ontology"]
    if census["source"] == "released":
        for name in ("train", "ood"):
            if not census[name].get("uri"):
                raise WorkflowError(
                    f"census.{name}.uri is missing: with census.source released, give the folder "
                    "or S3 address of the release's soma collection."
                )
        if not census["gene_list"]:
            raise WorkflowError(
                "census.gene_list is missing: it is needed for a real Census."
            )
    elif census["source"] == "h5ad":
        for name in ("train", "ood"):
            if not census[name].get("files"):
                raise WorkflowError(
                    f"census.{name}.files is missing: with census.source h5ad, list the files."
                )
    elif "simulation" not in config:
        raise WorkflowError(
            "section simulation is missing: census.source is simulated."
        )
    if ontology["source"] == "file" and not ontology["path"]:
        raise WorkflowError("ontology.path is missing: ontology.source is file.")
    validation, test = (config["split"][share] for share in ("validation", "test"))
    if validation + test >= 1:
        raise WorkflowError(
            f"split.validation {validation} and split.test {test} leave no training set."
        )
    for architecture in config["architectures"]:
        if architecture not in config["models"]:
            raise WorkflowError(
                f"architectures: {architecture!r} is not one of linear, mlp, tabnet, and "
                f"models.{architecture}.file is missing (docs/adapt.md)."
            )
    virtual = config["models"]["tabnet"]["virtual_batch_size"]
    if (
        "tabnet" in config["architectures"]
        and config["training"]["batch_size"] % virtual
    ):
        raise WorkflowError(
            f"training.batch_size {config['training']['batch_size']} is not a multiple of "
            f"models.tabnet.virtual_batch_size {virtual}."
        )


check_configuration()
check_results_folder()

# --- inputs ---------------------------------------------------------------------------------------


def release_uri(name):
    """Where the train or the ood release is opened."""
    release = config["census"][name]
    if config["census"]["source"] == "simulated":
        return f"{config['results']}/simulated_census/{release['release']}"
    if config["census"]["source"] == "h5ad":
        return f"{config['results']}/converted_census/{name}/soma"
    return release["uri"]


def get_release_uri(wildcards):
    """Where the release of a job is opened."""
    return release_uri(wildcards.release)


def get_release_manifest(wildcards):
    """What must be there before a release can be opened."""
    if config["census"]["source"] == "simulated":
        return ["<results>/simulated_census/manifest.json"]
    if config["census"]["source"] == "h5ad":
        return [
            f"<results>/converted_census/{name}/manifest.json"
            for name in ("train", "ood")
        ]
    return []


def get_h5ad_files(wildcards):
    """The files that a release is made of."""
    return config["census"][wildcards.release]["files"]


def get_release_name(wildcards):
    """Name of a release."""
    return config["census"][wildcards.release]["release"]


def get_gene_list(wildcards):
    """The list of protein-coding genes; of a user's own files, all genes."""
    if config["census"]["source"] == "h5ad":
        default = "<results>/converted_census/train/genes.parquet"
    else:
        default = "<results>/simulated_census/protein_coding_genes.parquet"
    return config["census"]["gene_list"] or default


def shards_of(splits):
    """Shards of some splits: train=464 val=112."""
    shards = config["shards"]
    return [f"{split}={shards['buckets'][split] * shards['parts']}" for split in splits]


def get_release_splits(wildcards):
    """Splits that come from a release."""
    return ["ood"] if wildcards.release == "ood" else ["train", "val", "test"]


def get_pieces(wildcards):
    """Pieces that hold the cells of a split."""
    release = "ood" if wildcards.split == "ood" else "train"
    n_ranges = config["shards"]["ranges"][release]
    return [
        f"<results>/shards/pieces/{release}/{i}-of-{n_ranges}.arrow"
        for i in range(n_ranges)
    ]


def shard_paths(split, bucket):
    """The shards that one shuffle job writes."""
    return [
        f"<results>/shards/{split}/part-{bucket}-{part}.parquet"
        for part in range(config["shards"]["parts"])
    ]


def get_shards(wildcards):
    """All shards of all splits, in order."""
    return [
        path
        for split, n in config["shards"]["buckets"].items()
        for bucket in range(n)
        for path in shard_paths(split, f"{bucket:04d}")
    ]


# Keys of models.ARCHITECTURE that belong to the training, not to the network.
OPTIMIZER_KEYS = ("learning_rate", "weight_decay")
OTHER_KEYS = ("augmentation", "file")


def get_hyperparameters(wildcards):
    """Hyperparameters of the network, as JSON."""
    settings = config["models"][wildcards.architecture]
    return json.dumps(
        {k: v for k, v in settings.items() if k not in OPTIMIZER_KEYS + OTHER_KEYS}
    )


def get_training(wildcards):
    """Parameters of the training, as JSON."""
    settings = config["models"][wildcards.architecture]
    own = {k: v for k, v in settings.items() if k in OPTIMIZER_KEYS}
    return json.dumps(config["training"] | own)


def get_augmentations(wildcards):
    """The augmentation vectors, if the architecture is trained with them."""
    if config["models"][wildcards.architecture]["augmentation"] == "none":
        return []
    return ["<results>/atlas/augmentations.npy"]


def get_architecture_file(wildcards):
    """The file of an architecture that is not the paper's."""
    file = config["models"][wildcards.architecture].get("file")
    return [file] if file else []


def get_loss_reachability(wildcards):
    """The hierarchy of the loss, if it is not the true one."""
    if wildcards.loss == "hce_permuted":
        return ["<results>/ontology/reachability_permuted.npz"]
    return []


def get_loss(wildcards):
    """The loss function of a wildcard; the control differs from HCE in its hierarchy only."""
    return wildcards.loss.removesuffix("_permuted")


def model_paths(pattern, losses):
    """Fill a pattern with every architecture and seed of the configuration, for some losses."""
    return expand(
        pattern, architecture=config["architectures"], loss=losses, seed=config["seeds"]
    )


def get_trainings():
    """Trainings of each architecture: linear=8 mlp=8."""
    n_trainings = len(config["losses"]) * len(config["seeds"])
    return [f"{architecture}={n_trainings}" for architecture in config["architectures"]]


def get_scores(losses):
    """Scores of all models with some losses."""
    return model_paths(
        "<results>/scores/{architecture}/{loss}/seed{seed}/test.parquet", losses
    ) + model_paths(
        "<results>/scores/{architecture}/{loss}/seed{seed}/ood.parquet", losses
    )


def get_predictions(splits):
    """What all models of CE and HCE said of the cells of some splits."""
    return [
        path
        for split in splits
        for path in model_paths(
            f"<results>/predictions/{{architecture}}/{{loss}}/seed{{seed}}/{split}.parquet",
            ["ce", "hce"],
        )
    ]


def grown(base, attempt):
    """Half as much again at each attempt."""
    return math.ceil(base * 1.5 ** (attempt - 1))


def memory(base):
    """Memory of a job in MB, as a function of the attempt."""

    def get_memory(wildcards, attempt):
        return grown(base, attempt)

    return get_memory


def minutes(base):
    """Time of a job in minutes, as a function of the attempt."""
    limit = config["resources"]["runtime_limit"]

    def get_runtime(wildcards, attempt):
        return min(grown(base, attempt), limit or sys.maxsize)

    return get_runtime


get_memory = memory(config["resources"]["memory"])
get_runtime = minutes(config["resources"]["runtime"])


def get_ontology_arguments():
    """Where fetch_ontology takes the release from, as arguments of its script."""
    ontology = config["ontology"]
    if ontology["source"] == "package":
        return f"--package-release {ontology['release']}"
    checksum = f" --sha256 {ontology['sha256']}" if ontology["sha256"] else ""
    return f"--file {ontology['path']}{checksum}"


FIGURES = [f"fig1{panel}" for panel in "abcde"] + [f"fig2{panel}" for panel in "abcd"]
SUPPLEMENTARY_FIGURES = [f"figS{number}" for number in range(1, 11)]


def get_figures(names):
    """Some figures, as PDF and PNG."""
    return expand(
        "<results>/figures/{figure}.{format}", figure=names, format=["pdf", "png"]
    )


def get_recorded_configuration():
    """What the provenance says of the configuration, as JSON: which data, models and seeds."""
    sections = ("census", "ontology", "architectures", "seeds", "selection", "split")
    return json.dumps({name: config[name] for name in sections})


def get_finest_config():
    """Configuration of the control in which every study annotates as finely as it can."""
    return config | {
        "results": f"{config['results']}/controls/finest",
        "simulation": config["simulation"] | {"annotation": "finest"},
    }
