# Beyond the paper: is the gain real, training curves, mistakes, ontology drift, calibration,
# risk-coverage.

BEYOND = [
    "decisions",
    "metrics",
    "specificity",
    "granularity",
    "new_study",
    "new_tissue",
    "power",
    "training_curves",
    "confusion",
    "ontology_drift",
    "calibration",
    "risk_coverage",
]
# the releases of the Cell Ontology do not know the terms of another one
if run.term_prefix() != "CL":
    BEYOND.remove("ontology_drift")


rule tabulate_decisions:
    """Compare CE and HCE by every decision rule and metric, and how specific their calls are."""
    input:
        calls=run.calls("calls"),
        cell_types="<results>/ontology/cell_types.tsv",
        reachability="<results>/ontology/reachability.npz",
    output:
        decisions="<results>/tables/decisions.tsv",
        metrics="<results>/tables/metrics.tsv",
        metrics_runs="<results>/tables/metrics_runs.tsv",
        specificity="<results>/tables/specificity_runs.tsv",
        decisions_figure="<results>/figures/source_data/decisions.csv",
        metrics_figure="<results>/figures/source_data/metrics.csv",
        specificity_figure="<results>/figures/source_data/specificity.csv",
        granularity_figure="<results>/figures/source_data/granularity.csv",
    log:
        "<logs>/tabulate_decisions.log",
    benchmark:
        "<benchmarks>/tabulate_decisions.jsonl"
    conda:
        "../../envs/ontology.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(30),
    params:
        script=script("tabulate_decisions"),
        code=fingerprint("tabulate_decisions"),
        data_source=run.data_source(),
    message:
        "Comparing CE and HCE by decision rule and metric"
    shell:
        "python {params.script:q} --calls {input.calls:q} --cell-types {input.cell_types:q} "
        "--reachability {input.reachability:q} --data-source {params.data_source:q} "
        "--decisions {output.decisions:q} --metrics {output.metrics:q} "
        "--metrics-runs {output.metrics_runs:q} --specificity {output.specificity:q} "
        "--decisions-figure {output.decisions_figure:q} "
        "--metrics-figure {output.metrics_figure:q} "
        "--specificity-figure {output.specificity_figure:q} "
        "--granularity-figure {output.granularity_figure:q} > {log:q} 2>&1"


rule tabulate_new_study:
    """Ask whether the gain holds in the next study, and what the seeds could have found."""
    input:
        unit_calls=run.calls("unit_calls"),
        reachability="<results>/ontology/reachability.npz",
        macro_f1="<results>/tables/macro_f1.tsv",
        per_cell_type="<results>/tables/per_cell_type.tsv",
        study_names="<results>/figures/source_data/figS1.csv",
    output:
        new_study="<results>/tables/new_study.tsv",
        new_study_units="<results>/tables/new_study_units.tsv",
        power="<results>/tables/power.tsv",
        study_figure="<results>/figures/source_data/new_study.csv",
        tissue_figure="<results>/figures/source_data/new_tissue.csv",
        power_figure="<results>/figures/source_data/power.csv",
    log:
        "<logs>/tabulate_new_study.log",
    benchmark:
        "<benchmarks>/tabulate_new_study.jsonl"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=memory(),
        runtime=minutes(30),
    params:
        script=script("tabulate_new_study"),
        code=fingerprint("tabulate_new_study"),
        data_source=run.data_source(),
    message:
        "Asking whether the gain holds in the next study"
    shell:
        "python {params.script:q} --unit-calls {input.unit_calls:q} "
        "--reachability {input.reachability:q} --macro-f1 {input.macro_f1:q} "
        "--per-cell-type {input.per_cell_type:q} --study-names {input.study_names:q} "
        "--data-source {params.data_source:q} --new-study {output.new_study:q} "
        "--new-study-units {output.new_study_units:q} --power {output.power:q} "
        "--study-figure {output.study_figure:q} --tissue-figure {output.tissue_figure:q} "
        "--power-figure {output.power_figure:q} > {log:q} 2>&1"


rule tabulate_training_curves:
    """Write the source data of the training curves."""
    input:
        histories=run.trained("history.csv"),
    output:
        "<results>/figures/source_data/training_curves.csv",
    log:
        "<logs>/tabulate_training_curves.log",
    benchmark:
        "<benchmarks>/tabulate_training_curves.jsonl"
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        script=script("tabulate_training_curves"),
        code=fingerprint("tabulate_training_curves"),
        data_source=run.data_source(),
    message:
        "Writing the source data of the training curves"
    shell:
        "python {params.script:q} --histories {input.histories:q} "
        "--data-source {params.data_source:q} --output {output:q} > {log:q} 2>&1"


rule tabulate_confusion:
    """Write what cells are mistaken for, and the mistakes of CE that HCE does not make."""
    input:
        predictions=run.predictions(["ood"]),
        reachability="<results>/ontology/reachability.npz",
    output:
        relations="<results>/figures/source_data/confusion.csv",
        corrected="<results>/figures/source_data/confusion_corrected.csv",
    log:
        "<logs>/tabulate_confusion.log",
    benchmark:
        "<benchmarks>/tabulate_confusion.jsonl"
    conda:
        "../../envs/ontology.yaml"
    resources:
        mem_mb=memory(),
        runtime=minutes(30),
    params:
        script=script("tabulate_confusion"),
        code=fingerprint("tabulate_confusion"),
        data_source=run.data_source(),
    message:
        "Telling the kinds of mistakes apart"
    shell:
        "python {params.script:q} --predictions {input.predictions:q} "
        "--reachability {input.reachability:q} --data-source {params.data_source:q} "
        "--relations {output.relations:q} --corrected {output.corrected:q} > {log:q} 2>&1"


rule tabulate_ontology_drift:
    """Write the hierarchy in other ontology releases, and the scores that each gives."""
    input:
        predictions=run.predictions(["ood"]),
        ontology="<results>/ontology/cl.obo",
        reachability="<results>/ontology/reachability.npz",
        cell_types="<results>/ontology/cell_types.tsv",
    output:
        sizes="<results>/figures/source_data/ontology_drift.csv",
        changes="<results>/figures/source_data/ontology_drift_changes.csv",
        scores="<results>/figures/source_data/ontology_drift_scores.csv",
    log:
        "<logs>/tabulate_ontology_drift.log",
    benchmark:
        "<benchmarks>/tabulate_ontology_drift.jsonl"
    conda:
        "../../envs/ontology.yaml"
    resources:
        mem_mb=memory(),
        runtime=minutes(30),
    params:
        script=script("tabulate_ontology_drift"),
        code=fingerprint("tabulate_ontology_drift"),
        data_source=run.data_source(),
    message:
        "Scoring the predictions with other ontology releases"
    shell:
        "python {params.script:q} --predictions {input.predictions:q} "
        "--ontology {input.ontology:q} --reachability {input.reachability:q} "
        "--cell-types {input.cell_types:q} --data-source {params.data_source:q} "
        "--sizes {output.sizes:q} --changes {output.changes:q} --scores {output.scores:q} "
        "> {log:q} 2>&1"


rule tabulate_calibration:
    """Write how often the models are right for what they say."""
    input:
        predictions=run.predictions(["test", "ood"]),
        reachability="<results>/ontology/reachability.npz",
    output:
        "<results>/figures/source_data/calibration.csv",
    log:
        "<logs>/tabulate_calibration.log",
    benchmark:
        "<benchmarks>/tabulate_calibration.jsonl"
    conda:
        "../../envs/ontology.yaml"
    resources:
        mem_mb=memory(),
        runtime=minutes(30),
    params:
        script=script("tabulate_calibration"),
        code=fingerprint("tabulate_calibration"),
        data_source=run.data_source(),
    message:
        "Comparing what the models say with how often they are right"
    shell:
        "python {params.script:q} --predictions {input.predictions:q} "
        "--reachability {input.reachability:q} --data-source {params.data_source:q} "
        "--output {output:q} > {log:q} 2>&1"


rule tabulate_risk_coverage:
    """Write how specific the safe calls are at each threshold, and how often they are right."""
    input:
        calls=run.calls("threshold_calls"),
        cell_types="<results>/ontology/cell_types.tsv",
        reachability="<results>/ontology/reachability.npz",
    output:
        "<results>/figures/source_data/risk_coverage.csv",
    log:
        "<logs>/tabulate_risk_coverage.log",
    benchmark:
        "<benchmarks>/tabulate_risk_coverage.jsonl"
    conda:
        "../../envs/ontology.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(30),
    params:
        script=script("tabulate_risk_coverage"),
        code=fingerprint("tabulate_risk_coverage"),
        data_source=run.data_source(),
    message:
        "Setting how often the safe calls are right against how specific they are"
    shell:
        "python {params.script:q} --calls {input.calls:q} --cell-types {input.cell_types:q} "
        "--reachability {input.reachability:q} --data-source {params.data_source:q} "
        "--output {output:q} > {log:q} 2>&1"


rule beyond:
    """The figures that the paper does not have."""
    input:
        figures(BEYOND),
