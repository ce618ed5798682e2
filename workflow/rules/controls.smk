# Controls of the simulation: is the gain due to what we say it is due to?
#   finest    every collection annotates as finely as it can: the gain should shrink
#   permuted  HCE with a hierarchy whose labels are permuted: it should hurt

# The finest control is this same workflow on another simulated Census, in a folder of its own.
# Its own configuration asks for no controls, so that the import ends there.
if run.has_finest:

    module finest:
        snakefile:
            "../../Snakefile"
        config:
            run.finest_config()

    use rule * from finest exclude download as finest_*


use rule compare_losses as compare_permuted with:
    input:
        scores=run.scores(["ce", "hce", "hce_permuted"]),
        cell_types="<results>/ontology/cell_types.tsv",
        datasets=expand(
            "<results>/census/{release}/datasets.parquet", release=["train", "ood"]
        ),
    output:
        macro_f1="<results>/controls/permuted/tables/macro_f1.tsv",
        macro_f1_runs="<results>/controls/permuted/tables/macro_f1_runs.tsv",
        per_cell_type="<results>/controls/permuted/tables/per_cell_type.tsv",
        per_cell_type_runs="<results>/controls/permuted/tables/per_cell_type_runs.tsv",
        per_study="<results>/controls/permuted/tables/per_study.tsv",
        per_study_runs="<results>/controls/permuted/tables/per_study_runs.tsv",
        strata="<results>/controls/permuted/tables/strata.tsv",
        strata_runs="<results>/controls/permuted/tables/strata_runs.tsv",
    log:
        "<logs>/compare_permuted.log",
    benchmark:
        "<benchmarks>/compare_permuted.jsonl"
    message:
        "Comparing HCE with a permuted hierarchy"


rule tabulate_controls:
    """Write the source data of the figure of the controls."""
    input:
        runs="<results>/controls/permuted/tables/macro_f1_runs.tsv",
        finest_runs="<results>/controls/finest/tables/macro_f1_runs.tsv",
    output:
        "<results>/figures/source_data/controls.csv",
    log:
        "<logs>/tabulate_controls.log",
    benchmark:
        "<benchmarks>/tabulate_controls.jsonl"
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        script=script("tabulate_controls"),
        code=fingerprint("tabulate_controls"),
    message:
        "Writing the source data of the controls"
    shell:
        "python {params.script:q} --macro-f1-runs {input.runs:q} "
        "--finest-macro-f1-runs {input.finest_runs:q} --output {output:q} > {log:q} 2>&1"


rule controls:
    """The controls of the simulation: more work than the demo itself."""
    input:
        "<results>/figures/controls.pdf",
