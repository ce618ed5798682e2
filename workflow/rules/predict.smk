# What models say of the cells, whoever trained them.


rule predict:
    """Predict the cell types of the tests with all seeds of an architecture and loss."""
    input:
        models=run.seeds(
            "<results>/models/{architecture}/{loss}/seed{seed}/model.safetensors"
        ),
        manifest="<results>/shards/manifest.json",
        cell_types="<results>/ontology/cell_types.tsv",
        reachability="<results>/ontology/reachability.npz",
        architecture_file=run.architecture_file,
    output:
        predictions=[
            path
            for split in run.predicted_splits
            for path in run.seeds(
                f"<results>/predictions/{{architecture}}/{{loss}}/seed{{seed}}/{split}.parquet"
            )
        ],
        threshold_calls="<results>/calls/{architecture}/{loss}/threshold_calls.parquet",
    log:
        "<logs>/predict/{architecture}/{loss}.log",
    benchmark:
        "<benchmarks>/predict/{architecture}/{loss}.jsonl"
    conda:
        "../../envs/train.yaml"
    threads: config["resources"]["train_threads"]
    resources:
        mem_mb=memory(),
        runtime=minutes(),
        cpus_per_task=config["resources"]["train_threads"],
        gpu=config["resources"]["gpus"],
    params:
        script=script("predict"),
        code=fingerprint("predict"),
        device=run.device,
        threshold=config["decoding"]["threshold"],
        seeds=config["seeds"],
        splits=run.predicted_splits,
    message:
        "Predicting with {wildcards.architecture}, {wildcards.loss}, all seeds"
    shell:
        "python {params.script:q} --models {input.models:q} --manifest {input.manifest:q} "
        "--architecture-file {input.architecture_file:q} "
        "--cell-types {input.cell_types:q} --reachability {input.reachability:q} "
        "--seeds {params.seeds:q} --splits {params.splits:q} --device {params.device:q} "
        "--threshold {params.threshold:q} --threads {threads} "
        "--predictions {output.predictions:q} "
        "--threshold-calls {output.threshold_calls:q} > {log:q} 2>&1"
