# Reproduces "Improving atlas-scale single-cell annotation models with hierarchical cross-entropy
# loss" (Nature Computational Science 2026). Rule files are included in the order of the data:
# Census, ontology, atlas and shards, models, scores, tests, figures. Every path hangs off the
# configuration key `results`.

from snakemake.utils import min_version

min_version("9.27")


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/location.smk"
include: "workflow/rules/common.smk"


# an image with every environment of envs/, or none
containerized: config["container"]


pathvars:
    results=config["results"],
    logs="<results>/logs",
    benchmarks="<results>/benchmarks",


# first, and so the default target; as `default_target` it would be that of every importing workflow
rule all:
    """Everything: figures, tables, claims and the summary of the run."""
    input:
        run.everything,


include: "workflow/rules/check.smk"
include: "workflow/rules/census.smk"
include: "workflow/rules/ontology.smk"
include: "workflow/rules/atlas.smk"
# predictions, of models that are trained here or of the authors'
include: run.predicting_rules
include: "workflow/rules/published.smk"
include: "workflow/rules/annotate.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/compare.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/supplement.smk"
include: "workflow/rules/beyond.smk"
include: "workflow/rules/report.smk"


if run.source == "trained":

    include: "workflow/rules/learning_curve.smk"


include: "workflow/rules/controls.smk"


onstart:
    folder_lock.hold(config["results"])
    run.announce_own_files()
    run.check_releases(script("check_run"), workflow.dag.needrun_jobs())
    if runs_in_this_environment(workflow):
        run.check_gpu(workflow.dag.needrun_jobs())
    if runs_on_slurm(workflow):
        slurm_guard.prepare(workflow)


onerror:
    disk.say_if_full(config["results"])
    if runs_on_slurm(workflow):
        slurm_guard.clean_up()


rule figures:
    """The figures of the paper, with their source data."""
    input:
        figures(FIGURES),


rule supplement:
    """The figures and tables of the supplement, with their source data."""
    input:
        figures(run.supplementary_figures),
        collect("<results>/tables/tableS{number}.tsv", number=[1, 2, 3]),


rule overview:
    """Everything, and the page that the report opens with (then: snakemake --report)."""
    input:
        figures(FIGURES + run.supplementary_figures + BEYOND + run.own_figures),
        figures(run.leading_figures),
        run.tables(),
        "<results>/overview.html",


rule annotations:
    """The cells of a user's own files, called by the models of the run."""
    input:
        run.annotations(),


rule plan:
    """What the run will need: cells, jobs, memory, disk and time of each stage."""
    input:
        "<results>/plan.txt",


rule hierarchy:
    """Counts of the reachability matrix over the paper's cell types in the ontology given."""
    input:
        "<results>/ontology/hierarchy_summary.tsv",
