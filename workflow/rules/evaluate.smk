# Hierarchy-corrected scores of each model.


rule score:
    """Score one model on both tests for every grouping of the cells."""
    input:
        test="<results>/predictions/{architecture}/{loss}/seed{seed}/test.parquet",
        ood="<results>/predictions/{architecture}/{loss}/seed{seed}/ood.parquet",
        cells="<results>/atlas/cells.parquet",
        cell_types="<results>/ontology/cell_types.tsv",
        reachability="<results>/ontology/reachability.npz",
    output:
        test="<results>/scores/{architecture}/{loss}/seed{seed}/test.parquet",
        ood="<results>/scores/{architecture}/{loss}/seed{seed}/ood.parquet",
    log:
        "<logs>/score/{architecture}/{loss}/seed{seed}.log",
    benchmark:
        "<benchmarks>/score/{architecture}/{loss}/seed{seed}.jsonl"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=memory(),
        runtime=minutes(30),
    params:
        script=script("score"),
        code=fingerprint("score"),
    message:
        "Scoring {wildcards.architecture}, {wildcards.loss}, seed {wildcards.seed}"
    shell:
        "python {params.script} --splits test ood --predictions {input.test} {input.ood} "
        "--cells {input.cells} --cell-types {input.cell_types} "
        "--reachability {input.reachability} --architecture {wildcards.architecture} "
        "--loss {wildcards.loss} --seed {wildcards.seed} --scores {output.test} {output.ood} "
        "> {log} 2>&1"
