# One model an architecture, loss and seed.


rule check_own_loss:
    """Try a user's own loss before any data are there."""
    input:
        file=run.loss_file,
    output:
        "<results>/checks/losses/{loss}.txt",
    log:
        "<logs>/check_own_loss/{loss}.log",
    benchmark:
        "<benchmarks>/check_own_loss/{loss}.jsonl"
    priority: 100
    localrule: True
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=5,
    params:
        # without code: a newer trial is no reason to train again
        script=script("check_own_loss"),
        settings=run.loss_settings,
        device=run.device,
    message:
        "Trying the loss {wildcards.loss} of {input.file}"
    shell:
        "python {params.script:q} --loss {wildcards.loss:q} --loss-file {input.file:q} "
        "--loss-settings {params.settings:q} --device {params.device:q} --output {output:q} "
        "> {log:q} 2>&1 && cat {log:q}"


rule check_own_architecture:
    """Try a user's own architecture before any data are there."""
    input:
        file=run.architecture_file,
    output:
        "<results>/checks/architectures/{architecture}.txt",
    log:
        "<logs>/check_own_architecture/{architecture}.log",
    benchmark:
        "<benchmarks>/check_own_architecture/{architecture}.jsonl"
    priority: 100
    localrule: True
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=5,
    params:
        # without code: a newer trial is no reason to train again
        script=script("check_own_architecture"),
        hyperparameters=run.hyperparameters,
        batch_size=config["training"]["batch_size"],
        device=run.device,
    message:
        "Trying the architecture {wildcards.architecture} of {input.file}"
    shell:
        "python {params.script:q} --architecture {wildcards.architecture:q} "
        "--architecture-file {input.file:q} --hyperparameters {params.hyperparameters:q} "
        "--batch-size {params.batch_size:q} --device {params.device:q} --output {output:q} "
        "> {log:q} 2>&1 && cat {log:q}"


rule train_model:
    """Train one model."""
    input:
        manifest="<results>/shards/manifest.json",
        cell_types="<results>/ontology/cell_types.tsv",
        reachability="<results>/ontology/reachability.npz",
        architecture_file=run.architecture_file,
        loss_file=run.loss_file,
        checks=run.trials,
        loss_reachability=run.loss_reachability,
        augmentations=run.augmentations,
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
        mem_mb=memory(config["resources"]["train_memory"]),
        runtime=minutes(config["resources"]["train_runtime"]),
        cpus_per_task=config["resources"]["train_threads"],
        gpu=config["resources"]["gpus"],
    params:
        script=script("train_model"),
        code=fingerprint("train_model"),
        loss=run.loss,
        loss_settings=run.loss_settings,
        hyperparameters=run.hyperparameters,
        training=run.training,
        device=run.device,
        data_source=run.data_source(),
    message:
        "Training {wildcards.architecture} with {wildcards.loss}, seed {wildcards.seed}"
    shell:
        "python {params.script:q} --architecture {wildcards.architecture:q} --loss {params.loss:q} "
        "--loss-file {input.loss_file:q} --loss-settings {params.loss_settings:q} "
        "--seed {wildcards.seed:q} --hyperparameters {params.hyperparameters:q} "
        "--training {params.training:q} --manifest {input.manifest:q} "
        "--cell-types {input.cell_types:q} --reachability {input.reachability:q} "
        "--loss-reachability {input.loss_reachability:q} "
        "--architecture-file {input.architecture_file:q} "
        "--augmentations {input.augmentations:q} --data-source {params.data_source:q} "
        "--code {params.code:q} --device {params.device:q} --threads {threads} "
        "--memory {resources.mem_mb} --model {output.model:q} --history {output.history:q} --record {output.record:q} > {log:q} 2>&1"


include: "predict.smk"
