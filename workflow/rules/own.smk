# A user's own architectures and losses: are they complete, and their files as inputs of the rules.

PAPER_LOSSES = ("ce", "hce")
# HCE with the hierarchy permuted: a control, not a loss of the configuration
PERMUTED_LOSS = "hce_permuted"
OWN_LOSSES = [name for name in config["losses"] if name not in PAPER_LOSSES]


def check_losses():
    """Refuse a loss without a file, with another's name or left out, and a run without CE or HCE."""
    own = config["own_losses"]
    for name in own.keys() & {*PAPER_LOSSES, PERMUTED_LOSS}:
        raise WorkflowError(
            f"own_losses.{name}: {name} is a loss of this workflow; take another name."
        )
    for name in OWN_LOSSES:
        if name not in own:
            raise WorkflowError(
                f"losses: {name!r} is not one of ce, hce, and own_losses.{name}.file is missing: "
                f"{no_such_key(name, [*PAPER_LOSSES, *own])} (docs/adapt.md)."
            )
        file = Path(own[name]["file"])
        if not file.is_file():
            raise WorkflowError(
                f"own_losses.{name}.file: there is no file {file} in {Path.cwd()}, the folder that "
                "snakemake works in."
            )
    for name in PAPER_LOSSES:
        if name not in config["losses"]:
            raise WorkflowError(
                f"losses: {name} is missing; every other loss is compared with CE and HCE."
            )
    for name in own:
        if name not in OWN_LOSSES:
            raise WorkflowError(
                f"own_losses.{name}: no model would be trained with it; add {name} to losses or "
                f"take own_losses.{name} out."
            )


check_losses()


def get_architecture_file(wildcards):
    """The file of an architecture that is not the paper's."""
    file = config["models"][wildcards.architecture].get("file")
    return [file] if file else []


def get_loss_file(wildcards):
    """The file of a loss that is not the paper's."""
    own = config["own_losses"].get(wildcards.loss)
    return [own["file"]] if own else []


def get_own_checks(wildcards):
    """What a training waits for: the trials of its own architecture and loss."""
    checks = []
    if get_architecture_file(wildcards):
        checks.append("<results>/checks/architectures/{architecture}.txt")
    if get_loss_file(wildcards):
        checks.append("<results>/checks/losses/{loss}.txt")
    return checks


def get_loss_settings(wildcards):
    """Hyperparameters of a loss that is not the paper's, as JSON."""
    own = config["own_losses"].get(wildcards.loss, {})
    return json.dumps({key: value for key, value in own.items() if key != "file"})


def get_own_scores(wildcards):
    """Scores of all models, if a loss among them is not the paper's."""
    if not OWN_LOSSES:
        raise WorkflowError(
            "losses has no loss beside ce and hce: add one, and its file to own_losses "
            "(docs/adapt.md)."
        )
    return get_scores(config["losses"])


def own_files():
    """A user's own files that define the architectures and losses of the run."""
    models = (config["models"][name] for name in config["architectures"])
    losses = (config["own_losses"][name] for name in OWN_LOSSES)
    return [entry["file"] for entry in (*models, *losses) if "file" in entry]
