"""Which rules and scripts belong to which environment, read from the rule files."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

WORKFLOW = Path(__file__).parents[1]
RULE_FILES = WORKFLOW / "rules"
REPOSITORY = Path(__file__).parents[2]
sys.path[:0] = [str(WORKFLOW / "lib"), str(REPOSITORY / "scripts")]

from fingerprint import SCRIPTS, imported_names, module_name, reached  # noqa: E402
from hce.figures.registry import DRAWINGS  # noqa: E402

# a rule, one that takes over another, or the one in a loop that draws a figure:
# `use rule compare_losses as compare_controls with:`
HEADER = re.compile(
    r"^(?:use rule (?P<base>\w+) as (?P<heir>\w+) with| *rule (?P<name>\w+)| +rule):", re.M
)
DRAWN = 'f"draw_{figure}"'


@dataclass(frozen=True)
class Rule:
    """A rule that runs a script: its name, the script's and the environment's.

    A local rule runs where snakemake runs, not as a job of a cluster. A rule that draws hands its
    script a function, MODULE:FUNCTION.
    """

    name: str
    script: str
    stage: str
    local: bool
    function: str = ""

    def files(self) -> list[Path]:
        """The script, and the file of the function."""
        files = [SCRIPTS / f"{self.script}.py"]
        if self.function:
            module = self.function.split(":")[0]
            files.append(SCRIPTS.joinpath(*module.split(".")).with_suffix(".py"))
        return files


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule with a script, in the order of the rule files."""
    blocks: dict[str, tuple[str | None, str]] = {}
    for path in sorted(RULE_FILES.glob("*.smk")):
        text = path.read_text(encoding="utf-8")
        headers = list(HEADER.finditer(text))
        ends = [header.start() for header in headers[1:]] + [len(text)]
        for header, end in zip(headers, ends, strict=False):
            block = text[header.start() : end]
            if DRAWN in block:
                blocks |= {f"draw_{figure}": (None, block) for figure in DRAWINGS}
            else:
                blocks[header["name"] or header["heir"]] = (header["base"], block)
    found = []
    for name, (_, block) in blocks.items():
        script = _said(r'script\("(\w+)"\)', name, blocks)
        if script:
            local = re.search(r"^ +localrule: True$", block, re.M) is not None
            stage = _said(r"envs/(\w+)\.yaml", name, blocks)
            if stage is None:
                raise ValueError(f"rule {name} runs a script, but names no environment envs/*.yaml")
            drawn = DRAWN in block
            function = DRAWINGS[name.removeprefix("draw_")].function if drawn else ""
            found.append(Rule(name, script, stage, local, function))
    return tuple(found)


def _said(pattern: str, name: str, blocks: dict[str, tuple[str | None, str]]) -> str | None:
    """What a rule says, or the rule that it takes over."""
    base, block = blocks[name]
    match = re.search(pattern, block)
    if match:
        return match[1]
    return _said(pattern, base, blocks) if base else None


def stages() -> list[str]:
    """Names of the environments."""
    return sorted({rule.stage for rule in rules()})


def code(stage: str) -> set[Path]:
    """Scripts of the rules of a stage, and the modules of the library that they reach."""
    return reached(file for rule in rules() if rule.stage == stage for file in rule.files())


def modules(stage: str) -> list[str]:
    """Dotted names of the library's modules that the scripts of a stage reach."""
    names = map(module_name, code(stage))
    return sorted(name for name in names if name.startswith("hce."))


def imported_packages(paths: set[Path]) -> set[str]:
    """Import names outside the standard library and hce that files import."""
    names = {name.split(".")[0] for path in paths for name in imported_names(path)}
    return names - set(sys.stdlib_module_names) - {"hce"}
