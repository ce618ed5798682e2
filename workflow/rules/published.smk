# Our runs in the layout of the authors' record (docs/published.md).
rule export_predictions:
    """Write the OOD predictions and the scores of all seeds as the authors' files."""
    input:
        models=run.seeds(
            "<results>/models/{architecture}/{loss}/seed{seed}/model.safetensors"
        ),
        records=run.seeds(
            "<results>/models/{architecture}/{loss}/seed{seed}/hyperparameters.json"
        ),
        test=run.seeds("<results>/scores/{architecture}/{loss}/seed{seed}/test.parquet"),
        ood=run.seeds("<results>/scores/{architecture}/{loss}/seed{seed}/ood.parquet"),
        manifest="<results>/shards/manifest.json",
        cells="<results>/atlas/cells.parquet",
        cell_types="<results>/ontology/cell_types.tsv",
    output:
        "<results>/export/predictions_{architecture}_{loss}.txt",
    log:
        "<logs>/export_predictions/{architecture}/{loss}.log",
    benchmark:
        "<benchmarks>/export_predictions/{architecture}/{loss}.jsonl"
    conda:
        "../../envs/train.yaml"
    threads: config["resources"]["train_threads"]
    resources:
        mem_mb=memory(),
        runtime=minutes(),
        cpus_per_task=config["resources"]["train_threads"],
        gpu=config["resources"]["gpus"],
    params:
        script=script("export_predictions"),
        code=fingerprint("export_predictions"),
        device=run.device,
        seeds=config["seeds"],
        folder=subpath(output[0], parent=True),
    message:
        "Exporting the predictions of {wildcards.architecture}, {wildcards.loss}, all seeds"
    shell:
        "python {params.script:q} --models {input.models:q} --records {input.records:q} "
        "--test-scores {input.test:q} --ood-scores {input.ood:q} --seeds {params.seeds:q} "
        "--manifest {input.manifest:q} --cells {input.cells:q} --cell-types {input.cell_types:q} "
        "--architecture {wildcards.architecture:q} --loss {wildcards.loss:q} "
        "--device {params.device:q} --threads {threads} --export {params.folder:q} "
        "--listing {output:q} > {log:q} 2>&1"


rule export:
    """Our runs of CE and HCE in the layout of the authors' record."""
    input:
        run.exported,


rule export_model:
    """Write a model of ours as the authors' checkpoint of that architecture, loss and seed."""
    input:
        model="<results>/models/{architecture}/{loss}/seed{seed}/model.safetensors",
        record="<results>/models/{architecture}/{loss}/seed{seed}/hyperparameters.json",
        cell_types="<results>/ontology/cell_types.tsv",
        augmentations=run.augmentations,
    output:
        "<results>/export/checkpoints_{architecture}_{loss}_{seed}.txt",
    log:
        "<logs>/export_model/{architecture}/{loss}/seed{seed}.log",
    benchmark:
        "<benchmarks>/export_model/{architecture}/{loss}/seed{seed}.jsonl"
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=memory(3000),
        runtime=minutes(15),
    params:
        script=script("export_model"),
        code=fingerprint("export_model"),
        folder=subpath(output[0], parent=True),
    message:
        "Exporting {wildcards.architecture}, {wildcards.loss}, seed {wildcards.seed}"
    shell:
        "python {params.script:q} --model {input.model:q} --record {input.record:q} "
        "--cell-types {input.cell_types:q} --augmentations {input.augmentations:q} "
        "--export {params.folder:q} --listing {output:q} > {log:q} 2>&1"
