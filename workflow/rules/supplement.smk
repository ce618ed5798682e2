# Supplementary figures and tables: tabulate_* writes what is drawn, draw_figS* draws only that.


rule tabulate_figureS1:
    """Write the source data of Supplementary Fig. 1."""
    input:
        script=script("tabulate_figureS1"),
        code=modules("tabulate_figureS1"),
        per_study="<results>/tables/per_study.tsv",
        per_study_runs="<results>/tables/per_study_runs.tsv",
        datasets="<results>/census/ood/datasets.parquet",
    output:
        "<results>/figures/source_data/figS1.csv",
    log:
        "<logs>/tabulate_figureS1.log",
    benchmark:
        "<benchmarks>/tabulate_figureS1.jsonl"
    localrule: True
    conda:
        "../../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    message:
        "Writing the source data of supplementary figure 1"
    shell:
        "python {input.script} --per-study {input.per_study} "
        "--per-study-runs {input.per_study_runs} --datasets {input.datasets} "
        "--figS1 {output} > {log} 2>&1"


rule tabulate_figureS2to4:
    """Write the source data of Supplementary Figs. 2-4."""
    input:
        script=script("tabulate_figureS2to4"),
        code=modules("tabulate_figureS2to4"),
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
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    message:
        "Writing the source data of supplementary figures 2 to 4"
    shell:
        "python {input.script} --per-cell-type {input.per_cell_type} "
        "--cell-types {input.cell_types} --figS2 {output.figS2} "
        "--figS2-edges {output.figS2_edges} --figS3 {output.figS3} "
        "--figS3-edges {output.figS3_edges} --figS4 {output.figS4} "
        "--figS4-edges {output.figS4_edges} > {log} 2>&1"


rule tabulate_figureS5to8:
    """Write the source data of Supplementary Figs. 5-8, and their tests."""
    input:
        script=script("tabulate_figureS5to8"),
        code=modules("tabulate_figureS5to8"),
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
        "../../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    message:
        "Writing the source data of supplementary figures 5 to 8"
    shell:
        "python {input.script} --per-cell-type {input.per_cell_type} "
        "--per-cell-type-runs {input.per_cell_type_runs} --cell-types {input.cell_types} "
        "--figS5 {output.figS5} --figS5-tests {output.figS5_tests} --figS6 {output.figS6} "
        "--figS6-tests {output.figS6_tests} --figS7 {output.figS7} --figS8 {output.figS8} "
        "--figS8-tests {output.figS8_tests} > {log} 2>&1"


rule tabulate_figureS9to10:
    """Write the source data of Supplementary Figs. 9 and 10."""
    input:
        script=script("tabulate_figureS9to10"),
        code=modules("tabulate_figureS9to10"),
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
        "../../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=get_memory,
        runtime=15,
    message:
        "Writing the source data of supplementary figures 9 and 10"
    shell:
        "python {input.script} --strata {input.strata} --strata-runs {input.strata_runs} "
        "--cells {input.cells} --figS9 {output.figS9} --figS10 {output.figS10} "
        "> {log} 2>&1"


rule tabulate_hyperparameters:
    """Write Supplementary Tables 1-3: the hyperparameters of the trainings."""
    input:
        script=script("tabulate_hyperparameters"),
        code=modules("tabulate_hyperparameters"),
        hyperparameters=model_paths(
            "<results>/models/{architecture}/{loss}/seed{seed}/hyperparameters.json",
            ["ce", "hce"],
        ),
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
        "../../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        data_source=data_source(),
    message:
        "Writing the tables of the hyperparameters"
    shell:
        "python {input.script} --hyperparameters {input.hyperparameters} "
        "--data-source {params.data_source:q} --tableS1 {output.tableS1} "
        "--tableS2 {output.tableS2} --tableS3 {output.tableS3} > {log} 2>&1"


rule draw_figS1:
    """Draw Supplementary Fig. 1: CE and HCE in each OOD study."""
    input:
        script=script("draw_figS1"),
        code=modules("draw_figS1"),
        source_data="<results>/figures/source_data/figS1.csv",
    output:
        pdf="<results>/figures/figS1.pdf",
        png=report(
            "<results>/figures/figS1.png",
            caption="../report/figS1.rst",
            category="Supplementary figures",
            labels={"figure": "1: new studies"},
        ),
    log:
        "<logs>/draw_figS1.log",
    benchmark:
        "<benchmarks>/draw_figS1.jsonl"
    localrule: True
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    message:
        "Drawing {output.pdf}"
    shell:
        "python {input.script} --source-data {input.source_data} "
        "--pdf {output.pdf} --png {output.png} > {log} 2>&1"


rule draw_figS2:
    """Draw Supplementary Fig. 2: change of F1 on the ontology, linear."""
    input:
        script=script("draw_figS2"),
        code=modules("draw_figS2"),
        source_data="<results>/figures/source_data/figS2.csv",
        edges="<results>/figures/source_data/figS2_edges.csv",
    output:
        pdf="<results>/figures/figS2.pdf",
        png=report(
            "<results>/figures/figS2.png",
            caption="../report/figS2.rst",
            category="Supplementary figures",
            labels={"figure": "2: ontology, linear"},
        ),
    log:
        "<logs>/draw_figS2.log",
    benchmark:
        "<benchmarks>/draw_figS2.jsonl"
    localrule: True
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    message:
        "Drawing {output.pdf}"
    shell:
        "python {input.script} --source-data {input.source_data} --edges {input.edges} "
        "--pdf {output.pdf} --png {output.png} > {log} 2>&1"


use rule draw_figS2 as draw_figS3 with:
    # change of F1 on the ontology, MLP
    input:
        script=script("draw_figS3"),
        code=modules("draw_figS3"),
        source_data="<results>/figures/source_data/figS3.csv",
        edges="<results>/figures/source_data/figS3_edges.csv",
    output:
        pdf="<results>/figures/figS3.pdf",
        png=report(
            "<results>/figures/figS3.png",
            caption="../report/figS3.rst",
            category="Supplementary figures",
            labels={"figure": "3: ontology, MLP"},
        ),
    log:
        "<logs>/draw_figS3.log",
    benchmark:
        "<benchmarks>/draw_figS3.jsonl"


use rule draw_figS2 as draw_figS4 with:
    # change of F1 on the ontology, TabNet
    input:
        script=script("draw_figS4"),
        code=modules("draw_figS4"),
        source_data="<results>/figures/source_data/figS4.csv",
        edges="<results>/figures/source_data/figS4_edges.csv",
    output:
        pdf="<results>/figures/figS4.pdf",
        png=report(
            "<results>/figures/figS4.png",
            caption="../report/figS4.rst",
            category="Supplementary figures",
            labels={"figure": "4: ontology, TabNet"},
        ),
    log:
        "<logs>/draw_figS4.log",
    benchmark:
        "<benchmarks>/draw_figS4.jsonl"


rule draw_figS5:
    """Draw Supplementary Fig. 5: gain by node kind and number of descendants."""
    input:
        script=script("draw_figS5"),
        code=modules("draw_figS5"),
        source_data="<results>/figures/source_data/figS5.csv",
        tests="<results>/figures/source_data/figS5_tests.csv",
    output:
        pdf="<results>/figures/figS5.pdf",
        png=report(
            "<results>/figures/figS5.png",
            caption="../report/figS5.rst",
            category="Supplementary figures",
            labels={"figure": "5: node kind, descendants"},
        ),
    log:
        "<logs>/draw_figS5.log",
    benchmark:
        "<benchmarks>/draw_figS5.jsonl"
    localrule: True
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    message:
        "Drawing {output.pdf}"
    shell:
        "python {input.script} --source-data {input.source_data} --tests {input.tests} "
        "--pdf {output.pdf} --png {output.png} > {log} 2>&1"


use rule draw_figS5 as draw_figS6 with:
    # gain by connection and number of relatives
    input:
        script=script("draw_figS6"),
        code=modules("draw_figS6"),
        source_data="<results>/figures/source_data/figS6.csv",
        tests="<results>/figures/source_data/figS6_tests.csv",
    output:
        pdf="<results>/figures/figS6.pdf",
        png=report(
            "<results>/figures/figS6.png",
            caption="../report/figS6.rst",
            category="Supplementary figures",
            labels={"figure": "6: connection, relatives"},
        ),
    log:
        "<logs>/draw_figS6.log",
    benchmark:
        "<benchmarks>/draw_figS6.jsonl"


use rule draw_figS1 as draw_figS7 with:
    # change of F1 of each cell type, linear and TabNet
    input:
        script=script("draw_figS7"),
        code=modules("draw_figS7"),
        source_data="<results>/figures/source_data/figS7.csv",
    output:
        pdf="<results>/figures/figS7.pdf",
        png=report(
            "<results>/figures/figS7.png",
            caption="../report/figS7.rst",
            category="Supplementary figures",
            labels={"figure": "7: cell types, linear and TabNet"},
        ),
    log:
        "<logs>/draw_figS7.log",
    benchmark:
        "<benchmarks>/draw_figS7.jsonl"


use rule draw_figS5 as draw_figS8 with:
    # gain against rarity, studies, tissues and assays
    input:
        script=script("draw_figS8"),
        code=modules("draw_figS8"),
        source_data="<results>/figures/source_data/figS8.csv",
        tests="<results>/figures/source_data/figS8_tests.csv",
    output:
        pdf="<results>/figures/figS8.pdf",
        png=report(
            "<results>/figures/figS8.png",
            caption="../report/figS8.rst",
            category="Supplementary figures",
            labels={"figure": "8: rarity, studies, tissues, assays"},
        ),
    log:
        "<logs>/draw_figS8.log",
    benchmark:
        "<benchmarks>/draw_figS8.jsonl"


use rule draw_figS1 as draw_figS9 with:
    # gain in diseases seen and unseen in training
    input:
        script=script("draw_figS9"),
        code=modules("draw_figS9"),
        source_data="<results>/figures/source_data/figS9.csv",
    output:
        pdf="<results>/figures/figS9.pdf",
        png=report(
            "<results>/figures/figS9.png",
            caption="../report/figS9.rst",
            category="Supplementary figures",
            labels={"figure": "9: diseases seen and unseen"},
        ),
    log:
        "<logs>/draw_figS9.log",
    benchmark:
        "<benchmarks>/draw_figS9.jsonl"


use rule draw_figS1 as draw_figS10 with:
    # gain in tissues seen and unseen in training
    input:
        script=script("draw_figS10"),
        code=modules("draw_figS10"),
        source_data="<results>/figures/source_data/figS10.csv",
    output:
        pdf="<results>/figures/figS10.pdf",
        png=report(
            "<results>/figures/figS10.png",
            caption="../report/figS10.rst",
            category="Supplementary figures",
            labels={"figure": "10: tissues seen and unseen"},
        ),
    log:
        "<logs>/draw_figS10.log",
    benchmark:
        "<benchmarks>/draw_figS10.jsonl"
