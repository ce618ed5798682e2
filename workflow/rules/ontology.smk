# The Cell Ontology and the hierarchy of the classes.


rule fetch_ontology:
    """Put the Cell Ontology release in place as an OBO file."""
    input:
        run="<results>/run.json",
        file=branch(
            config["ontology"]["source"] == "file", then=config["ontology"]["path"]
        ),
    output:
        obo="<results>/ontology/cl.obo",
        checksum="<results>/ontology/cl.obo.sha256",
    log:
        "<logs>/fetch_ontology.log",
    benchmark:
        "<benchmarks>/fetch_ontology.jsonl"
    conda:
        "../../envs/ontology.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        script=script("fetch_ontology"),
        code=fingerprint("fetch_ontology"),
        source=run.ontology_arguments(),
        prefix=run.term_prefix(),
        datasets=repository.datasets,
    message:
        "Fetching the Cell Ontology"
    shell:
        "python {params.script:q} {params.source:q} --prefix {params.prefix:q} "
        "--datasets {params.datasets:q} "
        "--obo {output.obo:q} --checksum {output.checksum:q} > {log:q} 2>&1"


rule build_hierarchy:
    """Build the reachability matrix over the classes and describe each class."""
    input:
        cells="<results>/atlas/cells.parquet",
        ontology="<results>/ontology/cl.obo",
    output:
        cell_types="<results>/ontology/cell_types.tsv",
        reachability="<results>/ontology/reachability.npz",
    log:
        "<logs>/build_hierarchy.log",
    benchmark:
        "<benchmarks>/build_hierarchy.jsonl"
    conda:
        "../../envs/ontology.yaml"
    resources:
        mem_mb=memory(),
        runtime=minutes(15),
    params:
        script=script("build_hierarchy"),
        code=fingerprint("build_hierarchy"),
        data_source=run.data_source(),
        prefix=run.term_prefix(),
    message:
        "Building the reachability matrix"
    shell:
        "python {params.script:q} --cells {input.cells:q} --ontology {input.ontology:q} "
        "--prefix {params.prefix:q} --data-source {params.data_source:q} --cell-types {output.cell_types:q} "
        "--reachability {output.reachability:q} > {log:q} 2>&1"


rule control_hierarchy:
    """Write a wrong hierarchy for the loss: labels of R permuted, or random trees (controls)."""
    input:
        reachability="<results>/ontology/reachability.npz",
    output:
        "<results>/ontology/reachability_{control}.npz",
    log:
        "<logs>/control_hierarchy/{control}.log",
    benchmark:
        "<benchmarks>/control_hierarchy/{control}.jsonl"
    wildcard_constraints:
        control="permuted|random",
    conda:
        "../../envs/ontology.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        script=script("control_hierarchy"),
        code=fingerprint("control_hierarchy"),
        seed=config["ontology"]["permutation_seed"],
    message:
        "Writing the {wildcards.control} hierarchy"
    shell:
        "python {params.script:q} --control {wildcards.control:q} "
        "--reachability {input.reachability:q} --seed {params.seed:q} --output {output:q} "
        "> {log:q} 2>&1"


rule summarize_hierarchy:
    """Count what R looks like over the paper's cell types in the ontology of this run."""
    input:
        ontology="<results>/ontology/cl.obo",
        cell_types=repository.file("config/cell_types.tsv"),
    output:
        "<results>/ontology/hierarchy_summary.tsv",
    log:
        "<logs>/summarize_hierarchy.log",
    benchmark:
        "<benchmarks>/summarize_hierarchy.jsonl"
    localrule: True
    conda:
        "../../envs/ontology.yaml"
    params:
        script=script("summarize_hierarchy"),
        code=fingerprint("summarize_hierarchy"),
    message:
        "Counting the reachability matrix of the paper's cell types"
    shell:
        "python {params.script:q} --ontology {input.ontology:q} --cell-types {input.cell_types:q} "
        "--output {output:q} "
        "> {log:q} 2>&1 && cat {log:q}"
