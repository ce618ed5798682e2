# One rule draws every figure that scripts/hce/figures/registry.py lists, under a name of its own,
# which --forcerun understands. It reads only the source data that a tabulate_* rule wrote.

import runpy

# from this repository, whatever `hce` is installed beside Snakemake
REGISTRY = FOLDER / "scripts" / "hce" / "figures" / "registry.py"
DRAWINGS = runpy.run_path(str(REGISTRY))["DRAWINGS"]


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
        output:
            pdf=f"<results>/figures/{figure}.pdf",
            png=report(
                f"<results>/figures/{figure}.png",
                caption=f"../report/{figure}.rst",
                category=drawing.category,
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
            "python {params.script} {params.function} --source-data {input.source_data} "
            "--pdf {output.pdf} --png {output.png} > {log} 2>&1"
