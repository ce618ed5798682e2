# What the rules share; the modules are in workflow/lib/.

import json
import re
from os import environ

import disk
import folder_lock
import slurm_guard
from configuration import CONTROL_LOSSES, complete
from repository import Repository
from run import FIGURES, Run, figures
from snakemake_private import (
    configuration_sources,
    given_keys,
    hosted_commit,
    let_sigterm_end_runs,
    lists_rules,
    resources_folder,
    retries_of_network_jobs,
    runs_in_this_environment,
    runs_on_slurm,
)

complete(config, given_keys(workflow), configuration_sources(workflow), FOLDER)

folder_lock.announce()
let_sigterm_end_runs()

run = Run(config)
repository = Repository(
    FOLDER, hosted_commit(workflow.current_basedir), resources_folder(workflow)
)
script, fingerprint = repository.script, repository.fingerprint
memory, minutes = run.resources.memory, run.resources.minutes
# by the environment, not as a parameter: another proxy gives no other data, so nothing runs again
environ["HCE_S3"] = run.s3()
network_retries = retries_of_network_jobs(workflow)


wildcard_constraints:
    release="train|ood",
    split="train|val|test|ood",
    architecture="|".join(name for name in config["models"] if name != "source"),
    loss="|".join(map(re.escape, run.known_losses)),
    seed=r"\d+",
