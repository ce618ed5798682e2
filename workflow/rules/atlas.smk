# From the cells of the Census to shuffled shards.


rule select_cells:
    """Select cell types and cells, split the atlas by donor, find the OOD cells."""
    input:
        train_obs="<results>/census/train/obs.parquet",
        train_datasets="<results>/census/train/datasets.parquet",
        ood_obs="<results>/census/ood/obs.parquet",
        ood_datasets="<results>/census/ood/datasets.parquet",
        ontology="<results>/ontology/cl.obo",
    output:
        run.selected_cells,
    log:
        "<logs>/select_cells.log",
    benchmark:
        "<benchmarks>/select_cells.jsonl"
    conda:
        "../../envs/atlas.yaml"
    resources:
        mem_mb=memory(),
        runtime=minutes(),
    params:
        script=script("select_cells"),
        code=fingerprint("select_cells"),
        selection=config["selection"],
        split=config["split"],
        shuffle_seed=config["shards"]["seed"],
    message:
        "Selecting cells and splitting by donor"
    shell:
        "python {params.script:q} --train-obs {input.train_obs:q} "
        "--train-datasets {input.train_datasets:q} --ood-obs {input.ood_obs:q} "
        "--ood-datasets {input.ood_datasets:q} --ontology {input.ontology:q} "
        "--root {params.selection[root]:q} --min-cells {params.selection[min_cells]:q} "
        "--min-tech-samples {params.selection[min_tech_samples]:q} "
        "--min-ancestors {params.selection[min_ancestors]:q} "
        "--validation-share {params.split[validation]:q} --test-share {params.split[test]:q} "
        "--split-seed {params.split[seed]:q} --row-group {params.split[row_group]:q} "
        "--shuffle-seed {params.shuffle_seed:q} --cells {output:q} > {log:q} 2>&1"


rule slice_cells:
    """Take a part of the selected cells that holds every type and is read in few tiles (slice)."""
    input:
        selected="<results>/atlas/selected.parquet",
        datasets=expand(
            "<results>/census/{release}/datasets.parquet", release=["train", "ood"]
        ),
    output:
        cells=run.sliced_cells,
        table="<results>/tables/slice.tsv",
    log:
        "<logs>/slice_cells.log",
    benchmark:
        "<benchmarks>/slice_cells.jsonl"
    conda:
        "../../envs/atlas.yaml"
    resources:
        mem_mb=memory(),
        runtime=minutes(30),
    params:
        script=script("slice_cells"),
        code=fingerprint("slice_cells"),
        slice=json.dumps(config["slice"]),
        data_source=run.data_source(),
    message:
        "Choosing a slice of the selected cells"
    shell:
        "python {params.script:q} --selected {input.selected:q} --datasets {input.datasets:q} "
        "--slice {params.slice:q} --data-source {params.data_source:q} --cells {output.cells:q} "
        "--table {output.table:q} > {log:q} 2>&1"


rule summarize_atlas:
    """Count cells, cell types, donors, tissues and studies of each part of the data."""
    input:
        cells="<results>/atlas/cells.parquet",
        datasets=expand(
            "<results>/census/{release}/datasets.parquet", release=["train", "ood"]
        ),
        ood_obs="<results>/census/ood/obs.parquet",
        genes="<results>/atlas/genes.parquet",
    output:
        summary="<results>/tables/atlas_summary.tsv",
        composition="<results>/tables/atlas_composition.tsv",
    log:
        "<logs>/summarize_atlas.log",
    benchmark:
        "<benchmarks>/summarize_atlas.jsonl"
    conda:
        "../../envs/atlas.yaml"
    resources:
        mem_mb=memory(),
        runtime=minutes(15),
    params:
        script=script("summarize_atlas"),
        code=fingerprint("summarize_atlas"),
        data_source=run.data_source(),
    message:
        "Counting the atlas"
    shell:
        "python {params.script:q} --cells {input.cells:q} --datasets {input.datasets:q} "
        "--ood-obs {input.ood_obs:q} --genes {input.genes:q} "
        "--data-source {params.data_source:q} --summary {output.summary:q} "
        "--composition {output.composition:q} > {log:q} 2>&1"


rule fetch_counts:
    """Read the counts of one range of cells into a piece for the shuffle."""
    input:
        store=run.stores,
        cells="<results>/atlas/cells.parquet",
        genes="<results>/atlas/genes.parquet",
    output:
        temp("<results>/shards/pieces/{release}/{range}-of-{n_ranges}.arrow"),
    log:
        "<logs>/fetch_counts/{release}/{range}-of-{n_ranges}.log",
    benchmark:
        "<benchmarks>/fetch_counts/{release}/{range}-of-{n_ranges}.jsonl"
    wildcard_constraints:
        range=r"\d+",
        n_ranges=r"\d+",
    retries: network_retries
    conda:
        "../../envs/atlas.yaml"
    resources:
        mem_mb=memory(),
        runtime=minutes(),
    params:
        script=script("fetch_counts"),
        code=fingerprint("fetch_counts"),
        uri=run.uri,
        organism=config["census"]["organism"],
        splits=run.release_splits,
        fractional_counts=config["census"]["fractional_counts"],
        missing_genes=run.missing_genes,
        tiles=run.kept_tiles(repository.downloads),
    message:
        "Reading counts of release {wildcards.release}, range {wildcards.range} of {wildcards.n_ranges}"
    shell:
        "python {params.script:q} --uri {params.uri:q} --organism {params.organism:q} "
        "--cells {input.cells:q} --genes {input.genes:q} --splits {params.splits:q} "
        "--fractional-counts {params.fractional_counts:q} --missing-genes {params.missing_genes:q} "
        "{params.tiles:q} --range {wildcards.range:q} --n-ranges {wildcards.n_ranges:q} --piece {output:q} > {log:q} 2>&1"


rule shuffle_shards:
    """Gather one bucket of cells from all pieces into shuffled shards."""
    input:
        pieces=run.pieces,
        cells="<results>/atlas/cells.parquet",
        genes="<results>/atlas/genes.parquet",
    output:
        run.bucket_shards("{split}", "{bucket}"),
    log:
        "<logs>/shuffle_shards/{split}/{bucket}.log",
    benchmark:
        "<benchmarks>/shuffle_shards/{split}/{bucket}.jsonl"
    wildcard_constraints:
        bucket=r"\d{4}",
    conda:
        "../../envs/atlas.yaml"
    resources:
        mem_mb=memory(),
        runtime=minutes(30),
    params:
        script=script("shuffle_shards"),
        code=fingerprint("shuffle_shards"),
        n_buckets=lookup("shards/buckets/{split}", within=config),
    message:
        "Shuffling bucket {wildcards.bucket} of {wildcards.split}"
    shell:
        "python {params.script:q} --pieces {input.pieces:q} --cells {input.cells:q} "
        "--genes {input.genes:q} --split {wildcards.split:q} --bucket {wildcards.bucket:q} "
        "--n-buckets {params.n_buckets:q} --shards {output:q} > {log:q} 2>&1"


rule list_shards:
    """Write the manifest of all shards."""
    input:
        shards=run.shards,
        genes="<results>/atlas/genes.parquet",
    output:
        "<results>/shards/manifest.json",
    log:
        "<logs>/list_shards.log",
    benchmark:
        "<benchmarks>/list_shards.jsonl"
    conda:
        "../../envs/atlas.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(30),
    params:
        script=script("list_shards"),
        code=fingerprint("list_shards"),
    message:
        "Listing the shards"
    shell:
        "python {params.script:q} --shards {input.shards:q} --genes {input.genes:q} "
        "--manifest {output:q} > {log:q} 2>&1"


rule sample_augmentations:
    """Sample scTab's augmentation vectors from the training cells."""
    input:
        manifest="<results>/shards/manifest.json",
        cells="<results>/atlas/cells.parquet",
    output:
        "<results>/atlas/augmentations.npy",
    log:
        "<logs>/sample_augmentations.log",
    benchmark:
        "<benchmarks>/sample_augmentations.jsonl"
    conda:
        "../../envs/atlas.yaml"
    resources:
        mem_mb=memory(),
        runtime=minutes(),
    params:
        script=script("sample_augmentations"),
        code=fingerprint("sample_augmentations"),
        augmentation=config["augmentation"],
    message:
        "Sampling augmentation vectors"
    shell:
        "python {params.script:q} --manifest {input.manifest:q} --cells {input.cells:q} "
        "--n-cells {params.augmentation[n_cells]:q} "
        "--pairs-per-cell-type {params.augmentation[pairs_per_cell_type]:q} "
        "--small-difference {params.augmentation[small_difference]:q} "
        "--clip {params.augmentation[clip]:q} --n-clusters {params.augmentation[n_clusters]:q} "
        "--min-cluster-size {params.augmentation[min_cluster_size]:q} "
        "--n-vectors {params.augmentation[n_vectors]:q} --seed {params.augmentation[seed]:q} "
        "--output {output:q} > {log:q} 2>&1"


rule plan_run:
    """Report what the run will need, from the tables of cells and genes, and check the disk."""
    input:
        published=run.found_published(),
        cells="<results>/atlas/cells.parquet",
        genes="<results>/atlas/genes.parquet",
        slice=run.slice_table(),
    output:
        "<results>/plan.txt",
    log:
        "<logs>/plan_run.log",
    benchmark:
        "<benchmarks>/plan_run.jsonl"
    conda:
        "../../envs/atlas.yaml"
    resources:
        mem_mb=memory(),
        runtime=minutes(15),
    params:
        script=script("plan_run"),
        code=fingerprint("plan_run"),
        ranges=run.range_counts(),
        shards=run.shard_counts(run.sharded_splits),
        n_models=len(run.models("{architecture}{loss}{seed}", config["losses"])),
        trainings=run.planned_trainings(),
        results=subpath(output[0], parent=True),
        slice=json.dumps(config["slice"]),
        tiles=run.kept_tiles(repository.downloads),
        uris=run.uris(),
        datasets=repository.datasets,
    message:
        "Planning the run"
    shell:
        "python {params.script:q} --cells {input.cells:q} --genes {input.genes:q} --ranges {params.ranges:q} "
        "--shards {params.shards:q} --n-models {params.n_models:q} --trainings {params.trainings:q} "
        "--published {input.published:q} --bench {params.results:q}/benchmarks/bench.json "
        "--slice {params.slice:q} --slice-table {input.slice:q} {params.tiles:q} "
        "--uris {params.uris:q} --datasets {params.datasets:q} --results {params.results:q} "
        "--plan {output:q} "
        "> {log:q} 2>&1 && cat {log:q}"
