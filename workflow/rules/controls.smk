# Controls: is the gain due to what we say it is due to?
#   permuted  HCE with a hierarchy whose labels are permuted: it should hurt
#   random    HCE with random trees of the same depths: it should hurt
#   finest    every collection annotates as finely as it can (simulations alone): the gain should shrink

# The finest control is this same workflow on another simulated Census, in a folder of its own.
# Its own configuration asks for no controls, so that the import ends there.
if run.has_finest and not lists_rules():

    module finest:
        snakefile:
            "../../Snakefile"
        config:
            run.finest_config()

    use rule * from finest exclude download as finest_*


use rule compare_losses as compare_controls with:
    """Compare HCE with wrong hierarchies, permuted and random, with CE over seeds (controls)."""
    input:
        scores=run.scores(["ce", "hce", *CONTROL_LOSSES]),
        cell_types="<results>/ontology/cell_types.tsv",
        datasets=expand(
            "<results>/census/{release}/datasets.parquet", release=["train", "ood"]
        ),
    output:
        macro_f1="<results>/controls/hierarchies/tables/macro_f1.tsv",
        macro_f1_runs="<results>/controls/hierarchies/tables/macro_f1_runs.tsv",
        per_cell_type="<results>/controls/hierarchies/tables/per_cell_type.tsv",
        per_cell_type_runs="<results>/controls/hierarchies/tables/per_cell_type_runs.tsv",
        per_study="<results>/controls/hierarchies/tables/per_study.tsv",
        per_study_runs="<results>/controls/hierarchies/tables/per_study_runs.tsv",
        strata="<results>/controls/hierarchies/tables/strata.tsv",
        strata_runs="<results>/controls/hierarchies/tables/strata_runs.tsv",
    log:
        "<logs>/compare_controls.log",
    benchmark:
        "<benchmarks>/compare_controls.jsonl"
    message:
        "Comparing HCE with wrong hierarchies"


rule tabulate_controls:
    """Write the source data of the figure of the controls."""
    input:
        runs="<results>/controls/hierarchies/tables/macro_f1_runs.tsv",
        finest_runs=(
            "<results>/controls/finest/tables/macro_f1_runs.tsv"
            if run.has_finest
            else []
        ),
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


rule tabulate_frontier:
    """Set corrected against exact macro F1 for a ladder of losses from CE to HCE."""
    input:
        calls=run.calls("calls", [*run.discounts, "ce", "hce"]),
        cell_types="<results>/ontology/cell_types.tsv",
        reachability="<results>/ontology/reachability.npz",
    output:
        table="<results>/tables/frontier.tsv",
        source_data="<results>/figures/source_data/frontier.csv",
    log:
        "<logs>/tabulate_frontier.log",
    benchmark:
        "<benchmarks>/tabulate_frontier.jsonl"
    conda:
        "../../envs/ontology.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(30),
    params:
        script=script("tabulate_frontier"),
        code=fingerprint("tabulate_frontier"),
        discounts=json.dumps({"ce": 0.0, **run.discounts, "hce": 1.0}),
        data_source=run.data_source(),
    message:
        "Drawing the frontier from CE to HCE"
    shell:
        "python {params.script:q} --calls {input.calls:q} --discounts {params.discounts:q} "
        "--cell-types {input.cell_types:q} --reachability {input.reachability:q} "
        "--data-source {params.data_source:q} --table {output.table:q} "
        "--output {output.source_data:q} > {log:q} 2>&1"


rule frontier:
    """A ladder of losses from CE to HCE: further trainings of each architecture and seed."""
    input:
        figures(["frontier"]),
        "<results>/tables/frontier.tsv",


rule controls:
    """The controls: more work than the run itself."""
    input:
        "<results>/figures/controls.pdf",
