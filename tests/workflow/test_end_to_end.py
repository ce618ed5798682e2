"""The workflow runs to the end, leaves what it promises, and knows what to run again."""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from repository_copy import NOTHING, REPOSITORY, TINY, Code, FinishedRun, snakemake
from user_run import HEAVY

pytestmark = pytest.mark.end_to_end

FIGURES = [f"fig1{panel}" for panel in "abcde"] + [f"fig2{panel}" for panel in "abcd"]
FIGURES += [f"figS{number}" for number in range(1, 11)]
# composed from the source data of their panels
PAGES = ["fig1", "fig2"]
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
    "claims",
    "decisions",
    "metrics",
    "metrics_runs",
    "specificity_runs",
    "new_study",
    "new_study_units",
    "power",
    "tableS1",
    "tableS2",
    "tableS3",
]
JOBS = {
    "record_run": 1,
    "fetch_ontology": 1,
    "simulate_census": 1,
    "read_obs": 2,
    "select_genes": 1,
    "select_cells": 1,
    "build_hierarchy": 1,
    "summarize_atlas": 1,
    "fetch_counts": 2 + 2,
    "shuffle_shards": 2 + 1 + 1 + 1,
    "list_shards": 1,
    "sample_augmentations": 1,
    "train_model": 3 * 2 * 2,
    "predict": 3 * 2,
    "score": 3 * 2,
    "compare_losses": 1,
    "check_claims": 1,
    "tabulate_figure1": 1,
    "tabulate_figure2": 1,
    "tabulate_figureS1": 1,
    "tabulate_figureS2to4": 1,
    "tabulate_figureS5to8": 1,
    "tabulate_figureS9to10": 1,
    "tabulate_hyperparameters": 1,
    "tabulate_decisions": 1,
    "tabulate_new_study": 1,
    "summarize_run": 1,
    **{f"draw_{figure}": 1 for figure in FIGURES + PAGES},
}


def test_every_rule_ran_as_often_as_it_should(finished_run: FinishedRun) -> None:
    assert finished_run.first.jobs == JOBS
    assert (
        f"{sum(JOBS.values()) + 1} of {sum(JOBS.values()) + 1} steps" in finished_run.first.output
    )


def test_the_jobs_of_a_cluster_are_those_that_its_campaign_knows() -> None:
    """`make test-slurm`, which is run more seldom, checks their memory and time."""
    texts = [path.read_text() for path in (REPOSITORY / "workflow" / "rules").glob("*.smk")]
    parts = [part for text in texts for part in re.split(r"^(?=rule )", text, flags=re.M)]
    local = {part.split()[1].strip(":") for part in parts if "    localrule: True\n" in part}
    heavy = {rule: count for rule, count in JOBS.items() if rule not in local}
    heavy = {rule: count for rule, count in heavy.items() if not rule.startswith("draw_")}
    assert heavy == {rule: count for rule, (count, _, _) in HEAVY.items()}


@pytest.mark.parametrize("figure", FIGURES + PAGES)
def test_each_figure_is_there_as_pdf_and_png_with_its_source_data(
    finished_run: FinishedRun, figure: str
) -> None:
    folder = finished_run.results / "figures"
    assert (folder / f"{figure}.pdf").read_bytes().startswith(b"%PDF-")
    assert (folder / f"{figure}.png").read_bytes().startswith(b"\x89PNG\r\n")
    if figure not in PAGES:
        assert len(pd.read_csv(folder / "source_data" / f"{figure}.csv")) > 0


def test_every_table_and_source_data_names_its_data_and_seeds(finished_run: FinishedRun) -> None:
    before_training = {"atlas_summary", "atlas_composition", "claims", "cell_types"}
    before_training |= {"fig1a", "fig1b", "fig1c"}
    tables = [finished_run.results / "tables" / f"{table}.tsv" for table in TABLES]
    tables.append(finished_run.results / "ontology" / "cell_types.tsv")
    source_data = sorted((finished_run.results / "figures" / "source_data").glob("*.csv"))
    assert len(source_data) >= len(FIGURES)
    for path in tables + source_data:
        table = pd.read_csv(path, sep="\t" if path.suffix == ".tsv" else ",")
        source = "simulated Census, seeds 0, 1"
        if path.stem in before_training:
            source = "simulated Census"
        if path.stem == "fig2a":
            source = "none, an illustration"
        assert set(table["data_source"]) == {source}, path


def test_nothing_simulated_decides_a_claim_of_the_paper(finished_run: FinishedRun) -> None:
    path = finished_run.results / "tables" / "claims.tsv"
    claims = pd.read_csv(path, sep="\t", index_col="id", keep_default_na=False)
    assert len(claims) > 40
    assert set(claims["verdict"]) == {"cannot be told from these data"}
    assert claims["why"].str.startswith("the data are not those of the paper").all()
    # what these data show is said all the same
    assert claims["ours"].ne("").all()
    assert claims.loc["atlas_cells", "in_these_data"] == "no"
    assert claims.loc["ood_labels", ["ours", "in_these_data"]].tolist() == [
        "80 of 80, and 0 others",
        "yes",
    ]


def test_the_summary_has_the_numbers_of_the_table(finished_run: FinishedRun) -> None:
    text = (finished_run.results / "summary.txt").read_text()
    table = pd.read_csv(finished_run.results / "tables" / "macro_f1.tsv", sep="\t")
    ood = table[table["split"] == "ood"].set_index("architecture")
    assert "2 seeds. Data: simulated Census, seeds 0, 1." in text
    for architecture, name in (("linear", "Linear"), ("mlp", "MLP"), ("tabnet", "TabNet")):
        line = re.search(rf"^{name} .*$", text, re.M).group()
        assert f"{ood.loc[architecture, 'hce_mean']:.3f}" in line
        assert f"{ood.loc[architecture, 'gain_mean']:+.3f}" in line


def test_every_job_leaves_a_benchmark_and_no_piece_stays(finished_run: FinishedRun) -> None:
    benchmarks = list((finished_run.results / "benchmarks").rglob("*.jsonl"))
    assert len(benchmarks) == sum(JOBS.values())
    logs = list((finished_run.results / "logs").rglob("*.log"))
    assert len(logs) == sum(JOBS.values())
    assert [log.name for log in logs if not log.read_text().strip()] == []
    assert list((finished_run.results / "shards" / "pieces").rglob("*.parquet")) == []
    assert list(finished_run.results.rglob("checkpoint-*")) == []
    assert list(finished_run.results.rglob(".*.part*")) == []


def test_a_second_run_has_nothing_to_do(finished_run: FinishedRun) -> None:
    for arguments in ((), ("-n",)):
        again = snakemake(finished_run.folder, *TINY, *arguments)
        assert again.returncode == 0
        assert NOTHING in again.output


def test_forcing_a_rule_runs_it_and_what_follows(finished_run: FinishedRun) -> None:
    forced = snakemake(finished_run.folder, *TINY, "-n", "--forcerun", "compare_losses")
    kinds = "draw|tabulate_(f|new)|compare|check|summarize_run"
    follows = {rule for rule in JOBS if re.match(kinds, rule)}
    assert forced.jobs == dict.fromkeys(follows, 1)


@pytest.fixture
def code(finished_run: FinishedRun) -> Iterator[Code]:
    """The code of the finished run, put back afterwards."""
    scripts = finished_run.folder / "scripts"
    kept = scripts.with_name("kept")
    shutil.copytree(scripts, kept)
    yield Code(scripts)
    shutil.rmtree(scripts)
    kept.rename(scripts)


def rename_a_module(code: Code) -> None:
    """Give a module another name, in a folder of its own, wherever it is imported."""
    old = code.file("def known_architectures(")
    (code.scripts / "hce" / "words").mkdir()
    old.rename(code.scripts / "hce" / "words" / "labels.py")
    name = ".".join(old.relative_to(code.scripts).with_suffix("").parts)
    for path in code.scripts.rglob("*.py"):
        path.write_text(
            path.read_text().replace(f"from {name} import", "from hce.words.labels import")
        )


def move_a_function(code: Code) -> None:
    """Move a function of the loss, which all trainings use, to a module of its own."""
    path = code.file("def _check_batch(")
    lines = path.read_text().splitlines(keepends=True)
    body = ast.parse("".join(lines)).body
    (function,) = (n for n in body if isinstance(n, ast.FunctionDef) and n.name == "_check_batch")
    # what a public module needs it imports in a `with`
    kinds = ast.Import | ast.ImportFrom | ast.With
    last_import = max(n.end_lineno for n in body if isinstance(n, kinds))
    imports, moved = lines[:last_import], lines[function.lineno - 1 : function.end_lineno]
    path.with_name("batch_checks.py").write_text("".join(imports + moved))
    package = ".".join(path.relative_to(code.scripts).parent.parts)
    lines[function.lineno - 1 : function.end_lineno] = []
    lines[last_import:last_import] = [f"from {package}.batch_checks import _check_batch\n"]
    path.write_text("".join(lines))


def reformat(code: Code) -> None:
    """Write every file as the syntax tree prints it, without comments, with other docstrings."""
    for path in code.scripts.rglob("*.py"):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            if documented and ast.get_docstring(node) is not None:
                node.body[0].value.value = "Other words."
        path.write_text(ast.unparse(tree))


def remark(code: Code) -> None:
    """Add a comment to a file that almost every script imports."""
    path = code.file("def write_atomically(")
    path.write_text(path.read_text() + "\n# one more remark\n")


@pytest.mark.parametrize("edit", [remark, reformat, rename_a_module, move_a_function])
def test_editing_what_the_code_does_not_mean_runs_nothing(
    finished_run: FinishedRun, code: Code, edit: Callable[[Code], None]
) -> None:
    before = code.texts()
    edit(code)
    assert code.texts() != before
    said = snakemake(finished_run.folder, *TINY, "-n")
    assert NOTHING in said.output, said.output


def test_editing_a_plot_draws_again_and_retrains_nothing(
    finished_run: FinishedRun, code: Code
) -> None:
    code.replace("def _write_gain(", "linewidth=0.6", "linewidth=0.7")
    jobs = snakemake(finished_run.folder, *TINY, "-n").jobs
    assert jobs == {"draw_fig2b": 1, "draw_fig2": 1, "summarize_run": 1}


def test_editing_the_loss_trains_every_model_again_on_the_same_shards(
    finished_run: FinishedRun, code: Code
) -> None:
    code.replace("def hierarchical_cross_entropy(", "score + eps", "score - eps")
    jobs = snakemake(finished_run.folder, *TINY, "-n").jobs
    assert (jobs["train_model"], jobs["predict"], jobs["score"]) == (12, 6, 6)
    before = {
        "record_run",
        "fetch_ontology",
        "simulate_census",
        "read_obs",
        "select_genes",
        "select_cells",
        "build_hierarchy",
        "summarize_atlas",
        "fetch_counts",
        "shuffle_shards",
        "list_shards",
        "sample_augmentations",
    }
    assert jobs.keys().isdisjoint(before)
    assert jobs.keys() | before == JOBS.keys()


def test_editing_a_kernel_that_is_imported_late_trains_again(
    finished_run: FinishedRun, code: Code
) -> None:
    code.replace("def multiply_transposed(", "+=", "-=")
    jobs = snakemake(finished_run.folder, *TINY, "-n").jobs
    assert jobs["train_model"] == 12
    assert jobs.keys().isdisjoint({"select_cells", "list_shards"})


def test_a_new_time_stamp_of_the_code_reruns_nothing(finished_run: FinishedRun) -> None:
    for path in (finished_run.folder / "scripts").rglob("*.py"):
        path.touch()
    assert NOTHING in snakemake(finished_run.folder, *TINY, "-n").output


def test_controls_are_planned_beside_the_run(finished_run: FinishedRun) -> None:
    jobs = snakemake(finished_run.folder, *TINY, "-n", "controls").jobs
    # HCE with the permuted hierarchy, and with random trees
    assert jobs["train_model"] == 2 * 3 * 2
    assert jobs["finest_train_model"] == 3 * 2 * 2
    assert jobs["finest_simulate_census"] == jobs["draw_controls"] == 1
    assert "simulate_census" not in jobs


def test_a_model_trained_again_and_all_that_follows_is_the_same(finished_run: FinishedRun) -> None:
    results, run = finished_run.results, "tabnet/hce/seed1"
    model = results / "models" / run / "model.safetensors"
    files = [model, model.with_name("hyperparameters.json")]
    files += [
        results / part / run / f"{s}.parquet"
        for part in ("predictions", "scores")
        for s in ("test", "ood")
    ]
    files += [
        results / "tables" / f"{table}.tsv"
        for table in TABLES
        if table.startswith(("macro", "per"))
    ]
    before = {path: path.read_bytes() for path in files}
    shutil.rmtree(model.parent)
    for path in files[2:]:
        path.unlink()
    again = snakemake(finished_run.folder, "results-tiny/tables/macro_f1.tsv", *TINY)
    assert again.jobs == {"train_model": 1, "predict": 1, "score": 1, "compare_losses": 1}
    assert [path.name for path in files if path.read_bytes() != before[path]] == []
    # the time that the training took is another
    assert snakemake(finished_run.folder, *TINY).jobs == {"check_claims": 1}
    assert NOTHING in snakemake(finished_run.folder, *TINY, "-n").output


def test_shards_do_not_depend_on_the_number_of_ranges(finished_run: FinishedRun) -> None:
    folder, other = finished_run.folder, finished_run.copy_cells("results-ranges")
    config = folder / "ranges.yaml"
    config.write_text("results: results-ranges\nshards: {ranges: {train: 3, ood: 1}}\n")
    again = snakemake(folder, "results-ranges/shards/manifest.json", *TINY, config.name)
    assert again.jobs == {"fetch_counts": 3 + 1, "shuffle_shards": 5, "list_shards": 1}
    shards = shard_bytes(finished_run.results)
    assert len(shards) == 5
    assert shard_bytes(other) == shards
    assert (other / "shards/manifest.json").read_text() == (
        finished_run.results / "shards/manifest.json"
    ).read_text()


def shard_bytes(results: Path) -> dict[str, bytes]:
    """Content of every shard by its path."""
    folder = results / "shards"
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.glob("*/part-*")}
