# Source data of the supplementary figures, and the supplementary tables.


rule tabulate_figureS1:
    """Write the source data of Supplementary Fig. 1."""
    input:
        per_study="<results>/tables/per_study.tsv",
        per_study_runs="<results>/tables/per_study_runs.tsv",
    output:
        "<results>/figures/source_data/figS1.csv",
    log:
        "<logs>/tabulate_figureS1.log",
    benchmark:
        "<benchmarks>/tabulate_figureS1.jsonl"
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        script=script("tabulate_figureS1"),
        code=fingerprint("tabulate_figureS1"),
    message:
        "Writing the source data of supplementary figure 1"
    shell:
        "python {params.script:q} --per-study {input.per_study:q} "
        "--per-study-runs {input.per_study_runs:q} "
        "--figS1 {output:q} > {log:q} 2>&1"


rule tabulate_figureS2to4:
    """Write the source data of Supplementary Figs. 2-4."""
    input:
        per_cell_type="<results>/tables/per_cell_type.tsv",
        cell_types="<results>/ontology/cell_types.tsv",
    output:
        figS2="<results>/figures/source_data/figS2.csv",
        figS2_edges="<results>/figures/source_data/figS2_edges.csv",
        figS3="<results>/figures/source_data/figS3.csv",
        figS3_edges="<results>/figures/source_data/figS3_edges.csv",
        figS4="<results>/figures/source_data/figS4.csv",
        figS4_edges="<results>/figures/source_data/figS4_edges.csv",
    log:
        "<logs>/tabulate_figureS2to4.log",
    benchmark:
        "<benchmarks>/tabulate_figureS2to4.jsonl"
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        script=script("tabulate_figureS2to4"),
        code=fingerprint("tabulate_figureS2to4"),
    message:
        "Writing the source data of supplementary figures 2 to 4"
    shell:
        "python {params.script:q} --per-cell-type {input.per_cell_type:q} "
        "--cell-types {input.cell_types:q} --figS2 {output.figS2:q} "
        "--figS2-edges {output.figS2_edges:q} --figS3 {output.figS3:q} "
        "--figS3-edges {output.figS3_edges:q} --figS4 {output.figS4:q} "
        "--figS4-edges {output.figS4_edges:q} > {log:q} 2>&1"


rule tabulate_figureS5to8:
    """Write the source data of Supplementary Figs. 5-8, and their tests."""
    input:
        per_cell_type="<results>/tables/per_cell_type.tsv",
        per_cell_type_runs="<results>/tables/per_cell_type_runs.tsv",
        cell_types="<results>/ontology/cell_types.tsv",
    output:
        figS5="<results>/figures/source_data/figS5.csv",
        figS5_tests="<results>/figures/source_data/figS5_tests.csv",
        figS6="<results>/figures/source_data/figS6.csv",
        figS6_tests="<results>/figures/source_data/figS6_tests.csv",
        figS7="<results>/figures/source_data/figS7.csv",
        figS8="<results>/figures/source_data/figS8.csv",
        figS8_tests="<results>/figures/source_data/figS8_tests.csv",
    log:
        "<logs>/tabulate_figureS5to8.log",
    benchmark:
        "<benchmarks>/tabulate_figureS5to8.jsonl"
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        script=script("tabulate_figureS5to8"),
        code=fingerprint("tabulate_figureS5to8"),
    message:
        "Writing the source data of supplementary figures 5 to 8"
    shell:
        "python {params.script:q} --per-cell-type {input.per_cell_type:q} "
        "--per-cell-type-runs {input.per_cell_type_runs:q} --cell-types {input.cell_types:q} "
        "--figS5 {output.figS5:q} --figS5-tests {output.figS5_tests:q} --figS6 {output.figS6:q} "
        "--figS6-tests {output.figS6_tests:q} --figS7 {output.figS7:q} --figS8 {output.figS8:q} "
        "--figS8-tests {output.figS8_tests:q} > {log:q} 2>&1"


rule tabulate_figureS9to10:
    """Write the source data of Supplementary Figs. 9 and 10."""
    input:
        strata="<results>/tables/strata.tsv",
        strata_runs="<results>/tables/strata_runs.tsv",
        cells="<results>/atlas/cells.parquet",
    output:
        figS9="<results>/figures/source_data/figS9.csv",
        figS10="<results>/figures/source_data/figS10.csv",
    log:
        "<logs>/tabulate_figureS9to10.log",
    benchmark:
        "<benchmarks>/tabulate_figureS9to10.jsonl"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=memory(),
        runtime=minutes(15),
    params:
        script=script("tabulate_figureS9to10"),
        code=fingerprint("tabulate_figureS9to10"),
    message:
        "Writing the source data of supplementary figures 9 and 10"
    shell:
        "python {params.script:q} --strata {input.strata:q} --strata-runs {input.strata_runs:q} "
        "--cells {input.cells:q} --figS9 {output.figS9:q} --figS10 {output.figS10:q} "
        "> {log:q} 2>&1"


rule tabulate_hyperparameters:
    """Write Supplementary Tables 1-3: the hyperparameters of the trainings."""
    input:
        hyperparameters=run.trained("hyperparameters.json"),
    output:
        tableS1="<results>/tables/tableS1.tsv",
        tableS2="<results>/tables/tableS2.tsv",
        tableS3="<results>/tables/tableS3.tsv",
    log:
        "<logs>/tabulate_hyperparameters.log",
    benchmark:
        "<benchmarks>/tabulate_hyperparameters.jsonl"
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        script=script("tabulate_hyperparameters"),
        code=fingerprint("tabulate_hyperparameters"),
        data_source=run.data_source(),
    message:
        "Writing the tables of the hyperparameters"
    shell:
        "python {params.script:q} --hyperparameters {input.hyperparameters:q} "
        "--data-source {params.data_source:q} --tableS1 {output.tableS1:q} "
        "--tableS2 {output.tableS2:q} --tableS3 {output.tableS3:q} > {log:q} 2>&1"
