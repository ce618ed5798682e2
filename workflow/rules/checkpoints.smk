# The authors' published checkpoints in place of models of our own (models.source: checkpoints).


rule import_model:
    """Take the published checkpoint of an architecture, loss and seed for a model of ours."""
    input:
        downloads=run.published_files(
            repository.downloads, repository.datasets, checkpoints=True
        ),
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
        checkpoint=run.published_checkpoint(repository.downloads, repository.datasets),
        data_source=run.data_source(),
    message:
        "Taking the published {wildcards.architecture}, {wildcards.loss}, seed {wildcards.seed}"
    shell:
        "python {params.script:q} --checkpoint {params.checkpoint:q} "
        "--architecture {wildcards.architecture:q} --loss {wildcards.loss:q} "
        "--seed {wildcards.seed:q} --genes {input.genes:q} --cell-types {input.cell_types:q} "
        "--reachability {input.reachability:q} --data-source {params.data_source:q} "
        "--model {output.model:q} --history {output.history:q} --record {output.record:q} "
        "> {log:q} 2>&1 && cat {log:q}"


if "test" not in run.predicted_splits:

    rule import_id_scores:
        """Take the published ID scores of all seeds of an architecture and loss for ours."""
        input:
            downloads=run.published_files(repository.downloads, repository.datasets),
            records=run.seeds(
                "<results>/models/{architecture}/{loss}/seed{seed}/hyperparameters.json"
            ),
            cell_types="<results>/ontology/cell_types.tsv",
        output:
            run.seeds("<results>/scores/{architecture}/{loss}/seed{seed}/test.parquet"),
        log:
            "<logs>/import_id_scores/{architecture}/{loss}.log",
        benchmark:
            "<benchmarks>/import_id_scores/{architecture}/{loss}.jsonl"
        localrule: True
        conda:
            "../../envs/analysis.yaml"
        params:
            script=script("import_id_scores"),
            code=fingerprint("import_id_scores"),
            folder=run.published_folder(repository.downloads, repository.datasets),
            choose=json.dumps(config["published"]["choose"]),
            seeds=config["seeds"],
        message:
            "Taking the published ID scores of {wildcards.architecture}, {wildcards.loss}, all seeds"
        shell:
            "python {params.script:q} --folder {params.folder:q} --choose {params.choose:q} "
            "--architecture {wildcards.architecture:q} --loss {wildcards.loss:q} "
            "--seeds {params.seeds:q} --records {input.records:q} "
            "--cell-types {input.cell_types:q} --scores {output:q} "
            "> {log:q} 2>&1 && cat {log:q}"


include: "predict.smk"
# the published predictions, to be set beside those of the checkpoints
include: "predictions.smk"


rule compare_published:
    """Set the predictions of the imported models beside the published ones, cell by cell."""
    input:
        ours=run.predictions(["ood"]),
        published=run.models(
            f"{TAKEN}/predictions/{{architecture}}/{{loss}}/seed{{seed}}/ood.parquet"
        ),
    output:
        "<results>/tables/published_agreement.tsv",
    log:
        "<logs>/compare_published.log",
    benchmark:
        "<benchmarks>/compare_published.jsonl"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(30),
    params:
        script=script("compare_predictions"),
        code=fingerprint("compare_predictions"),
        data_source=run.data_source(),
    message:
        "Comparing the predictions of the imported models with the published ones"
    shell:
        "python {params.script:q} --ours {input.ours:q} --published {input.published:q} "
        "--data-source {params.data_source:q} --output {output:q} > {log:q} 2>&1"
