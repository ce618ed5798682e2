"""What a configuration runs: inputs and parameters of the rules, as functions of the wildcards.

The workflow is read twice where the controls import it, each time with its own configuration, so
each reading has a `Run` of its own.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from snakemake.exceptions import WorkflowError
from snakemake.io import expand
from snakemake.logging import logger

from configuration import (
    CONTROL_LOSSES,
    DISCOUNT_LOSS,
    PAPER_LOSSES,
    PUBLISHED_ARCHITECTURES,
    Config,
    identity,
)
from hce.published.archives import archives_at
from hce.published.rows import (
    CHECKPOINT,
    RECORD,
    record_archives,
    record_rows,
    tables_in_turn,
)
from resources import JobResources

# keys of models.ARCHITECTURE that belong to the training, not to the network
OPTIMIZER_KEYS = ("learning_rate", "weight_decay")
OTHER_KEYS = ("augmentation", "file")
FIGURES = [f"fig1{panel}" for panel in ("", *"abcde")] + [f"fig2{panel}" for panel in ("", *"abcd")]
SUPPLEMENTARY_FIGURES = [f"figS{number}" for number in range(1, 11)]
# supplementary figures of some architectures: without these they would be empty pages
ARCHITECTURES_SHOWN = {
    "figS2": {"linear"},
    "figS3": {"mlp"},
    "figS4": {"tabnet"},
    "figS7": {"linear", "tabnet"},
}
TABLES = [
    "atlas_summary",
    "atlas_composition",
    "macro_f1",
    "macro_f1_runs",
    "per_cell_type",
    "per_cell_type_runs",
    "per_study",
    "per_study_runs",
    "strata",
    "strata_runs",
    "decisions",
    "metrics",
    "metrics_runs",
    "specificity_runs",
    "new_study",
    "new_study_units",
    "power",
    "claims",
    "tableS1",
    "tableS2",
    "tableS3",
]


def figures(names: Iterable[str]) -> list[str]:
    """Some figures, as PDF and PNG."""
    return expand("<results>/figures/{figure}.{format}", figure=names, format=["pdf", "png"])


@dataclass(frozen=True, eq=False)
class Run:
    """A configuration that is complete (`configuration.complete`).

    Attributes
    ----------
    config
        It, as the rules see it.
    """

    config: Config

    @property
    def resources(self) -> JobResources:
        """Memory and time of the jobs."""
        section = self.config["resources"]
        return JobResources(section["memory"], section["runtime"], section["runtime_limit"])

    # --- where models and predictions come from ---

    @property
    def source(self) -> str:
        """Whether models are trained here, or they or their predictions the authors'."""
        return self.config["models"]["source"]

    @property
    def predicting_rules(self) -> str:
        """The file of the rules that give predictions."""
        name = "train" if self.source == "trained" else self.source
        return f"workflow/rules/{name}.smk"

    @property
    def predicted_splits(self) -> list[str]:
        """The tests whose cells are predicted one by one."""
        if self.source == "trained":
            return ["test", "ood"]
        asked = ["ood"] if self.source == "predictions" else self.config["published"]["splits"]
        # in the order of their files, whatever the order of the configuration
        return [split for split in ("test", "ood") if split in asked]

    def of_split(self, split: str, files: list[str]) -> list[str]:
        """Some files, if the cells of their split are predicted."""
        return files if split in self.predicted_splits else []

    def trained(self, name: str) -> list[str]:
        """A file of every model's folder, if there are models."""
        pattern = f"<results>/models/{{architecture}}/{{loss}}/seed{{seed}}/{name}"
        return self.models(pattern) if self.source != "predictions" else []

    def of_training(self, files: list[str]) -> list[str]:
        """Some files, if this run has shards to train on or predict."""
        return files if self.source != "predictions" else []

    @property
    def taken_predictions(self) -> str:
        """Where published predictions are written: for ours, or beside those of checkpoints."""
        return "<results>" if self.source == "predictions" else "<results>/published"

    def published_archives(self, downloads: Path, datasets: Path) -> list[str]:
        """The archives that the authors' record lies in; none where it is unpacked."""
        path = self.config["published"]["path"]
        if path:
            return [archive.as_posix() for archive in archives_at(Path(path))]
        return [(downloads / RECORD / name).as_posix() for name in record_archives(datasets)]

    def published_folder(self, downloads: Path, datasets: Path) -> str:
        """Where the files of the authors' record are."""
        if self.published_archives(downloads, datasets):
            return f"{self.config['results']}/published/record"
        return self.config["published"]["path"] or (downloads / RECORD).as_posix()

    def published_checkpoint(self, downloads: Path, datasets: Path) -> Callable[[Any], str]:
        """Where the checkpoint of a job is: the file that was chosen, else somewhere below."""

        def place(wildcards: Any) -> str:
            name = f"{wildcards.architecture}/{wildcards.loss}/seed{wildcards.seed}/checkpoint"
            folder = self.published_folder(downloads, datasets)
            return (Path(folder) / self.config["published"]["choose"].get(name, "")).as_posix()

        return place

    def published_files(
        self, downloads: Path, datasets: Path, checkpoints: bool = False
    ) -> list[str]:
        """Those of them that are downloaded first; the folder, if it is unpacked first.

        Checkpoints if they are wanted; tables of predictions are downloaded when they are read.
        """
        if self.published_archives(downloads, datasets):
            return ["<results>/published/record"]
        if self.config["published"]["path"]:
            return []
        later = {*tables_in_turn(datasets)}
        names = [name for name in record_rows(datasets) if name not in later]
        return [
            (downloads / RECORD / name).as_posix()
            for name in names
            if checkpoints or not name.endswith(CHECKPOINT)
        ]

    def published_in_turn(self, datasets: Path) -> list[str]:
        """Tables of predictions that are downloaded when they are read, by their place in it."""
        return [] if self.config["published"]["path"] else tables_in_turn(datasets)

    def keeps_published(self, wildcards: Any, output: Any) -> list[str]:
        """Whether these stay, as arguments; Snakemake does not compare what takes the output."""
        return ["--keep"] if self.config["published"]["keep"] else []

    def found_published(self) -> list[str]:
        """Where the published predictions of each run are listed, if they are taken for ours."""
        return ["<results>/published/files.json"] if self.source == "predictions" else []

    def exported(self, wildcards: Any) -> list[str]:
        """Listings of what is exported in the authors' layout, of the paper's architectures."""
        if self.source != "trained":
            raise WorkflowError(
                f"export: models.source is {self.source}, so the files are the authors' already; "
                "set it to trained."
            )
        known = [n for n in self.config["architectures"] if n in PUBLISHED_ARCHITECTURES]
        pattern = "<results>/export/predictions_{architecture}_{loss}.txt"
        one = "<results>/export/checkpoints_{architecture}_{loss}_{seed}.txt"
        return expand(pattern, architecture=known, loss=PAPER_LOSSES) + expand(
            one, architecture=known, loss=PAPER_LOSSES, seed=self.config["seeds"]
        )

    # --- releases, ontology ---

    def release_uri(self, name: str) -> str:
        """Where the train or the ood release is opened."""
        census, results = self.config["census"], self.config["results"]
        if census["source"] == "simulated":
            return f"{results}/simulated_census/{census[name]['release']}"
        if census["source"] == "h5ad":
            return f"{results}/converted_census/{name}/soma"
        return census[name]["uri"]

    def uri(self, wildcards: Any) -> str:
        """Where the release of a job is opened."""
        return self.release_uri(wildcards.release)

    def stores(self, wildcards: Any) -> list[str]:
        """What must be there before a release can be opened."""
        source = self.config["census"]["source"]
        if source == "simulated":
            return ["<results>/simulated_census/manifest.json"]
        if source == "h5ad":
            return [f"<results>/converted_census/{name}/manifest.json" for name in ("train", "ood")]
        return []

    def h5ad_files(self, wildcards: Any) -> list[str]:
        """The files that a release is made of."""
        return self.config["census"][wildcards.release]["files"]

    def other_files(self, wildcards: Any) -> list[str]:
        """The files of the other release: a study is named after a file that no other is."""
        return self.config["census"]["ood" if wildcards.release == "train" else "train"]["files"]

    def release_name(self, wildcards: Any) -> str:
        """Name of a release."""
        return self.config["census"][wildcards.release]["release"]

    def s3(self) -> str:
        """How releases are reached, as JSON: what is not set has the value of the scripts."""
        return json.dumps({k: v for k, v in self.config["census"]["s3"].items() if v is not None})

    def ood_genes(self) -> str:
        """What is done with genes of the model that the later release lacks."""
        census = self.config["census"]
        if census["missing_genes"] == "zero":
            return "zero"
        # a user's files may lack genes of each other, two releases of the Census do not
        return "shared" if census["source"] == "h5ad" else "all"

    def missing_genes(self, wildcards: Any) -> str:
        """Whether a release may lack genes of the model, which are those of the train release."""
        return "refuse" if wildcards.release == "train" else self.config["census"]["missing_genes"]

    def gene_list(self, wildcards: Any) -> str:
        """The list of protein-coding genes; of a user's own files, all genes."""
        if self.config["census"]["source"] == "h5ad":
            default = "<results>/converted_census/train/genes.parquet"
        else:
            default = "<results>/simulated_census/protein_coding_genes.parquet"
        return self.config["census"]["gene_list"] or default

    def term_prefix(self) -> str:
        """What the ids of the hierarchy begin with: the classes lie below selection.root."""
        return self.config["selection"]["root"].partition(":")[0]

    def ontology_arguments(self) -> list[str]:
        """Where fetch_ontology takes the release from, as arguments of its script."""
        ontology = self.config["ontology"]
        if ontology["source"] == "package":
            return ["--package-release", ontology["release"]]
        checksum = ["--sha256", ontology["sha256"]] if ontology["sha256"] else []
        return ["--file", ontology["path"], *checksum]

    # --- cells, shards ---

    @property
    def sliced(self) -> bool:
        """Whether the run takes a part of the selected cells."""
        keys = ("cells_per_type", "tissues", "diseases", "datasets")
        return any(self.config["slice"][key] for key in keys)

    @property
    def selected_cells(self) -> str:
        """The table of all selected cells: that of the run, if it takes no slice of them."""
        return f"<results>/atlas/{'selected' if self.sliced else 'cells'}.parquet"

    @property
    def sliced_cells(self) -> str:
        """The table of the cells of a slice; a file that nothing asks for, where there is none."""
        return f"<results>/atlas/{'cells' if self.sliced else 'slice'}.parquet"

    def slice_table(self) -> list[str]:
        """What a slice holds, if the run takes one."""
        return ["<results>/tables/slice.tsv"] if self.sliced else []

    def kept_tiles(self, resources: Path) -> list[str]:
        """Where fetched tiles are kept, as arguments: of a slice of a released Census."""
        wanted = self.sliced and self.config["slice"]["keep_tiles"]
        if not wanted or self.config["census"]["source"] != "released":
            return []
        return ["--tiles", (resources / "tiles").as_posix()]

    def shard_counts(self, splits: Iterable[str]) -> list[str]:
        """Shards of some splits: train=464 val=112."""
        shards = self.config["shards"]
        return [f"{split}={shards['buckets'][split] * shards['parts']}" for split in splits]

    def range_counts(self) -> list[str]:
        """Ranges of the releases whose counts are read: train=240 ood=28."""
        ranges = self.config["shards"]["ranges"]
        read = {"ood" if split == "ood" else "train" for split in self.sharded_splits}
        return [f"{release}={n}" for release, n in ranges.items() if release in read]

    def release_splits(self, wildcards: Any) -> list[str]:
        """Splits that come from a release."""
        splits = ["ood"] if wildcards.release == "ood" else ["train", "val", "test"]
        return [split for split in splits if split in self.sharded_splits]

    def pieces(self, wildcards: Any) -> list[str]:
        """Pieces that hold the cells of a split."""
        release = "ood" if wildcards.split == "ood" else "train"
        n_ranges = self.config["shards"]["ranges"][release]
        folder = f"<results>/shards/pieces/{release}"
        return [f"{folder}/{i}-of-{n_ranges}.arrow" for i in range(n_ranges)]

    @property
    def sharded_splits(self) -> list[str]:
        """The splits whose counts are read: without a training, those that are predicted."""
        every = list(self.config["shards"]["buckets"])
        return every if self.source == "trained" else self.predicted_splits

    def bucket_shards(self, split: str, bucket: str) -> list[str]:
        """The shards that one shuffle job writes."""
        parts = range(self.config["shards"]["parts"])
        return [f"<results>/shards/{split}/part-{bucket}-{part}.zarr.zip" for part in parts]

    def shards(self, wildcards: Any) -> list[str]:
        """All shards of all splits, in order."""
        return [
            path
            for split in self.sharded_splits
            for bucket in range(self.config["shards"]["buckets"][split])
            for path in self.bucket_shards(split, f"{bucket:04d}")
        ]

    # --- trainings ---

    @property
    def device(self) -> str:
        """Of trainings and predictions."""
        return "cuda" if self.config["resources"]["gpus"] > 0 else "cpu"

    @property
    def own_losses(self) -> list[str]:
        """Losses that are not the paper's."""
        return [name for name in self.config["losses"] if name not in PAPER_LOSSES]

    @property
    def known_losses(self) -> list[str]:
        """Losses that a model can be trained with, those of controls and frontier included."""
        return [*PAPER_LOSSES, *CONTROL_LOSSES, *self.discounts, *self.config["own_losses"]]

    @property
    def discounts(self) -> dict[str, float]:
        """Losses between CE and HCE, by name, with their discounts; none where nothing trains."""
        if self.source != "trained":
            return {}
        return {f"{DISCOUNT_LOSS}{d:g}": d for d in sorted(self.config["frontier"]["discounts"])}

    def hyperparameters(self, wildcards: Any) -> str:
        """Hyperparameters of the network, as JSON."""
        settings = self.config["models"][wildcards.architecture]
        not_its = OPTIMIZER_KEYS + OTHER_KEYS
        return json.dumps({key: value for key, value in settings.items() if key not in not_its})

    def training(self, wildcards: Any) -> str:
        """Parameters of the training, as JSON."""
        settings = self.config["models"][wildcards.architecture]
        own = {key: value for key, value in settings.items() if key in OPTIMIZER_KEYS}
        return json.dumps(self.config["training"] | own)

    def augmentations(self, wildcards: Any) -> list[str]:
        """The augmentation vectors, if the architecture is trained with them."""
        if self.config["models"][wildcards.architecture]["augmentation"] == "none":
            return []
        return ["<results>/atlas/augmentations.npy"]

    def loss(self, wildcards: Any) -> str:
        """The loss function of a wildcard; controls and discounts are HCE in other settings."""
        return "hce" if wildcards.loss in {*CONTROL_LOSSES, *self.discounts} else wildcards.loss

    def loss_reachability(self, wildcards: Any) -> list[str]:
        """The hierarchy of the loss, if it is not the true one."""
        control = CONTROL_LOSSES.get(wildcards.loss)
        return [f"<results>/ontology/reachability_{control}.npz"] if control else []

    def architecture_file(self, wildcards: Any) -> list[str]:
        """The file of an architecture that is not the paper's."""
        file = self.config["models"][wildcards.architecture].get("file")
        return [file] if file else []

    def loss_file(self, wildcards: Any) -> list[str]:
        """The file of a loss that is not the paper's."""
        own = self.config["own_losses"].get(wildcards.loss)
        return [own["file"]] if own else []

    def loss_settings(self, wildcards: Any) -> str:
        """Hyperparameters of a loss that is not the paper's, as JSON."""
        if wildcards.loss in self.discounts:
            return json.dumps({"discount": self.discounts[wildcards.loss]})
        own = self.config["own_losses"].get(wildcards.loss, {})
        return json.dumps({key: value for key, value in own.items() if key != "file"})

    def trials(self, wildcards: Any) -> list[str]:
        """What a training waits for: the trials of its own architecture and loss."""
        trials = []
        if self.architecture_file(wildcards):
            trials.append("<results>/checks/architectures/{architecture}.txt")
        if self.loss_file(wildcards):
            trials.append("<results>/checks/losses/{loss}.txt")
        return trials

    def own_files(self) -> list[str]:
        """A user's own files that define the architectures and losses of the run."""
        models = (self.config["models"][name] for name in self.config["architectures"])
        losses = (self.config["own_losses"][name] for name in self.own_losses)
        return [entry["file"] for entry in (*models, *losses) if "file" in entry]

    def announce_own_files(self) -> None:
        """Say before the first job which files of a user will be executed, with their SHA-256."""
        for file in self.own_files():
            digest = hashlib.sha256(Path(file).read_bytes()).hexdigest()
            logger.info(f"Will execute the code of {file} (SHA-256 {digest}).")

    def planned_trainings(self) -> list[str]:
        """What the plan must know of the trainings, as JSON; none where nothing trains."""
        if self.source != "trained":
            return []
        n_trainings = len(self.config["losses"]) * len(self.config["seeds"])
        names = ("max_epochs", "batch_size", "shuffle_window", "residency")
        resources = self.config["resources"]
        planned = json.dumps(
            {name: self.config["training"][name] for name in names}
            | {
                "models": dict.fromkeys(self.config["architectures"], n_trainings),
                "n_vectors": self.config["augmentation"]["n_vectors"],
                "memory": resources["train_memory"],
                "runtime": resources["train_runtime"],
                "gpu": resources["gpus"] > 0,
            }
        )
        return [planned]

    # --- the learning curve ---

    def training_shards(self, folder: str) -> list[str]:
        """Shards of the training split, in another folder."""
        return [
            f"{folder}/{Path(path).name}"
            for bucket in range(self.config["shards"]["buckets"]["train"])
            for path in self.bucket_shards("train", f"{bucket:04d}")
        ]

    def augmentations_of_slice(self, wildcards: Any) -> list[str]:
        """The augmentation vectors of the cells of a slice, if the architecture has any."""
        found = self.augmentations(wildcards)
        return ["<results>/learning_curve/{n_cells}/augmentations.npy"] if found else []

    def curve_sizes(self) -> list[int]:
        """Training cells a type of each point; 0 for the run itself, the last."""
        return [*sorted(self.config["learning_curve"]["cells_per_type"]), 0]

    def curve_manifests(self) -> list[str]:
        """What each point is trained on."""
        return [f"<results>/{self._point(n)}shards/manifest.json" for n in self.curve_sizes()]

    def curve_scores(self) -> list[str]:
        """Scores of all models of each point: equally many, point by point."""
        ran, wanted = self.config["architectures"], self.config["learning_curve"]["architectures"]
        chosen = [name for name in ran if name in (wanted or ran)] or ran
        pattern = "scores/{architecture}/{loss}/seed{seed}/{split}.parquet"
        return [
            path
            for n in self.curve_sizes()
            for path in expand(
                f"<results>/{self._point(n)}{pattern}",
                architecture=chosen,
                loss=PAPER_LOSSES,
                seed=self.config["seeds"],
                split=["test", "ood"],
            )
        ]

    @staticmethod
    def _point(n_cells: int) -> str:
        return f"learning_curve/{n_cells}/" if n_cells else ""

    # --- what models give ---

    def seeds(self, pattern: str) -> list[str]:
        """Fill the seed of a pattern with those of the configuration; other wildcards stay."""
        return expand(pattern, seed=self.config["seeds"], allow_missing=True)

    def models(self, pattern: str, losses: Iterable[str] = PAPER_LOSSES) -> list[str]:
        """Fill a pattern with every architecture and seed of the configuration, for some losses."""
        architectures, seeds = self.config["architectures"], self.config["seeds"]
        return expand(pattern, architecture=architectures, loss=losses, seed=seeds)

    def annotating_models(self) -> list[str]:
        """The models that call a user's own cells."""
        chosen = {key: self.config["annotation"][key] for key in ("architecture", "loss")}
        pattern = "<results>/models/{architecture}/{loss}/seed{seed}/model.safetensors"
        return expand(pattern, seed=self.config["seeds"], **chosen)

    def annotating_file(self) -> list[str]:
        """The file of their architecture, if it is not the paper's."""
        file = self.config["models"][self.config["annotation"]["architecture"]].get("file")
        return [file] if file else []

    def cells_to_annotate(self, wildcards: Any) -> str:
        """A user's own file."""
        return self.config["annotate"][wildcards.name]

    def annotations(self) -> list[str]:
        """The annotated copies of all of them."""
        return expand("<results>/annotations/{name}.h5ad", name=self.config["annotate"])

    def predictions(self, splits: Iterable[str]) -> list[str]:
        """What all models of CE and HCE said of the cells of some splits, as far as it is known."""
        pattern = "<results>/predictions/{{architecture}}/{{loss}}/seed{{seed}}/{split}.parquet"
        known = [split for split in splits if split in self.predicted_splits]
        return [path for split in known for path in self.models(pattern.format(split=split))]

    def scores(self, losses: Sequence[str] = PAPER_LOSSES) -> list[str]:
        """Scores of all models with some losses."""
        pattern = "<results>/scores/{{architecture}}/{{loss}}/seed{{seed}}/{split}.parquet"
        return [
            path
            for split in ("test", "ood")
            for path in self.models(pattern.format(split=split), losses)
        ]

    def calls(self, name: str, losses: Sequence[str] = PAPER_LOSSES) -> list[str]:
        """Cells counted by label and call, of all seeds of each architecture and loss."""
        pattern = "<results>/calls/{architecture}/{loss}/{name}.parquet"
        return expand(pattern, architecture=self.config["architectures"], loss=losses, name=name)

    def own_scores(self, wildcards: Any) -> list[str]:
        """Scores of all models, if a loss among them is not the paper's."""
        if not self.own_losses:
            raise WorkflowError(
                "losses has no loss beside ce and hce: add one, and its file to own_losses "
                "(docs/adapt.md)."
            )
        return self.scores(self.config["losses"])

    # --- results ---

    @property
    def own_tables(self) -> list[str]:
        """Tables of a user's own losses; the others compare CE and HCE, whatever else there is."""
        return ["own_losses", "own_losses_runs"] if self.own_losses else []

    @property
    def own_figures(self) -> list[str]:
        """Figures of a user's own losses; own architectures stand in those of the paper."""
        return ["own_losses"] if self.own_losses else []

    @property
    def supplementary_figures(self) -> list[str]:
        """Those that have something to show."""
        ran = set(self.config["architectures"])
        return [
            figure
            for figure in SUPPLEMENTARY_FIGURES
            if figure not in ARCHITECTURES_SHOWN or ran & ARCHITECTURES_SHOWN[figure]
        ]

    def tables(self) -> list[str]:
        """All tables."""
        return expand("<results>/tables/{table}.tsv", table=TABLES + self.own_tables)

    def everything(self, wildcards: Any) -> list[str]:
        """All figures and tables of the paper, and the summary."""
        drawn = figures(
            FIGURES + self.supplementary_figures + self.own_figures + self.leading_figures
        )
        return [*drawn, *self.tables(), "<results>/summary.txt"]

    @property
    def leading_figures(self) -> list[str]:
        """Beyond the paper, those that the report of published models begins with."""
        return [] if self.source == "trained" else ["decisions", "metrics", "frontier"]

    def category(self, figure: str, category: str) -> str:
        """Where a figure stands in the report."""
        return "At a glance" if figure in self.leading_figures else category

    def data_source(self) -> str:
        """What a figure or table says about where its data come from."""
        return self.cells_source() + (
            "" if self.source == "trained" else f"; published {self.source}"
        )

    def cells_source(self) -> str:
        """Where the cells come from."""
        said, chosen = self._releases(), self.config["slice"]
        for key in ("tissues", "diseases", "datasets"):
            # as many as fit a figure
            named = ", ".join(chosen[key]) if len(chosen[key]) < 3 else f"{len(chosen[key])} {key}"
            said += f", {named}" if named else ""
        if chosen["cells_per_type"]:
            said += f", {chosen['cells_per_type']:,} training cells a type at most"
        return said

    def _releases(self) -> str:
        census = self.config["census"]
        organism = census["organism"].replace("_", " ").capitalize()
        # the paper's organism goes without saying
        of = "" if organism == "Homo sapiens" else f", {organism}"
        if census["source"] == "simulated":
            return f"simulated Census{of}"
        train, ood = (census[name]["release"] for name in ("train", "ood"))
        if census["source"] == "h5ad":
            return f"h5ad files, {train} and {ood}{of}"
        return f"CELLxGENE Census {train} and {ood}{of}"

    def asked(self) -> str:
        """Sections of the configuration that are looked at before a run, as JSON."""
        names = ["census", "ontology", "selection", "resources", "results", "published"]
        names += ["architectures", "losses", "seeds"]
        asked = {name: self.config[name] for name in names}
        return json.dumps(asked | {"source": self.source})

    def uris(self) -> str:
        """Where both releases are opened, as JSON; a user's own files are none yet."""
        return json.dumps({name: self.release_uri(name) for name in ("train", "ood")})

    def check_releases(self, script: Path, jobs: Iterable[Any]) -> None:
        """Open the releases before the first job, if a job will read them.

        Raises
        ------
        WorkflowError
            If one does not open, with its sentence.
        """
        reads = self.config["census"]["source"] == "released" and any(
            job.rule.name == "read_obs" for job in jobs
        )
        # with --sdm conda the packages of the Census are where its jobs run, and they will tell
        if not reads or find_spec("cellxgene_census") is None:
            return
        command = [sys.executable, str(script), "--config", self.asked(), "--uris", self.uris()]
        done = subprocess.run(
            [*command, "--releases-only"], capture_output=True, text=True, check=False
        )
        if done.returncode:
            failed = [line for line in done.stdout.splitlines() if line.startswith("will fail")]
            said = "\n".join(failed) or done.stderr.strip()
            raise WorkflowError(
                f"{said}\nThe run stops before the first job. The same command "
                "with -- check at its end looks at the rest."
            )

    def check_gpu(self, jobs: Iterable[Any]) -> None:
        """See before the first job that PyTorch finds a GPU here, if a job will ask for one.

        Raises
        ------
        WorkflowError
            If it finds none.
        """
        wanted = self.device == "cuda" and any("gpu" in job.rule.resources for job in jobs)
        if not wanted or find_spec("torch") is None:
            return
        # in a process of its own: this one starts in a moment without PyTorch
        asks = "import torch; print(torch.cuda.is_available(), torch.version.cuda)"
        command = [sys.executable, "-c", asks]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found, build = done.stdout.split()[-2:]
        if found == "True":
            return
        built = "without CUDA" if build == "None" else f"for CUDA {build}"
        raise WorkflowError(
            f"resources.gpus is {self.config['resources']['gpus']}, but PyTorch (built {built}) "
            "sees no GPU on this machine. Set resources.gpus to 0 to train on the CPU, install "
            "PyTorch's build for your driver, or run on a cluster (docs/workstation.md).\n"
            "The run stops before the first job."
        )

    def identity(self) -> str:
        """Which data the results folder holds, as JSON."""
        return json.dumps(identity(self.config), sort_keys=True)

    def recorded_configuration(self) -> str:
        """What the provenance says of the configuration, as JSON: which data, models and seeds."""
        sections = ["census", "ontology", "architectures", "seeds", "selection", "split"]
        if self.own_losses:
            sections += ["losses", "own_losses"]
        if self.source != "trained":
            sections.append("published")
        recorded = {name: self.config[name] for name in sections}
        # names of a site's servers are nobody's business
        census = {key: value for key, value in recorded["census"].items() if key != "s3"}
        return json.dumps(recorded | {"census": census})

    def simulation(self) -> str:
        """Parameters of the embedded Census, as JSON."""
        return json.dumps(self.config.get("simulation"), sort_keys=True)

    # --- controls ---

    @property
    def has_finest(self) -> bool:
        """Whether there is a control in which every collection annotates as finely as it can."""
        simulated = self.config["census"]["source"] == "simulated"
        mixed = simulated and self.config["simulation"]["annotation"] != "finest"
        return mixed and self.source == "trained"

    def finest_config(self) -> Config:
        """Configuration of that control."""
        return self.config | {
            "results": f"{self.config['results']}/controls/finest",
            "simulation": self.config["simulation"] | {"annotation": "finest"},
        }
