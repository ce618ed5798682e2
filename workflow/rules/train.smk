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
        # on the screen too: the mistake is the user's
        "python {params.script} --loss {wildcards.loss} --loss-file {input.file:q} "
        "--loss-settings {params.settings:q} --device {params.device} --output {output} "
        "2>&1 | tee {log}"


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
        "python {params.script} --architecture {wildcards.architecture} "
        "--architecture-file {input.file:q} --hyperparameters {params.hyperparameters:q} "
        "--batch-size {params.batch_size} --device {params.device} --output {output} "
        "2>&1 | tee {log}"


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
    message:
        "Training {wildcards.architecture} with {wildcards.loss}, seed {wildcards.seed}"
    shell:
        "python {params.script} --architecture {wildcards.architecture} --loss {params.loss} "
        "--loss-file {input.loss_file:q} --loss-settings {params.loss_settings:q} "
        "--seed {wildcards.seed} --hyperparameters {params.hyperparameters:q} "
        "--training {params.training:q} --manifest {input.manifest} "
        "--cell-types {input.cell_types} --reachability {input.reachability} "
        "$(test -z '{input.loss_reachability}' "
        "|| echo --loss-reachability {input.loss_reachability}) "
        "$(test -z '{input.architecture_file}' "
        "|| echo --architecture-file {input.architecture_file}) "
        "$(test -z '{input.augmentations}' || echo --augmentations {input.augmentations}) "
        "--code {params.code} --device {params.device} --threads {threads} "
        "--memory {resources.mem_mb} --model {output.model} --history {output.history} "
        "--record {output.record} > {log} 2>&1"


rule predict:
    """Predict the cell types of the ID and the OOD test with one model."""
    input:
        model="<results>/models/{architecture}/{loss}/seed{seed}/model.safetensors",
        manifest="<results>/shards/manifest.json",
        cell_types="<results>/ontology/cell_types.tsv",
        reachability="<results>/ontology/reachability.npz",
        architecture_file=run.architecture_file,
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
        mem_mb=memory(),
        runtime=minutes(),
        cpus_per_task=config["resources"]["train_threads"],
        gpu=config["resources"]["gpus"],
    params:
        script=script("predict"),
        code=fingerprint("predict"),
        device=run.device,
    message:
        "Predicting with {wildcards.architecture}, {wildcards.loss}, seed {wildcards.seed}"
    shell:
        "python {params.script} --model {input.model} --manifest {input.manifest} "
        "$(test -z '{input.architecture_file}' "
        "|| echo --architecture-file {input.architecture_file}) "
        "--cell-types {input.cell_types} --reachability {input.reachability} "
        "--splits test ood --device {params.device} "
        "--threads {threads} --predictions {output.test} {output.ood} > {log} 2>&1"
