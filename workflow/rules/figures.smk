# Figures. A tabulate_* rule writes exactly what figures draw; a draw_* rule reads only that.


rule tabulate_figure1:
    """Write the source data of Fig. 1a-e."""
    input:
        atlas_summary="<results>/tables/atlas_summary.tsv",
        atlas_composition="<results>/tables/atlas_composition.tsv",
        macro_f1_runs="<results>/tables/macro_f1_runs.tsv",
    output:
        fig1a="<results>/figures/source_data/fig1a.csv",
        fig1b="<results>/figures/source_data/fig1b.csv",
        fig1c="<results>/figures/source_data/fig1c.csv",
        fig1d="<results>/figures/source_data/fig1d.csv",
        fig1e="<results>/figures/source_data/fig1e.csv",
    log:
        "<logs>/tabulate_figure1.log",
    benchmark:
        "<benchmarks>/tabulate_figure1.jsonl"
    localrule: True
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        script=script("tabulate_figure1"),
        code=fingerprint("tabulate_figure1"),
    message:
        "Writing the source data of figure 1"
    shell:
        "python {params.script} --atlas-summary {input.atlas_summary} "
        "--atlas-composition {input.atlas_composition} --macro-f1-runs {input.macro_f1_runs} "
        "--fig1a {output.fig1a} --fig1b {output.fig1b} --fig1c {output.fig1c} "
        "--fig1d {output.fig1d} --fig1e {output.fig1e} > {log} 2>&1"


rule tabulate_figure2:
    """Write the source data of Fig. 2a-d."""
    input:
        macro_f1="<results>/tables/macro_f1.tsv",
        macro_f1_runs="<results>/tables/macro_f1_runs.tsv",
        per_cell_type="<results>/tables/per_cell_type.tsv",
        per_cell_type_runs="<results>/tables/per_cell_type_runs.tsv",
        cell_types="<results>/ontology/cell_types.tsv",
        reachability="<results>/ontology/reachability.npz",
    output:
        fig2a="<results>/figures/source_data/fig2a.csv",
        fig2b="<results>/figures/source_data/fig2b.csv",
        fig2c="<results>/figures/source_data/fig2c.csv",
        fig2d="<results>/figures/source_data/fig2d.csv",
        fig2d_edges="<results>/figures/source_data/fig2d_edges.csv",
    log:
        "<logs>/tabulate_figure2.log",
    benchmark:
        "<benchmarks>/tabulate_figure2.jsonl"
    localrule: True
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        script=script("tabulate_figure2"),
        code=fingerprint("tabulate_figure2"),
    message:
        "Writing the source data of figure 2"
    shell:
        "python {params.script} --macro-f1 {input.macro_f1} "
        "--macro-f1-runs {input.macro_f1_runs} --per-cell-type {input.per_cell_type} "
        "--per-cell-type-runs {input.per_cell_type_runs} --cell-types {input.cell_types} "
        "--reachability {input.reachability} --fig2a {output.fig2a} --fig2b {output.fig2b} "
        "--fig2c {output.fig2c} --fig2d {output.fig2d} --fig2d-edges {output.fig2d_edges} "
        "> {log} 2>&1"


rule draw_fig1a:
    """Draw Fig. 1a: the training atlas."""
    input:
        source_data="<results>/figures/source_data/fig1a.csv",
    output:
        pdf="<results>/figures/fig1a.pdf",
        png=report(
            "<results>/figures/fig1a.png",
            caption="../report/fig1a.rst",
            category="Figure 1",
            labels={"panel": "a: training atlas"},
        ),
    log:
        "<logs>/draw_fig1a.log",
    benchmark:
        "<benchmarks>/draw_fig1a.jsonl"
    localrule: True
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        script=script("draw_fig1a"),
        code=fingerprint("draw_fig1a"),
    message:
        "Drawing {output.pdf}"
    shell:
        "python {params.script} --source-data {input.source_data} --pdf {output.pdf} "
        "--png {output.png} > {log} 2>&1"


rule draw_fig1b:
    """Draw Fig. 1b: the OOD test set."""
    input:
        source_data="<results>/figures/source_data/fig1b.csv",
    output:
        pdf="<results>/figures/fig1b.pdf",
        png=report(
            "<results>/figures/fig1b.png",
            caption="../report/fig1b.rst",
            category="Figure 1",
            labels={"panel": "b: OOD test set"},
        ),
    log:
        "<logs>/draw_fig1b.log",
    benchmark:
        "<benchmarks>/draw_fig1b.jsonl"
    localrule: True
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        script=script("draw_fig1b"),
        code=fingerprint("draw_fig1b"),
    message:
        "Drawing {output.pdf}"
    shell:
        "python {params.script} --source-data {input.source_data} --pdf {output.pdf} "
        "--png {output.png} > {log} 2>&1"


rule draw_fig1c:
    """Draw Fig. 1c: the split by donor."""
    input:
        source_data="<results>/figures/source_data/fig1c.csv",
    output:
        pdf="<results>/figures/fig1c.pdf",
        png=report(
            "<results>/figures/fig1c.png",
            caption="../report/fig1c.rst",
            category="Figure 1",
            labels={"panel": "c: split by donor"},
        ),
    log:
        "<logs>/draw_fig1c.log",
    benchmark:
        "<benchmarks>/draw_fig1c.jsonl"
    localrule: True
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        script=script("draw_fig1c"),
        code=fingerprint("draw_fig1c"),
    message:
        "Drawing {output.pdf}"
    shell:
        "python {params.script} --source-data {input.source_data} --pdf {output.pdf} "
        "--png {output.png} > {log} 2>&1"


rule draw_fig1d:
    """Draw Fig. 1d: ID macro F1 of CE."""
    input:
        source_data="<results>/figures/source_data/fig1d.csv",
    output:
        pdf="<results>/figures/fig1d.pdf",
        png=report(
            "<results>/figures/fig1d.png",
            caption="../report/fig1d.rst",
            category="Figure 1",
            labels={"panel": "d: ID macro F1"},
        ),
    log:
        "<logs>/draw_fig1d.log",
    benchmark:
        "<benchmarks>/draw_fig1d.jsonl"
    localrule: True
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        script=script("draw_fig1d"),
        code=fingerprint("draw_fig1d"),
    message:
        "Drawing {output.pdf}"
    shell:
        "python {params.script} --source-data {input.source_data} --pdf {output.pdf} "
        "--png {output.png} > {log} 2>&1"


rule draw_fig1e:
    """Draw Fig. 1e: OOD macro F1 of CE beside the ID level."""
    input:
        source_data="<results>/figures/source_data/fig1e.csv",
    output:
        pdf="<results>/figures/fig1e.pdf",
        png=report(
            "<results>/figures/fig1e.png",
            caption="../report/fig1e.rst",
            category="Figure 1",
            labels={"panel": "e: OOD macro F1"},
        ),
    log:
        "<logs>/draw_fig1e.log",
    benchmark:
        "<benchmarks>/draw_fig1e.jsonl"
    localrule: True
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        script=script("draw_fig1e"),
        code=fingerprint("draw_fig1e"),
    message:
        "Drawing {output.pdf}"
    shell:
        "python {params.script} --source-data {input.source_data} --pdf {output.pdf} "
        "--png {output.png} > {log} 2>&1"


rule draw_fig2a:
    """Draw Fig. 2a: the concept of CE and HCE."""
    input:
        source_data="<results>/figures/source_data/fig2a.csv",
    output:
        pdf="<results>/figures/fig2a.pdf",
        png=report(
            "<results>/figures/fig2a.png",
            caption="../report/fig2a.rst",
            category="Figure 2",
            labels={"panel": "a: concept"},
        ),
    log:
        "<logs>/draw_fig2a.log",
    benchmark:
        "<benchmarks>/draw_fig2a.jsonl"
    localrule: True
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        script=script("draw_fig2a"),
        code=fingerprint("draw_fig2a"),
    message:
        "Drawing {output.pdf}"
    shell:
        "python {params.script} --source-data {input.source_data} --pdf {output.pdf} "
        "--png {output.png} > {log} 2>&1"


rule draw_fig2b:
    """Draw Fig. 2b: OOD macro F1, CE against HCE."""
    input:
        source_data="<results>/figures/source_data/fig2b.csv",
    output:
        pdf="<results>/figures/fig2b.pdf",
        png=report(
            "<results>/figures/fig2b.png",
            caption="../report/fig2b.rst",
            category="Figure 2",
            labels={"panel": "b: OOD macro F1, CE against HCE"},
        ),
    log:
        "<logs>/draw_fig2b.log",
    benchmark:
        "<benchmarks>/draw_fig2b.jsonl"
    localrule: True
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        script=script("draw_fig2b"),
        code=fingerprint("draw_fig2b"),
    message:
        "Drawing {output.pdf}"
    shell:
        "python {params.script} --source-data {input.source_data} --pdf {output.pdf} "
        "--png {output.png} > {log} 2>&1"


rule draw_fig2c:
    """Draw Fig. 2c: change of F1 of each cell type, MLP."""
    input:
        source_data="<results>/figures/source_data/fig2c.csv",
    output:
        pdf="<results>/figures/fig2c.pdf",
        png=report(
            "<results>/figures/fig2c.png",
            caption="../report/fig2c.rst",
            category="Figure 2",
            labels={"panel": "c: cell types"},
        ),
    log:
        "<logs>/draw_fig2c.log",
    benchmark:
        "<benchmarks>/draw_fig2c.jsonl"
    localrule: True
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        script=script("draw_fig2c"),
        code=fingerprint("draw_fig2c"),
    message:
        "Drawing {output.pdf}"
    shell:
        "python {params.script} --source-data {input.source_data} --pdf {output.pdf} "
        "--png {output.png} > {log} 2>&1"


rule draw_fig2d:
    """Draw Fig. 2d: change of F1 on the ontology, MLP."""
    input:
        source_data="<results>/figures/source_data/fig2d.csv",
        edges="<results>/figures/source_data/fig2d_edges.csv",
    output:
        pdf="<results>/figures/fig2d.pdf",
        png=report(
            "<results>/figures/fig2d.png",
            caption="../report/fig2d.rst",
            category="Figure 2",
            labels={"panel": "d: ontology"},
        ),
    log:
        "<logs>/draw_fig2d.log",
    benchmark:
        "<benchmarks>/draw_fig2d.jsonl"
    localrule: True
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        script=script("draw_fig2d"),
        code=fingerprint("draw_fig2d"),
    message:
        "Drawing {output.pdf}"
    shell:
        "python {params.script} --source-data {input.source_data} --edges {input.edges} --pdf {output.pdf} "
        "--png {output.png} > {log} 2>&1"
