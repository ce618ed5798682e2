# Supplementary figures: a draw_figS* rule reads only the source data that a tabulate_* rule wrote.


rule draw_figS1:
    """Draw Supplementary Fig. 1: CE and HCE in each OOD study."""
    input:
        source_data="<results>/figures/source_data/figS1.csv",
    output:
        pdf="<results>/figures/figS1.pdf",
        png=report(
            "<results>/figures/figS1.png",
            caption="../report/figS1.rst",
            category="Supplementary figures",
            labels={"figure": "S01: new studies"},
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
    params:
        script=script("draw_figS1"),
        code=fingerprint("draw_figS1"),
    message:
        "Drawing {output.pdf}"
    shell:
        "python {params.script} --source-data {input.source_data} "
        "--pdf {output.pdf} --png {output.png} > {log} 2>&1"


rule draw_figS2:
    """Draw Supplementary Fig. 2: change of F1 on the ontology, linear."""
    input:
        source_data="<results>/figures/source_data/figS2.csv",
        edges="<results>/figures/source_data/figS2_edges.csv",
    output:
        pdf="<results>/figures/figS2.pdf",
        png=report(
            "<results>/figures/figS2.png",
            caption="../report/figS2.rst",
            category="Supplementary figures",
            labels={"figure": "S02: ontology, linear"},
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
    params:
        script=script("draw_figS2"),
        code=fingerprint("draw_figS2"),
    message:
        "Drawing {output.pdf}"
    shell:
        "python {params.script} --source-data {input.source_data} --edges {input.edges} "
        "--pdf {output.pdf} --png {output.png} > {log} 2>&1"


use rule draw_figS2 as draw_figS3 with:
    """Draw Supplementary Fig. 3: change of F1 on the ontology, MLP."""
    input:
        source_data="<results>/figures/source_data/figS3.csv",
        edges="<results>/figures/source_data/figS3_edges.csv",
    output:
        pdf="<results>/figures/figS3.pdf",
        png=report(
            "<results>/figures/figS3.png",
            caption="../report/figS3.rst",
            category="Supplementary figures",
            labels={"figure": "S03: ontology, MLP"},
        ),
    log:
        "<logs>/draw_figS3.log",
    benchmark:
        "<benchmarks>/draw_figS3.jsonl"
    localrule: True
    params:
        script=script("draw_figS3"),
        code=fingerprint("draw_figS3"),


use rule draw_figS2 as draw_figS4 with:
    """Draw Supplementary Fig. 4: change of F1 on the ontology, TabNet."""
    input:
        source_data="<results>/figures/source_data/figS4.csv",
        edges="<results>/figures/source_data/figS4_edges.csv",
    output:
        pdf="<results>/figures/figS4.pdf",
        png=report(
            "<results>/figures/figS4.png",
            caption="../report/figS4.rst",
            category="Supplementary figures",
            labels={"figure": "S04: ontology, TabNet"},
        ),
    log:
        "<logs>/draw_figS4.log",
    benchmark:
        "<benchmarks>/draw_figS4.jsonl"
    localrule: True
    params:
        script=script("draw_figS4"),
        code=fingerprint("draw_figS4"),


rule draw_figS5:
    """Draw Supplementary Fig. 5: gain by node kind and number of descendants."""
    input:
        source_data="<results>/figures/source_data/figS5.csv",
        tests="<results>/figures/source_data/figS5_tests.csv",
    output:
        pdf="<results>/figures/figS5.pdf",
        png=report(
            "<results>/figures/figS5.png",
            caption="../report/figS5.rst",
            category="Supplementary figures",
            labels={"figure": "S05: node kind, descendants"},
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
    params:
        script=script("draw_figS5"),
        code=fingerprint("draw_figS5"),
    message:
        "Drawing {output.pdf}"
    shell:
        "python {params.script} --source-data {input.source_data} --tests {input.tests} "
        "--pdf {output.pdf} --png {output.png} > {log} 2>&1"


use rule draw_figS5 as draw_figS6 with:
    """Draw Supplementary Fig. 6: gain by connection and number of relatives."""
    input:
        source_data="<results>/figures/source_data/figS6.csv",
        tests="<results>/figures/source_data/figS6_tests.csv",
    output:
        pdf="<results>/figures/figS6.pdf",
        png=report(
            "<results>/figures/figS6.png",
            caption="../report/figS6.rst",
            category="Supplementary figures",
            labels={"figure": "S06: connection, relatives"},
        ),
    log:
        "<logs>/draw_figS6.log",
    benchmark:
        "<benchmarks>/draw_figS6.jsonl"
    localrule: True
    params:
        script=script("draw_figS6"),
        code=fingerprint("draw_figS6"),


use rule draw_figS1 as draw_figS7 with:
    """Draw Supplementary Fig. 7: change of F1 of each cell type, linear and TabNet."""
    input:
        source_data="<results>/figures/source_data/figS7.csv",
    output:
        pdf="<results>/figures/figS7.pdf",
        png=report(
            "<results>/figures/figS7.png",
            caption="../report/figS7.rst",
            category="Supplementary figures",
            labels={"figure": "S07: cell types, linear and TabNet"},
        ),
    log:
        "<logs>/draw_figS7.log",
    benchmark:
        "<benchmarks>/draw_figS7.jsonl"
    localrule: True
    params:
        script=script("draw_figS7"),
        code=fingerprint("draw_figS7"),


use rule draw_figS5 as draw_figS8 with:
    """Draw Supplementary Fig. 8: gain against rarity, studies, tissues and assays."""
    input:
        source_data="<results>/figures/source_data/figS8.csv",
        tests="<results>/figures/source_data/figS8_tests.csv",
    output:
        pdf="<results>/figures/figS8.pdf",
        png=report(
            "<results>/figures/figS8.png",
            caption="../report/figS8.rst",
            category="Supplementary figures",
            labels={"figure": "S08: rarity, studies, tissues, assays"},
        ),
    log:
        "<logs>/draw_figS8.log",
    benchmark:
        "<benchmarks>/draw_figS8.jsonl"
    localrule: True
    params:
        script=script("draw_figS8"),
        code=fingerprint("draw_figS8"),


use rule draw_figS1 as draw_figS9 with:
    """Draw Supplementary Fig. 9: gain in diseases seen and unseen in training."""
    input:
        source_data="<results>/figures/source_data/figS9.csv",
    output:
        pdf="<results>/figures/figS9.pdf",
        png=report(
            "<results>/figures/figS9.png",
            caption="../report/figS9.rst",
            category="Supplementary figures",
            labels={"figure": "S09: diseases seen and unseen"},
        ),
    log:
        "<logs>/draw_figS9.log",
    benchmark:
        "<benchmarks>/draw_figS9.jsonl"
    localrule: True
    params:
        script=script("draw_figS9"),
        code=fingerprint("draw_figS9"),


use rule draw_figS1 as draw_figS10 with:
    """Draw Supplementary Fig. 10: gain in tissues seen and unseen in training."""
    input:
        source_data="<results>/figures/source_data/figS10.csv",
    output:
        pdf="<results>/figures/figS10.pdf",
        png=report(
            "<results>/figures/figS10.png",
            caption="../report/figS10.rst",
            category="Supplementary figures",
            labels={"figure": "S10: tissues seen and unseen"},
        ),
    log:
        "<logs>/draw_figS10.log",
    benchmark:
        "<benchmarks>/draw_figS10.jsonl"
    localrule: True
    params:
        script=script("draw_figS10"),
        code=fingerprint("draw_figS10"),
