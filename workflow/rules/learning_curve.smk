# Does the gain of HCE grow or shrink with data? Nested slices of the run's training cells, and the
# rules of the run on each of them.

CURVE = "<results>/learning_curve/{n_cells}"


wildcard_constraints:
    n_cells=r"\d+",


rule subset_training:
    """Take a nested slice of the training cells of the run."""
    input:
        manifest="<results>/shards/manifest.json",
        cells="<results>/atlas/cells.parquet",
        genes="<results>/atlas/genes.parquet",
    output:
        shards=run.training_shards(f"{CURVE}/shards/train"),
        subset=f"{CURVE}/cells.parquet",
        manifest=f"{CURVE}/shards/manifest.json",
    log:
        "<logs>/subset_training/{n_cells}.log",
    benchmark:
        "<benchmarks>/subset_training/{n_cells}.jsonl"
    conda:
        "../../envs/atlas.yaml"
    resources:
        mem_mb=memory(),
        runtime=minutes(),
    params:
        script=script("subset_training"),
        code=fingerprint("subset_training"),
        min_gain=config["learning_curve"]["min_gain"],
        seed=config["slice"]["seed"],
    message:
        "Taking {wildcards.n_cells} training cells a type"
    shell:
        "python {params.script:q} --manifest {input.manifest:q} --cells {input.cells:q} "
        "--genes {input.genes:q} --cells-per-type {wildcards.n_cells:q} "
        "--min-gain {params.min_gain:q} --seed {params.seed:q} --shards {output.shards:q} "
        "--subset {output.subset:q} --output {output.manifest:q} > {log:q} 2>&1"


use rule sample_augmentations as sample_augmentations_of_slice with:
    """Sample augmentation vectors from the cells of a slice (learning curve)."""
    input:
        manifest=f"{CURVE}/shards/manifest.json",
        cells=f"{CURVE}/cells.parquet",
    output:
        f"{CURVE}/augmentations.npy",
    log:
        "<logs>/sample_augmentations_of_slice/{n_cells}.log",
    benchmark:
        "<benchmarks>/sample_augmentations_of_slice/{n_cells}.jsonl"


use rule train_model as train_on_slice with:
    """Train one model on a slice (learning curve)."""
    input:
        manifest=f"{CURVE}/shards/manifest.json",
        cell_types="<results>/ontology/cell_types.tsv",
        reachability="<results>/ontology/reachability.npz",
        architecture_file=run.architecture_file,
        loss_file=run.loss_file,
        checks=run.trials,
        loss_reachability=run.loss_reachability,
        augmentations=run.augmentations_of_slice,
    output:
        model=f"{CURVE}/models/{{architecture}}/{{loss}}/seed{{seed}}/model.safetensors",
        history=f"{CURVE}/models/{{architecture}}/{{loss}}/seed{{seed}}/history.csv",
        record=f"{CURVE}/models/{{architecture}}/{{loss}}/seed{{seed}}/hyperparameters.json",
    log:
        "<logs>/train_on_slice/{n_cells}/{architecture}/{loss}/seed{seed}.log",
    benchmark:
        "<benchmarks>/train_on_slice/{n_cells}/{architecture}/{loss}/seed{seed}.jsonl"
    message:
        "Training {wildcards.architecture} with {wildcards.loss}, seed {wildcards.seed}, on {wildcards.n_cells} cells a type"


use rule predict as predict_of_slice with:
    """Predict both tests with models of a slice (learning curve)."""
    input:
        models=run.seeds(
            f"{CURVE}/models/{{architecture}}/{{loss}}/seed{{seed}}/model.safetensors"
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
                f"{CURVE}/predictions/{{architecture}}/{{loss}}/seed{{seed}}/{split}.parquet"
            )
        ],
        threshold_calls=f"{CURVE}/calls/{{architecture}}/{{loss}}/threshold_calls.parquet",
    log:
        "<logs>/predict_of_slice/{n_cells}/{architecture}/{loss}.log",
    benchmark:
        "<benchmarks>/predict_of_slice/{n_cells}/{architecture}/{loss}.jsonl"


use rule score as score_of_slice with:
    """Score the models of a slice (learning curve)."""
    input:
        test=run.seeds(
            f"{CURVE}/predictions/{{architecture}}/{{loss}}/seed{{seed}}/test.parquet"
        ),
        ood=run.seeds(
            f"{CURVE}/predictions/{{architecture}}/{{loss}}/seed{{seed}}/ood.parquet"
        ),
        cells="<results>/atlas/cells.parquet",
        cell_types="<results>/ontology/cell_types.tsv",
        reachability="<results>/ontology/reachability.npz",
    output:
        test=run.seeds(
            f"{CURVE}/scores/{{architecture}}/{{loss}}/seed{{seed}}/test.parquet"
        ),
        ood=run.seeds(
            f"{CURVE}/scores/{{architecture}}/{{loss}}/seed{{seed}}/ood.parquet"
        ),
        calls=f"{CURVE}/calls/{{architecture}}/{{loss}}/calls.parquet",
        unit_calls=f"{CURVE}/calls/{{architecture}}/{{loss}}/unit_calls.parquet",
    log:
        "<logs>/score_of_slice/{n_cells}/{architecture}/{loss}.log",
    benchmark:
        "<benchmarks>/score_of_slice/{n_cells}/{architecture}/{loss}.jsonl"


rule tabulate_learning_curve:
    """Write the source data of the learning curve."""
    input:
        manifests=run.curve_manifests(),
        scores=run.curve_scores(),
    output:
        "<results>/figures/source_data/learning_curve.csv",
    log:
        "<logs>/tabulate_learning_curve.log",
    benchmark:
        "<benchmarks>/tabulate_learning_curve.jsonl"
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        script=script("tabulate_learning_curve"),
        code=fingerprint("tabulate_learning_curve"),
        sizes=run.curve_sizes(),
        data_source=run.data_source(),
    message:
        "Writing the source data of the learning curve"
    shell:
        "python {params.script:q} --sizes {params.sizes:q} --manifests {input.manifests:q} "
        "--scores {input.scores:q} --data-source {params.data_source:q} --output {output:q} "
        "> {log:q} 2>&1"


rule learning_curve:
    """OOD macro F1 and gain against the training cells: further trainings on nested slices."""
    input:
        figures(["learning_curve"]),
