"""What the workflow takes from Snakemake 9.27 that Snakemake does not promise to keep, and why.

Whoever moves to another version looks here, at `slurm_guard` and at `min_version`. This file
imports no other of its folder: it finds the folder.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Any

from snakemake.exceptions import WorkflowError
from snakemake.scheduling.job_scheduler import JobScheduler
from snakemake.sourcecache import HostingProviderFile, LocalSourceFile, SourceFile

# whatever the rules and their scripts read
FOLDERS = (
    "scripts",
    "workflow/lib",
    "workflow/rules",
    "workflow/schemas",
    "workflow/report",
    "config",
)
LIST_OPTIONS = {"--list", "--list-rules", "-l", "--list-target-rules", "--lt"}


def find_repository(workflow: Any) -> Path:
    """The repository of the rule file that is being read, seen from the working folder.

    Why: rules run their scripts from files, which Snakemake offers for one file at a time.

    Raises
    ------
    WorkflowError
        If the rule file comes from where there are no files.
    """
    basedir = workflow.current_basedir
    if isinstance(basedir, LocalSourceFile):
        return Path(os.path.relpath(Path(basedir) / "../.."))
    if isinstance(basedir, HostingProviderFile):
        return Path(os.path.relpath(_cached_repository(workflow, basedir)))
    raise WorkflowError(
        f"this workflow runs its scripts from files, and {basedir} has none: clone the repository "
        "and give the path of its Snakefile, or github(...) or gitlab(...) where it is a module."
    )


def _cached_repository(workflow: Any, basedir: HostingProviderFile) -> str:
    """Folder where Snakemake keeps the files of github(...), once all that rules need are there."""
    listed = basedir.hosted_repo.repo.git.ls_tree("-r", "--name-only", basedir.ref, "--", *FOLDERS)
    names = listed.splitlines()
    # Snakemake fetches only what it reads itself, each under its own path
    paths = [workflow.sourcecache.get_path(basedir.join(f"../../{name}")) for name in names]
    return paths[0].removesuffix(names[0])


def lists_rules() -> bool:
    """Whether this call of Snakemake only lists the rules.

    Why: the list has every rule. Those that its reader has no use for (a control's copies of all
    rules, short names of figures) are left out of it, and only the command line tells.
    """
    return not LIST_OPTIONS.isdisjoint(sys.argv)


def hosted_commit(basedir: SourceFile) -> str | None:
    """Commit of the files of github(...); nothing where they are local, and git can be asked.

    Why: the cache of Snakemake is no clone, and the provenance names the commit.
    """
    if isinstance(basedir, HostingProviderFile):
        return basedir.hosted_repo.repo.commit(basedir.ref).hexsha
    return None


def given_keys(workflow: Any) -> Collection[str]:
    """Keys of --config.

    Why: Snakemake leaves a number in a list of --config as text.
    """
    return workflow.config_settings.config.keys()


def configuration_sources(workflow: Any) -> list[str]:
    """Where the configuration was read from, for messages.

    Why: a wrong key is mended in a file, and there may be several.
    """
    files = [os.path.relpath(path) for path in workflow.configfiles]
    return [*files, *(["--config"] if given_keys(workflow) else [])]


def resources_folder(workflow: Any) -> Path:
    """What <resources> stands for.

    Why: the checksum of a download is read from a file that lies beside it, by a function.
    """
    return Path(workflow.pathvars.apply("<resources>"))


def retries_of_network_jobs(workflow: Any) -> int:
    """How often a job that reads over a network is tried again.

    Why: a job on a node of a cluster is itself a Snakemake, which would retry in the same
    allocation; the one that submitted it asks for a larger one.
    """
    return 3 if workflow.is_main_process else 0


def runs_on_slurm(workflow: Any) -> bool:
    """Whether jobs go to SLURM.

    Why: `onstart` and `onerror` run everywhere.
    """
    return workflow.executor_plugin.name == "slurm"


def runs_in_this_environment(workflow: Any) -> bool:
    """Whether jobs run on this machine, with the packages that this process has.

    Why: what they will find can then be looked at before the first job.
    """
    return (
        workflow.executor_plugin.name == "local"
        and not workflow.deployment_settings.deployment_method
    )


_EXIT_GRACEFULLY = JobScheduler.exit_gracefully


def let_sigterm_end_runs() -> None:
    """Let a run end by SIGTERM, whatever it is doing.

    Why: the handler waits for a lock. A signal is handled in the main thread, and where that holds
    the lock (it does while it waits for the output of a job), the process stands still for ever: so
    did jobs of SLURM whose node was given up, with nobody left to kill them.
    """

    def exit_gracefully(scheduler: JobScheduler, *_: Any) -> None:
        threading.Thread(target=_EXIT_GRACEFULLY, args=(scheduler,), daemon=True).start()

    JobScheduler.exit_gracefully = exit_gracefully
