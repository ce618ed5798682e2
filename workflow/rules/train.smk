# One model an architecture, loss and seed.


rule train_model:
    """Train one model."""
    input:
        script=script("train_model"),
        code=modules("train_model"),
        manifest="<results>/shards/manifest.json",
        cell_types="<results>/ontology/cell_types.tsv",
        reachability="<results>/ontology/reachability.npz",
        architecture_file=get_architecture_file,
        loss_file=get_loss_file,
        loss_reachability=get_loss_reachability,
        augmentations=get_augmentations,
    output:
        model="<results>/models/{architecture}/{loss}/seed{seed}/model.safetensors",
        history="<results>/models/{architecture}/{loss}/seed{seed}/history.csv",
        record="<results>/models/{architecture}/{loss}/seed{seed}/hyperparameters.json",
    log:
        "<logs>/train_model/{architecture}/{loss}/seed{seed}.log",
    benchmark:
        "<benchmarks>/train_model/{architecture}/{loss}/seed{seed}.jsonl"
    conda:
        "../../envs/train.yaml"
    threads: config["resources"]["train_threads"]
    resources:
        mem_mb=get_memory,
        runtime=get_runtime,
        cpus_per_task=config["resources"]["train_threads"],
        gpu=config["resources"]["gpus"],
    params:
        loss=get_loss,
        loss_settings=get_loss_settings,
        hyperparameters=get_hyperparameters,
        training=get_training,
        device=branch(config["resources"]["gpus"] > 0, then="cuda", otherwise="cpu"),
    message:
        "Training {wildcards.architecture} with {wildcards.loss}, seed {wildcards.seed}"
    shell:
        "python {input.script} --architecture {wildcards.architecture} --loss {params.loss} "
        "--loss-file {input.loss_file:q} --loss-settings {params.loss_settings:q} "
        "--seed {wildcards.seed} --hyperparameters {params.hyperparameters:q} "
        "--training {params.training:q} --manifest {input.manifest} "
        "--cell-types {input.cell_types} --reachability {input.reachability} "
        "$(test -z '{input.loss_reachability}' "
        "|| echo --loss-reachability {input.loss_reachability}) "
        "$(test -z '{input.architecture_file}' "
        "|| echo --architecture-file {input.architecture_file}) "
        "$(test -z '{input.augmentations}' || echo --augmentations {input.augmentations}) "
        "--device {params.device} --threads {threads} --model {output.model} "
        "--history {output.history} --record {output.record} > {log} 2>&1"


rule predict:
    """Predict the cell types of the ID and the OOD test with one model."""
    input:
        script=script("predict"),
        code=modules("predict"),
        model="<results>/models/{architecture}/{loss}/seed{seed}/model.safetensors",
        manifest="<results>/shards/manifest.json",
        cell_types="<results>/ontology/cell_types.tsv",
        reachability="<results>/ontology/reachability.npz",
        architecture_file=get_architecture_file,
    output:
        test="<results>/predictions/{architecture}/{loss}/seed{seed}/test.parquet",
        ood="<results>/predictions/{architecture}/{loss}/seed{seed}/ood.parquet",
    log:
        "<logs>/predict/{architecture}/{loss}/seed{seed}.log",
    benchmark:
        "<benchmarks>/predict/{architecture}/{loss}/seed{seed}.jsonl"
    conda:
        "../../envs/train.yaml"
    threads: config["resources"]["train_threads"]
    resources:
        mem_mb=get_memory,
        runtime=get_runtime,
        cpus_per_task=config["resources"]["train_threads"],
        gpu=config["resources"]["gpus"],
    params:
        device=branch(config["resources"]["gpus"] > 0, then="cuda", otherwise="cpu"),
    message:
        "Predicting with {wildcards.architecture}, {wildcards.loss}, seed {wildcards.seed}"
    shell:
        "python {input.script} --model {input.model} --manifest {input.manifest} "
        "$(test -z '{input.architecture_file}' "
        "|| echo --architecture-file {input.architecture_file}) "
        "--cell-types {input.cell_types} --reachability {input.reachability} "
        "--splits test ood --device {params.device} "
        "--threads {threads} --predictions {output.test} {output.ood} > {log} 2>&1"
