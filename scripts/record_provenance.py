"""Record what a run was made with, and the time and memory of its rules."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from hce.command import run_script
from hce.report.provenance import commit, provenance_table, resource_table
from hce.tables import write_table


def main() -> None:
    """Write one table of versions, data and hardware, and one of the resources of the rules."""
    parser = argparse.ArgumentParser(description=__doc__)
    code = parser.add_mutually_exclusive_group(required=True)
    code.add_argument("--repository", type=Path, help="where the code is")
    code.add_argument("--commit", help="of the code, where it is no repository")
    parser.add_argument("--configuration", required=True, help="settings to record, JSON")
    parser.add_argument("--files", type=Path, nargs="+", required=True, help="checksums of these")
    parser.add_argument("--benchmarks", type=Path, required=True, help="folder of benchmarks")
    parser.add_argument("--data-source", required=True, help="named in the tables")
    parser.add_argument("--provenance", type=Path, required=True, help="TSV to write")
    parser.add_argument("--resources", type=Path, required=True, help="TSV to write")
    arguments = parser.parse_args()
    configuration = json.loads(arguments.configuration)
    tables = {
        arguments.provenance: provenance_table(
            arguments.commit or commit(arguments.repository), configuration, arguments.files
        ),
        arguments.resources: resource_table(arguments.benchmarks),
    }
    for path, table in tables.items():
        write_table(table, path, arguments.data_source)


if __name__ == "__main__":
    run_script(main)
