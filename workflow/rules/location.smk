# Where the files of the repository are: rules run their scripts from files, and import modules.

import runpy
import sys

# the one module that is read from where snakemake has it: it finds the others
private = runpy.run_path(workflow.source_path("../lib/snakemake_private.py"))
FOLDER = private["find_repository"](workflow)
MODULES = str((FOLDER / "workflow" / "lib").resolve())
LIBRARY = str((FOLDER / "scripts").resolve())
if MODULES not in sys.path:
    sys.path.insert(0, MODULES)
    # last: scripts have names that others may have, too
    sys.path.append(LIBRARY)
