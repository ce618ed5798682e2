"""Which rules and scripts belong to which environment, read from the rule files."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

RULE_FILES = Path(__file__).parents[1] / "rules"
sys.path.insert(0, str(RULE_FILES))

from code_inputs import SCRIPTS, imported_names, reached  # noqa: E402

REPOSITORY = Path(__file__).parents[2]
# a rule, or one that takes over another: `use rule draw_figS1 as draw_figS7 with:`
HEADER = re.compile(r"^(?:use rule (?P<base>\w+) as (?P<heir>\w+) with|rule (?P<name>\w+)):", re.M)


@dataclass(frozen=True)
class Rule:
    """A rule that runs a script: its name, the script's and the environment's.

    A local rule runs where snakemake runs, not as a job of a cluster.
    """

    name: str
    script: str
    stage: str
    local: bool


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule with a script, in the order of the rule files."""
    blocks = {}
    for path in sorted(RULE_FILES.glob("*.smk")):
        text = path.read_text(encoding="utf-8")
        headers = list(HEADER.finditer(text))
        ends = [header.start() for header in headers[1:]] + [len(text)]
        for header, end in zip(headers, ends, strict=False):
            name = header["name"] or header["heir"]
            blocks[name] = (header["base"], text[header.start() : end])
    found = []
    for name, (_, block) in blocks.items():
        script = re.search(r'script\("(\w+)"\)', block)
        if script:
            local = "\n    localrule: True\n" in block
            found.append(Rule(name, script[1], _stage(name, blocks), local))
    return tuple(found)


def _stage(name: str, blocks: dict[str, tuple[str | None, str]]) -> str:
    """The environment of a rule, or of the rule that it takes over."""
    base, block = blocks[name]
    environment = re.search(r"envs/(\w+)\.yaml", block)
    if environment:
        return environment[1]
    if base is None:
        raise ValueError(f"rule {name} runs a script, but names no environment envs/*.yaml")
    return _stage(base, blocks)


def stages() -> list[str]:
    """Names of the environments."""
    return sorted({rule.stage for rule in rules()})


def code(stage: str) -> set[Path]:
    """Scripts of the rules of a stage, and the modules of the library that they reach."""
    return reached(SCRIPTS / f"{rule.script}.py" for rule in rules() if rule.stage == stage)


def imported_packages(paths: set[Path]) -> set[str]:
    """Import names outside the standard library and hce that files import."""
    names = {name.split(".")[0] for path in paths for name in imported_names(path)}
    return names - set(sys.stdlib_module_names) - {"hce"}
