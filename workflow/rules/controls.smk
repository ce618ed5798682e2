# Controls of the simulation: is the gain due to what we say it is due to?
#   finest    every study annotates as finely as it can: the gain should shrink
#   permuted  HCE with a hierarchy whose labels are permuted: it should hurt

# The finest control is this same workflow on another simulated Census, in a folder of its own.
# Its own configuration asks for no controls, so that the import ends there.
if config["census"]["source"] == "simulated" and config["simulation"]["annotation"] != "finest":

    module finest:
        snakefile:
            "../../Snakefile"
        config:
            get_finest_config()

    use rule * from finest as finest_*


rule compare_permuted:
    """Scores of the models trained with a permuted hierarchy, beside the others."""
    input:
        script=script("compare_losses"),
        code=modules("compare_losses"),
        scores=get_scores(["ce", "hce", "hce_permuted"]),
        cell_types="<results>/ontology/cell_types.tsv",
    output:
        macro_f1="<results>/controls/permuted/tables/macro_f1.tsv",
        macro_f1_runs="<results>/controls/permuted/tables/macro_f1_runs.tsv",
        per_cell_type="<results>/controls/permuted/tables/per_cell_type.tsv",
        per_cell_type_runs="<results>/controls/permuted/tables/per_cell_type_runs.tsv",
        per_study="<results>/controls/permuted/tables/per_study.tsv",
    log:
        "<logs>/compare_permuted.log",
    benchmark:
        "<benchmarks>/compare_permuted.jsonl"
    conda:
        "../../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        data_source=data_source(),
    message:
        "Comparing HCE with a permuted hierarchy"
    shell:
        "python {input.script} --scores {input.scores} --cell-types {input.cell_types} "
        "--data-source {params.data_source:q} --macro-f1 {output.macro_f1} "
        "--macro-f1-runs {output.macro_f1_runs} --per-cell-type {output.per_cell_type} "
        "--per-cell-type-runs {output.per_cell_type_runs} --per-study {output.per_study} "
        "> {log} 2>&1"
