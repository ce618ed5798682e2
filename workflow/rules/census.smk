# From the Census to the cells that pass the value filter.


rule record_run:
    """Record which data this results folder holds; a run on other data is refused."""
    output:
        "<results>/run.json",
    log:
        "<logs>/record_run.log",
    benchmark:
        "<benchmarks>/record_run.jsonl"
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=200,
        runtime=5,
    params:
        script=script("record_run"),
        code=fingerprint("record_run"),
        identity=run.identity(),
    message:
        "Recording which run {output} is of"
    shell:
        "python {params.script:q} --identity {params.identity:q} --output {output:q} > {log:q} 2>&1"


rule download:
    """Download one file of config/datasets.tsv; its checksum is enforced."""
    input:
        datasets=repository.file("config/datasets.tsv"),
    output:
        ensure("<resources>/{name}", non_empty=True, sha256=repository.checksum),
    log:
        "<logs>/download/{name}.log",
    benchmark:
        "<benchmarks>/download/{name}.jsonl"
    wildcard_constraints:
        name=repository.dataset_names,
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=500,
        runtime=30,
    params:
        script=script("download"),
        code=fingerprint("download"),
    message:
        "Downloading {output}"
    shell:
        "python {params.script:q} --datasets {input.datasets:q} --output {output:q} > {log:q} 2>&1"


rule simulate_census:
    """Write the embedded Census: two small stores laid out as the releases are."""
    input:
        run="<results>/run.json",
        ontology="<results>/ontology/cl.obo",
        cell_types=repository.file("config/cell_types.tsv"),
    output:
        manifest="<results>/simulated_census/manifest.json",
        genes="<results>/simulated_census/protein_coding_genes.parquet",
    log:
        "<logs>/simulate_census.log",
    benchmark:
        "<benchmarks>/simulate_census.jsonl"
    conda:
        "../../envs/census.yaml"
    resources:
        mem_mb=memory(),
        runtime=minutes(30),
    params:
        script=script("simulate_census"),
        code=fingerprint("simulate_census"),
        parameters=run.simulation(),
        train_release=config["census"]["train"]["release"],
        ood_release=config["census"]["ood"]["release"],
        organism=config["census"]["organism"],
        stores=subpath(output.manifest, parent=True),
    message:
        "Simulating Census releases {params.train_release} and {params.ood_release}"
    shell:
        "python {params.script:q} --ontology {input.ontology:q} --cell-types {input.cell_types:q} "
        "--parameters {params.parameters:q} --organism {params.organism:q} "
        "--train-release {params.train_release:q} --ood-release {params.ood_release:q} --stores {params.stores:q} "
        "--genes {output.genes:q} --manifest {output.manifest:q} > {log:q} 2>&1"


rule convert_h5ad:
    """Convert a user's own h5ad files to a store that is laid out as a release."""
    input:
        run="<results>/run.json",
        files=run.h5ad_files,
    output:
        manifest="<results>/converted_census/{release}/manifest.json",
        genes="<results>/converted_census/{release}/genes.parquet",
    log:
        "<logs>/convert_h5ad/{release}.log",
    benchmark:
        "<benchmarks>/convert_h5ad/{release}.jsonl"
    conda:
        "../../envs/census.yaml"
    resources:
        mem_mb=memory(),
        runtime=minutes(),
    params:
        script=script("convert_h5ad"),
        code=fingerprint("convert_h5ad"),
        release=run.release_name,
        others=run.other_files,
        organism=config["census"]["organism"],
        fractional_counts=config["census"]["fractional_counts"],
        prefix=run.term_prefix(),
        store=subpath(output.manifest, parent=True),
    message:
        "Converting the h5ad files of the {wildcards.release} release"
    shell:
        "python {params.script:q} --files {input.files:q} --other-files {params.others:q} --release {params.release:q} "
        "--organism {params.organism:q} --fractional-counts {params.fractional_counts:q} --prefix {params.prefix:q} --store {params.store:q}/soma --genes {output.genes:q} "
        "--manifest {output.manifest:q} > {log:q} 2>&1"


rule read_obs:
    """Read the cells of one release that pass the value filter, and its datasets."""
    input:
        run="<results>/run.json",
        store=run.stores,
    output:
        obs="<results>/census/{release}/obs.parquet",
        datasets="<results>/census/{release}/datasets.parquet",
    log:
        "<logs>/read_obs/{release}.log",
    benchmark:
        "<benchmarks>/read_obs/{release}.jsonl"
    retries: network_retries
    conda:
        "../../envs/census.yaml"
    resources:
        mem_mb=memory(),
        runtime=minutes(),
    params:
        script=script("read_obs"),
        code=fingerprint("read_obs"),
        uri=run.uri,
        organism=config["census"]["organism"],
        assays=config["census"]["assays"],
    message:
        "Reading the cells of release {wildcards.release}"
    shell:
        "python {params.script:q} --uri {params.uri:q} --organism {params.organism:q} "
        "--assays {params.assays:q} --obs {output.obs:q} --datasets {output.datasets:q} > {log:q} 2>&1"


rule select_genes:
    """List the genes of the model, in the order of the training release."""
    input:
        run="<results>/run.json",
        store=run.stores,
        gene_list=run.gene_list,
    output:
        "<results>/atlas/genes.parquet",
    log:
        "<logs>/select_genes.log",
    benchmark:
        "<benchmarks>/select_genes.jsonl"
    retries: network_retries
    conda:
        "../../envs/census.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(15),
    params:
        script=script("select_genes"),
        code=fingerprint("select_genes"),
        train_uri=run.release_uri("train"),
        ood_uri=run.release_uri("ood"),
        ood_genes=run.ood_genes(),
        organism=config["census"]["organism"],
        datasets=repository.datasets,
    message:
        "Selecting the genes of the model"
    shell:
        "python {params.script:q} --uri {params.train_uri:q} --ood-uri {params.ood_uri:q} --ood-genes {params.ood_genes:q} "
        "--organism {params.organism:q} --gene-list {input.gene_list:q} "
        "--datasets {params.datasets:q} --genes {output:q} > {log:q} 2>&1"
