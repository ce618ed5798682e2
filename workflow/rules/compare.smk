# CE against HCE over seeds, both against a user's own losses, and ours beside the paper's claims.


rule compare_losses:
    """Compare HCE with CE over seeds: overall, per cell type and per study."""
    input:
        scores=run.scores(),
        cell_types="<results>/ontology/cell_types.tsv",
        datasets=expand(
            "<results>/census/{release}/datasets.parquet", release=["train", "ood"]
        ),
    output:
        macro_f1="<results>/tables/macro_f1.tsv",
        macro_f1_runs="<results>/tables/macro_f1_runs.tsv",
        per_cell_type="<results>/tables/per_cell_type.tsv",
        per_cell_type_runs="<results>/tables/per_cell_type_runs.tsv",
        per_study="<results>/tables/per_study.tsv",
        per_study_runs="<results>/tables/per_study_runs.tsv",
        strata="<results>/tables/strata.tsv",
        strata_runs="<results>/tables/strata_runs.tsv",
    log:
        "<logs>/compare_losses.log",
    benchmark:
        "<benchmarks>/compare_losses.jsonl"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(15),
    params:
        script=script("compare_losses"),
        code=fingerprint("compare_losses"),
        data_source=run.data_source(),
    message:
        "Comparing HCE with CE"
    shell:
        "python {params.script:q} --scores {input.scores:q} --cell-types {input.cell_types:q} "
        "--datasets {input.datasets:q} --data-source {params.data_source:q} --macro-f1 {output.macro_f1:q} "
        "--macro-f1-runs {output.macro_f1_runs:q} --per-cell-type {output.per_cell_type:q} "
        "--per-cell-type-runs {output.per_cell_type_runs:q} --per-study {output.per_study:q} "
        "--per-study-runs {output.per_study_runs:q} --strata {output.strata:q} "
        "--strata-runs {output.strata_runs:q} > {log:q} 2>&1"


rule compare_own_losses:
    """Compare a user's own losses with CE and with HCE over seeds."""
    input:
        scores=run.own_scores,
    output:
        table="<results>/tables/own_losses.tsv",
        runs="<results>/tables/own_losses_runs.tsv",
        source_data="<results>/figures/source_data/own_losses.csv",
    log:
        "<logs>/compare_own_losses.log",
    benchmark:
        "<benchmarks>/compare_own_losses.jsonl"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(15),
    params:
        script=script("compare_own_losses"),
        code=fingerprint("compare_own_losses"),
        losses=run.own_losses,
        data_source=run.data_source(),
    message:
        "Comparing {params.losses} with CE and HCE"
    shell:
        "python {params.script:q} --scores {input.scores:q} --losses {params.losses:q} "
        "--data-source {params.data_source:q} --table {output.table:q} --runs {output.runs:q} "
        "--source-data {output.source_data:q} > {log:q} 2>&1"


rule check_claims:
    """Set ours beside every number and claim of the paper, and say which hold."""
    input:
        claims=repository.file("config/claims.yaml"),
        paper_cell_types=repository.file("config/cell_types.tsv"),
        cell_types="<results>/ontology/cell_types.tsv",
        atlas_summary="<results>/tables/atlas_summary.tsv",
        macro_f1="<results>/tables/macro_f1.tsv",
        per_cell_type="<results>/tables/per_cell_type.tsv",
        per_study="<results>/tables/per_study.tsv",
        strata="<results>/tables/strata.tsv",
        figS5_tests="<results>/figures/source_data/figS5_tests.csv",
        figS6_tests="<results>/figures/source_data/figS6_tests.csv",
        figS8_tests="<results>/figures/source_data/figS8_tests.csv",
        records=run.trained("hyperparameters.json"),
        histories=run.trained("history.csv"),
    output:
        report(
            "<results>/tables/claims.tsv",
            caption="../report/claims.rst",
            category="At a glance",
            labels={"page": "the claims of the paper (table)"},
        ),
    log:
        "<logs>/check_claims.log",
    benchmark:
        "<benchmarks>/check_claims.jsonl"
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        script=script("check_claims"),
        code=fingerprint("check_claims"),
    message:
        "Checking the claims of the paper"
    shell:
        "python {params.script:q} --claims {input.claims:q} "
        "--paper-cell-types {input.paper_cell_types:q} --cell-types {input.cell_types:q} "
        "--atlas-summary {input.atlas_summary:q} --macro-f1 {input.macro_f1:q} "
        "--per-cell-type {input.per_cell_type:q} --per-study {input.per_study:q} "
        "--strata {input.strata:q} --figS5-tests {input.figS5_tests:q} "
        "--figS6-tests {input.figS6_tests:q} --figS8-tests {input.figS8_tests:q} "
        "--records {input.records:q} --histories {input.histories:q} --output {output:q} "
        "> {log:q} 2>&1"


rule summarize_run:
    """Write the headline of the run: CE and HCE, ID and OOD, gain and p value."""
    input:
        macro_f1="<results>/tables/macro_f1.tsv",
        decisions="<results>/tables/decisions.tsv",
        figures=figures(FIGURES),
        headline_figure="<results>/figures/fig2b.pdf",
    output:
        "<results>/summary.txt",
    log:
        "<logs>/summarize_run.log",
    benchmark:
        "<benchmarks>/summarize_run.jsonl"
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        script=script("summarize_run"),
        code=fingerprint("summarize_run"),
        figures=subpath(input.headline_figure, parent=True),
    message:
        "Summarizing the run"
    shell:
        "python {params.script:q} --macro-f1 {input.macro_f1:q} "
        "--decisions {input.decisions:q} --figures {params.figures:q} "
        "--output {output:q} > {log:q} 2>&1"
