# The authors' published predictions: in place of models of our own (models.source: predictions), or
# beside those of their checkpoints.

TAKEN = run.taken_predictions
# tables of predictions that are downloaded when they are read
IN_TURN = run.published_in_turn(repository.datasets)


rule unpack_published:
    """Unpack the archives of the authors' record."""
    input:
        run.published_archives(repository.downloads, repository.datasets),
    output:
        directory("<results>/published/record"),
    log:
        "<logs>/unpack_published.log",
    benchmark:
        "<benchmarks>/unpack_published.jsonl"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=1000,
        runtime=minutes(120),
    params:
        script=script("unpack_published"),
        code=fingerprint("unpack_published"),
    message:
        "Unpacking {input}"
    shell:
        "python {params.script:q} --archives {input:q} --folder {output:q} "
        "> {log:q} 2>&1 && cat {log:q}"


rule find_published:
    """Find the authors' predictions and ID scores of every run."""
    input:
        run="<results>/run.json",
        downloads=run.published_files(repository.downloads, repository.datasets),
    output:
        "<results>/published/files.json",
    log:
        "<logs>/find_published.log",
    benchmark:
        "<benchmarks>/find_published.jsonl"
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=500,
        runtime=30,
    params:
        script=script("find_published"),
        code=fingerprint("find_published"),
        folder=run.published_folder(repository.downloads, repository.datasets),
        choose=json.dumps(config["published"]["choose"]),
        architectures=config["architectures"],
        losses=config["losses"],
        seeds=config["seeds"],
        listed=IN_TURN,
    message:
        "Looking for the published predictions in {params.folder}"
    shell:
        "python {params.script:q} --folder {params.folder:q} "
        "--architectures {params.architectures:q} --losses {params.losses:q} "
        "--seeds {params.seeds:q} --choose {params.choose:q} "
        "--listed {params.listed:q} --files {output:q} "
        "> {log:q} 2>&1 && cat {log:q}"


rule import_predictions:
    """Take the published predictions of all seeds of an architecture and loss for ours."""
    input:
        files="<results>/published/files.json",
        cells="<results>/atlas/cells.parquet",
        cell_types="<results>/ontology/cell_types.tsv",
        reachability="<results>/ontology/reachability.npz",
    output:
        ood=run.seeds(
            f"{TAKEN}/predictions/{{architecture}}/{{loss}}/seed{{seed}}/ood.parquet"
        ),
        scores=run.seeds(
            f"{TAKEN}/scores/{{architecture}}/{{loss}}/seed{{seed}}/test.parquet"
        ),
        threshold_calls=f"{TAKEN}/calls/{{architecture}}/{{loss}}/threshold_calls.parquet",
    log:
        "<logs>/import_predictions/{architecture}/{loss}.log",
    benchmark:
        "<benchmarks>/import_predictions/{architecture}/{loss}.jsonl"
    retries: network_retries if IN_TURN else 0
    # compute nodes may have no network
    localrule: bool(IN_TURN)
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(60),
    params:
        script=script("import_predictions"),
        code=fingerprint("import_predictions"),
        threshold=config["decoding"]["threshold"],
        seeds=config["seeds"],
        datasets=repository.datasets,
        keep=run.keeps_published,
    message:
        "Taking the published predictions of {wildcards.architecture}, {wildcards.loss}, all seeds"
    shell:
        "python {params.script:q} --files {input.files:q} "
        "--architecture {wildcards.architecture:q} --loss {wildcards.loss:q} "
        "--seeds {params.seeds:q} --cells {input.cells:q} --cell-types {input.cell_types:q} "
        "--reachability {input.reachability:q} --threshold {params.threshold:q} "
        "--predictions {output.ood:q} --scores {output.scores:q} "
        "--threshold-calls {output.threshold_calls:q} --datasets {params.datasets:q} {params.keep:q} "
        "> {log:q} 2>&1 && cat {log:q}"
