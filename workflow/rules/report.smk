# The pages of the report: what the run was made with, and an overview of its results.

# what the overview opens with, the first two side by side
OPENING_FIGURES = ["fig1e", "fig2b", "decisions", "fig2c"]


rule record_provenance:
    """Record code, versions, data, settings, checksums, and the time and memory of the rules."""
    input:
        # the last of the other jobs, so that the benchmarks of all are there
        summary="<results>/summary.txt",
        figures=figures(FIGURES + run.supplementary_figures + BEYOND + run.own_figures),
        own_tables=collect("<results>/tables/{table}.tsv", table=run.own_tables),
        files=[
            "<results>/ontology/cl.obo",
            "<results>/ontology/reachability.npz",
            "<results>/atlas/genes.parquet",
            *run.of_training(["<results>/shards/manifest.json"]),
            *run.own_files(),
        ],
    output:
        provenance="<results>/provenance.tsv",
        resources="<results>/resources.tsv",
    log:
        "<logs>/record_provenance.log",
    benchmark:
        "<benchmarks>/record_provenance.jsonl"
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        script=script("record_provenance"),
        code=fingerprint("record_provenance"),
        version=repository.version,
        configuration=run.recorded_configuration(),
        benchmarks=f"{config['results']}/benchmarks",
        data_source=run.data_source(),
    message:
        "Recording what the run was made with"
    shell:
        "python {params.script:q} {params.version:q} "
        "--configuration {params.configuration:q} --files {input.files:q} "
        "--benchmarks {params.benchmarks:q} --data-source {params.data_source:q} "
        "--provenance {output.provenance:q} --resources {output.resources:q} > {log:q} 2>&1"


rule write_overview:
    """Write the overview: figures, headline, interactive hierarchy, claims, tables, provenance."""
    input:
        template=repository.file("workflow/report/page.html.jinja"),
        figures=collect("<results>/figures/{figure}.png", figure=OPENING_FIGURES),
        claims="<results>/tables/claims.tsv",
        macro_f1="<results>/tables/macro_f1.tsv",
        decisions="<results>/tables/decisions.tsv",
        metrics="<results>/tables/metrics.tsv",
        new_study="<results>/tables/new_study.tsv",
        power="<results>/tables/power.tsv",
        per_study="<results>/tables/per_study.tsv",
        per_cell_type="<results>/tables/per_cell_type.tsv",
        strata="<results>/tables/strata.tsv",
        own_losses=collect("<results>/tables/{table}.tsv", table=run.own_tables[:1]),
        tableS1="<results>/tables/tableS1.tsv",
        tableS2="<results>/tables/tableS2.tsv",
        tableS3="<results>/tables/tableS3.tsv",
        provenance="<results>/provenance.tsv",
        resources="<results>/resources.tsv",
        cell_types="<results>/ontology/cell_types.tsv",
        nodes="<results>/figures/source_data/figS3.csv",
        edges="<results>/figures/source_data/figS3_edges.csv",
    output:
        report(
            "<results>/overview.html",
            caption="../report/overview.rst",
            category="At a glance",
            labels={"page": "overview"},
        ),
    log:
        "<logs>/write_overview.log",
    benchmark:
        "<benchmarks>/write_overview.jsonl"
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        script=script("write_overview"),
        code=fingerprint("write_overview"),
    message:
        "Writing the overview"
    shell:
        "python {params.script:q} --claims {input.claims:q} --macro-f1 {input.macro_f1:q} "
        "--decisions {input.decisions:q} --metrics {input.metrics:q} "
        "--new-study {input.new_study:q} --power {input.power:q} "
        "--per-study {input.per_study:q} --per-cell-type {input.per_cell_type:q} "
        "--strata {input.strata:q} --tableS1 {input.tableS1:q} --tableS2 {input.tableS2:q} "
        "--tableS3 {input.tableS3:q} --provenance {input.provenance:q} "
        "--resources {input.resources:q} --cell-types {input.cell_types:q} "
        "--nodes {input.nodes:q} --edges {input.edges:q} "
        "--template {input.template:q} --figures {input.figures:q} --own-losses {input.own_losses:q} "
        "--output {output:q} > {log:q} 2>&1"
