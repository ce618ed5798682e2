# The authors' published checkpoints in place of models of our own (models.source: checkpoints).


rule import_model:
    """Take the published checkpoint of an architecture, loss and seed for a model of ours."""
    input:
        downloads=run.published_files(repository.downloads, repository.datasets),
        genes="<results>/atlas/genes.parquet",
        cell_types="<results>/ontology/cell_types.tsv",
        reachability="<results>/ontology/reachability.npz",
    output:
        model="<results>/models/{architecture}/{loss}/seed{seed}/model.safetensors",
        history="<results>/models/{architecture}/{loss}/seed{seed}/history.csv",
        record="<results>/models/{architecture}/{loss}/seed{seed}/hyperparameters.json",
    log:
        "<logs>/import_model/{architecture}/{loss}/seed{seed}.log",
    benchmark:
        "<benchmarks>/import_model/{architecture}/{loss}/seed{seed}.jsonl"
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(15),
    params:
        script=script("import_model"),
        code=fingerprint("import_model"),
        checkpoint=run.published_checkpoint(repository.downloads),
        data_source=run.data_source(),
    message:
        "Taking the published {wildcards.architecture}, {wildcards.loss}, seed {wildcards.seed}"
    shell:
        # on the screen too: what does not fit is for the user to mend
        "python {params.script:q} --checkpoint {params.checkpoint:q} "
        "--architecture {wildcards.architecture:q} --loss {wildcards.loss:q} "
        "--seed {wildcards.seed:q} --genes {input.genes:q} --cell-types {input.cell_types:q} "
        "--reachability {input.reachability:q} --data-source {params.data_source:q} "
        "--model {output.model:q} --history {output.history:q} --record {output.record:q} "
        "2>&1 | tee {log:q}"


include: "predict.smk"
