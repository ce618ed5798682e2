# A user's own cells (docs/annotate.md), if the configuration names files.


rule annotate_cells:
    """Call the cells of a file with all seeds of an architecture and loss."""
    input:
        cells=run.cells_to_annotate,
        models=run.annotating_models(),
        architecture_file=run.annotating_file(),
    output:
        "<results>/annotations/{name}.h5ad",
    log:
        "<logs>/annotate_cells/{name}.log",
    benchmark:
        "<benchmarks>/annotate_cells/{name}.jsonl"
    wildcard_constraints:
        name="|".join(config["annotate"]) or "(?!)",
    conda:
        "../../envs/train.yaml"
    threads: config["resources"]["train_threads"]
    resources:
        mem_mb=memory(),
        runtime=minutes(),
        cpus_per_task=config["resources"]["train_threads"],
        gpu=config["resources"]["gpus"],
    params:
        script=script("annotate"),
        code=fingerprint("annotate"),
        device=run.device,
        threshold=config["decoding"]["threshold"],
        least_genes=config["annotation"]["least_genes"],
    message:
        "Annotating the cells of {input.cells}"
    shell:
        "python {params.script:q} --model {input.models:q} "
        "--architecture-file {input.architecture_file:q} "
        "--threshold {params.threshold:q} --least-genes {params.least_genes:q} "
        "--device {params.device:q} --threads {threads} --output {output:q} "
        "-- {input.cells:q} > {log:q} 2>&1"
