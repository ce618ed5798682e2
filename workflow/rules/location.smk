# Where the files of the repository are: rules run their scripts from files.

import os
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.sourcecache import HostingProviderFile, LocalSourceFile

# whatever the rules and their scripts read
CODE = (
    "scripts",
    "workflow/lib",
    "workflow/rules",
    "workflow/schemas",
    "workflow/report",
    "config",
)


def cached_repository(basedir):
    """Folder where snakemake keeps the files of github(...), once all that rules need are there."""
    listed = basedir.hosted_repo.repo.git.ls_tree(
        "-r", "--name-only", basedir.ref, "--", *CODE
    )
    names = listed.splitlines()
    # snakemake fetches only what it reads itself, each under its own path
    paths = [
        workflow.sourcecache.get_path(basedir.join(f"../../{name}")) for name in names
    ]
    return paths[0].removesuffix(names[0])


def find_repository(basedir):
    """The repository of this rule file, seen from the folder that snakemake works in."""
    if isinstance(basedir, LocalSourceFile):
        return Path(os.path.relpath(Path(basedir) / "../.."))
    if isinstance(basedir, HostingProviderFile):
        return Path(os.path.relpath(cached_repository(basedir)))
    raise WorkflowError(
        f"this workflow runs its scripts from files, and {basedir} has none: clone the repository "
        "and give the path of its Snakefile, or github(...) or gitlab(...) where it is a module."
    )


def get_code_version(basedir):
    """Where the provenance has the commit of the code from, as arguments of its script."""
    if isinstance(basedir, HostingProviderFile):
        commit = basedir.hosted_repo.repo.commit(basedir.ref).hexsha
        return f"--commit {commit}"
    return f"--repository {shlex.quote(REPOSITORY.as_posix())}"


REPOSITORY = find_repository(workflow.current_basedir)
SCRIPTS = (REPOSITORY / "scripts").resolve()
for folder in ("lib", "rules"):
    modules = str((REPOSITORY / "workflow" / folder).resolve())
    if modules not in sys.path:
        sys.path.insert(0, modules)
