# Hierarchy-corrected scores of all models.


rule score:
    """Score all seeds of an architecture and loss on both tests, for every grouping of cells."""
    input:
        test=run.of_split(
            "test",
            run.seeds(
                "<results>/predictions/{architecture}/{loss}/seed{seed}/test.parquet"
            ),
        ),
        ood=run.seeds(
            "<results>/predictions/{architecture}/{loss}/seed{seed}/ood.parquet"
        ),
        cells="<results>/atlas/cells.parquet",
        cell_types="<results>/ontology/cell_types.tsv",
        reachability="<results>/ontology/reachability.npz",
    output:
        # without predictions, the scores that are published (import_predictions)
        test=run.of_split(
            "test",
            run.seeds(
                "<results>/scores/{architecture}/{loss}/seed{seed}/test.parquet"
            ),
        ),
        ood=run.seeds("<results>/scores/{architecture}/{loss}/seed{seed}/ood.parquet"),
        calls="<results>/calls/{architecture}/{loss}/calls.parquet",
        unit_calls="<results>/calls/{architecture}/{loss}/unit_calls.parquet",
    log:
        "<logs>/score/{architecture}/{loss}.log",
    benchmark:
        "<benchmarks>/score/{architecture}/{loss}.jsonl"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=memory(),
        runtime=minutes(30),
    params:
        script=script("score"),
        code=fingerprint("score"),
        seeds=config["seeds"],
        splits=run.predicted_splits,
    message:
        "Scoring {wildcards.architecture}, {wildcards.loss}, all seeds"
    shell:
        "python {params.script:q} --splits {params.splits:q} --predictions {input.test:q} {input.ood:q} "
        "--cells {input.cells:q} --cell-types {input.cell_types:q} "
        "--reachability {input.reachability:q} --architecture {wildcards.architecture:q} "
        "--loss {wildcards.loss:q} --seeds {params.seeds:q} --scores {output.test:q} {output.ood:q} "
        "--calls {output.calls:q} --unit-calls {output.unit_calls:q} > {log:q} 2>&1"
