# Before a run: what will it meet?


rule check:
    """What of the releases, the ontology and this machine is right, and what will fail, and why."""
    log:
        "<logs>/check_run.log",
    localrule: True
    conda:
        "../../envs/census.yaml"
    params:
        script=script("check_run"),
        asked=run.asked(),
        uris=run.uris(),
        datasets=repository.datasets,
        cluster=slurm_guard.said_of(run.config["resources"], workflow),
    message:
        "Looking at what the run will need"
    shell:
        # no tee: if it fails, the profile shows the log, and all would be on the screen twice
        "python {params.script:q} --config {params.asked:q} --uris {params.uris:q} "
        "--datasets {params.datasets:q} {params.cluster:q} "
        "> {log:q} 2>&1 && cat {log:q}"
