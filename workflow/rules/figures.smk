# Figures: a tabulate_* rule writes exactly what is drawn, and one rule draws every figure that
# scripts/hce/figures/registry.py lists, under a name of its own, which --forcerun understands.

import runpy

# from this repository, whatever `hce` is installed beside Snakemake
REGISTRY = FOLDER / "scripts" / "hce" / "figures" / "registry.py"
DRAWINGS = runpy.run_path(str(REGISTRY))["DRAWINGS"]


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
        "../../envs/analysis.yaml"
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
        "python {params.script:q} --atlas-summary {input.atlas_summary:q} "
        "--atlas-composition {input.atlas_composition:q} --macro-f1-runs {input.macro_f1_runs:q} "
        "--fig1a {output.fig1a:q} --fig1b {output.fig1b:q} --fig1c {output.fig1c:q} "
        "--fig1d {output.fig1d:q} --fig1e {output.fig1e:q} > {log:q} 2>&1"


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
        fig2d_panels="<results>/figures/source_data/fig2d_panels.csv",
        fig2d_panels_edges="<results>/figures/source_data/fig2d_panels_edges.csv",
    log:
        "<logs>/tabulate_figure2.log",
    benchmark:
        "<benchmarks>/tabulate_figure2.jsonl"
    localrule: True
    conda:
        "../../envs/analysis.yaml"
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
        "python {params.script:q} --macro-f1 {input.macro_f1:q} "
        "--macro-f1-runs {input.macro_f1_runs:q} --per-cell-type {input.per_cell_type:q} "
        "--per-cell-type-runs {input.per_cell_type_runs:q} --cell-types {input.cell_types:q} "
        "--reachability {input.reachability:q} --fig2a {output.fig2a:q} --fig2b {output.fig2b:q} "
        "--fig2c {output.fig2c:q} --fig2d {output.fig2d:q} --fig2d-edges {output.fig2d_edges:q} "
        "--fig2d-panels {output.fig2d_panels:q} "
        "--fig2d-panels-edges {output.fig2d_panels_edges:q} > {log:q} 2>&1"


for figure, drawing in DRAWINGS.items():

    rule:
        """Draw a figure from its source data."""
        name:
            f"draw_{figure}"
        input:
            source_data=[
                f"<results>/figures/source_data/{table}.csv"
                for table in drawing.tables(figure)
            ],
            typeface=config["figures"]["typeface"],
        output:
            pdf=f"<results>/figures/{figure}.pdf",
            png=report(
                f"<results>/figures/{figure}.png",
                caption=f"../report/{figure}.rst",
                category=run.category(figure, drawing.category),
                labels=drawing.labels,
            ),
        log:
            f"<logs>/draw_{figure}.log",
        benchmark:
            f"<benchmarks>/draw_{figure}.jsonl"
        localrule: True
        conda:
            "../../envs/analysis.yaml"
        threads: 1
        resources:
            mem_mb=500,
            runtime=5,
        params:
            script=script("draw"),
            code=fingerprint("draw", drawing.function),
            function=drawing.function,
        message:
            "Drawing {output.pdf}"
        shell:
            "python {params.script:q} {params.function:q} --source-data {input.source_data:q} "
            "--typeface {input.typeface:q} --pdf {output.pdf:q} --png {output.png:q} > {log:q} 2>&1"

    # what the list of rules says of it; in a module the rule has another name
    if workflow.is_rule(f"draw_{figure}"):
        workflow.get_rule(f"draw_{figure}").docstring = (
            f"{drawing.title}: snakemake {figure}"
        )


# short names: snakemake fig2b; the target rules of that name bring the tables, too
for figure in (
    []
    if lists_rules()
    else sorted(DRAWINGS.keys() - {"frontier", "controls", "learning_curve"})
):

    rule:
        name:
            figure
        input:
            figures([figure]),
