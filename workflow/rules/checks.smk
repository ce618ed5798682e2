# Is the configuration complete, does it fit together, and is the results folder that of this run?


def parse_numbers(value):
    """Numbers in a list or dict of --config, which snakemake leaves as text: seeds=[0,1]."""
    if isinstance(value, dict):
        return {key: parse_numbers(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [parse_numbers(entry) for entry in value]
    for number in (int, float):
        try:
            return number(value) if isinstance(value, str) else value
        except ValueError:
            continue
    return value


def check_sections():
    """Say where a configuration comes from, when there is none to speak of."""
    missing = [name for name in ("census", "ontology") if name not in config]
    if missing:
        raise WorkflowError(
            f"the configuration has no section {' and no section '.join(missing)}. It is read from "
            "config/config.yaml of the folder that snakemake works in, from --configfile, or from "
            "`config:` where this workflow is a module. Start from a copy of "
            f"{repository_file('config/config.yaml')} (simulated) or config/paper.yaml beside it."
        )


# a module has its own configuration, in which keys of --config need not be
for key in workflow.config_settings.config.keys() & config.keys():
    config[key] = parse_numbers(config[key])

check_sections()
try:
    validate(
        config,
        str(Path(repository_file("workflow/schemas/config.schema.yaml")).resolve()),
    )
except WorkflowError as error:
    if not isinstance(error.__context__, ValidationError):
        raise
    read = ["--config"] if workflow.config_settings.config else []
    read = [os.path.relpath(path) for path in workflow.configfiles] + read
    raise WorkflowError(
        f"{explain(error.__context__)}\nRead from: {', '.join(read)}. "
        f"All keys: {repository_file('config/README.md')}"
    ) from None

# --- which run is this ----------------------------------------------------------------------------

# keys that run.json of earlier versions lacks, and what those versions did
ADDED_KEYS = {"census": {"organism": "homo_sapiens"}}


def data_source():
    """What a figure or table says about where its data come from."""
    organism = config["census"]["organism"].replace("_", " ").capitalize()
    # the paper's organism goes without saying
    of = "" if organism == "Homo sapiens" else f", {organism}"
    if config["census"]["source"] == "simulated":
        return f"simulated Census{of}"
    train, ood = (config["census"][name]["release"] for name in ("train", "ood"))
    if config["census"]["source"] == "h5ad":
        return f"h5ad files, {train} and {ood}{of}"
    return f"CELLxGENE Census {train} and {ood}{of}"


def run_identity():
    """The sections of the configuration that say which data a results folder holds."""
    sections = ["census", "ontology"]
    if config["census"]["source"] == "simulated":
        sections.append("simulation")
    return {name: config[name] for name in sections}


def recorded_identity(stamp):
    """What run.json says; where an earlier version wrote it, with the keys added since."""
    stored = json.loads(stamp.read_text())
    added = {name: keys | stored.get(name, {}) for name, keys in ADDED_KEYS.items()}
    return stored | added


def check_results_folder():
    """Refuse to write over the results of a run on other data."""
    stamp = Path(config["results"]) / "run.json"
    if not stamp.exists():
        return
    differing = differences(recorded_identity(stamp), run_identity())
    if differing:
        raise WorkflowError(
            f"{config['results']}/ holds a run on other data ({stamp}):\n  "
            + "\n  ".join(differing)
            + "\nNothing was changed. Use another folder (--config results=OTHER), the "
            "configuration of that run, or remove the folder if you do not need it."
        )


def check_configuration():
    """Refuse settings that the schema cannot see do not fit together."""
    census, ontology = config["census"], config["ontology"]
    if census["source"] == "released":
        for name in ("train", "ood"):
            if not census[name].get("uri"):
                raise WorkflowError(
                    f"census.{name}.uri is missing: with census.source released, give the folder "
                    "or S3 address of the release's soma collection."
                )
        if not census["gene_list"]:
            raise WorkflowError(
                "census.gene_list is missing: it is needed for a real Census."
            )
    elif census["source"] == "h5ad":
        for name in ("train", "ood"):
            if not census[name].get("files"):
                raise WorkflowError(
                    f"census.{name}.files is missing: with census.source h5ad, list the files."
                )
    elif "simulation" not in config:
        raise WorkflowError(
            "section simulation is missing: census.source is simulated."
        )
    if ontology["source"] == "file" and not ontology["path"]:
        raise WorkflowError("ontology.path is missing: ontology.source is file.")
    validation, test = (config["split"][share] for share in ("validation", "test"))
    if validation + test >= 1:
        raise WorkflowError(
            f"split.validation {validation} and split.test {test} leave no training set."
        )
    for architecture in config["architectures"]:
        if architecture not in config["models"]:
            raise WorkflowError(
                f"architectures: {architecture!r} is not one of linear, mlp, tabnet, and "
                f"models.{architecture}.file is missing (docs/adapt.md)."
            )
    virtual = config["models"]["tabnet"]["virtual_batch_size"]
    if (
        "tabnet" in config["architectures"]
        and config["training"]["batch_size"] % virtual
    ):
        raise WorkflowError(
            f"training.batch_size {config['training']['batch_size']} is not a multiple of "
            f"models.tabnet.virtual_batch_size {virtual}."
        )


check_configuration()
check_results_folder()
