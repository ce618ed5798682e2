# What the rules share - paths of the code, and functions that give inputs, memory and time.

import json
import math
import os
import re
import sys
from pathlib import Path

import slurm_guard
from configuration_errors import differences, explain, no_such_key
from fingerprint import library
from jsonschema.exceptions import ValidationError
from snakemake.exceptions import WorkflowError
from snakemake.utils import validate


def repository_file(name):
    """Path of a file of the repository, wherever snakemake runs."""
    return (REPOSITORY / name).as_posix()


include: "checks.smk"
include: "own.smk"


wildcard_constraints:
    release="train|ood",
    split="train|val|test|ood",
    architecture="|".join(config["models"]),
    loss="|".join([*PAPER_LOSSES, PERMUTED_LOSS, *config["own_losses"]]),
    seed=r"\d+",


# --- code as an input ---------------------------------------------------------------------------


def script(name):
    """Path of the script of a rule, a parameter that snakemake does not compare between runs.

    It compares text and numbers; a clone may lie elsewhere tomorrow.
    """
    return REPOSITORY / "scripts" / f"{name}.py"


def fingerprint(name, *further):
    """What code does, a parameter that runs its rule again where it is another one."""

    def get_fingerprint(wildcards):
        return library(SCRIPTS).fingerprint(name, *further)

    return get_fingerprint


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
        f"<results>/shards/{split}/part-{bucket}-{part}.zarr.zip"
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


# of trainings and predictions
DEVICE = "cuda" if config["resources"]["gpus"] > 0 else "cpu"
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


def get_loss_reachability(wildcards):
    """The hierarchy of the loss, if it is not the true one."""
    if wildcards.loss == PERMUTED_LOSS:
        return ["<results>/ontology/reachability_permuted.npz"]
    return []


def get_loss(wildcards):
    """The loss function of a wildcard; the control differs from HCE in its hierarchy only."""
    return "hce" if wildcards.loss == PERMUTED_LOSS else wildcards.loss


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


def get_everything(wildcards):
    """All figures and tables of the paper, and the summary."""
    figures = get_figures(FIGURES + SUPPLEMENTARY_FIGURES)
    tables = collect("<results>/tables/{table}.tsv", table=TABLES)
    return figures + tables + ["<results>/summary.txt"]


def get_recorded_configuration():
    """What the provenance says of the configuration, as JSON: which data, models and seeds."""
    sections = ["census", "ontology", "architectures", "seeds", "selection", "split"]
    if OWN_LOSSES:
        sections += ["losses", "own_losses"]
    return json.dumps({name: config[name] for name in sections})


def get_finest_config():
    """Configuration of the control in which every study annotates as finely as it can."""
    return config | {
        "results": f"{config['results']}/controls/finest",
        "simulation": config["simulation"] | {"annotation": "finest"},
    }
