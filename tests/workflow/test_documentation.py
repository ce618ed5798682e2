"""What is written for readers agrees with what the workflow does."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import snakemake.cli as snakemake_cli
import yaml
from repository_copy import REPOSITORY, snakemake
from snakemake.utils import update_config, validate
from test_paper_configuration import VALUES

import document_config
import write_dockerfile


def test_the_description_of_the_configuration_is_that_of_the_schemas() -> None:
    written = (REPOSITORY / "config" / "README.md").read_text(encoding="utf-8")
    assert written == document_config.document(), "run `make docs`"


def test_every_value_of_the_paper_is_described_as_a_default() -> None:
    lines = document_config.document().splitlines()
    rows = dict(line.strip("| ").split(" | ", 1) for line in lines if line.startswith("| `"))
    places = ("census.source", "census.train.release", "census.ood.release")
    for key, value in VALUES.items():
        _, default, meaning = rows[f"`{key}`"].split(" | ")
        assert meaning
        assert default == ("**required**" if key in places else f"`{json.dumps(value)}`")


def test_the_dockerfile_is_that_of_the_environments() -> None:
    written = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
    assert written == write_dockerfile.dockerfile(), "run `make container`"
    for path in (REPOSITORY / "envs").glob("*.yaml"):
        assert f"COPY envs/{path.name} " in written


def recipes() -> list[dict[str, Any]]:
    """What docs/adapt.md tells users to write."""
    text = (REPOSITORY / "docs" / "adapt.md").read_text(encoding="utf-8")
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]


@pytest.mark.parametrize("recipe", recipes(), ids=lambda recipe: "-".join(recipe))
def test_the_schema_allows_each_recipe(recipe: dict[str, Any]) -> None:
    base = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text(encoding="utf-8"))
    merged = deepcopy(base)
    update_config(merged, recipe)
    assert merged != base
    validate(merged, str(REPOSITORY / "workflow" / "schemas" / "config.schema.yaml"))


PAGES = sorted((REPOSITORY / "docs").glob("*.md"))


def pages() -> list[Path]:
    """What is written for readers."""
    return [*REPOSITORY.glob("*.md"), *PAGES, REPOSITORY / "config" / "README.md"]


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in headings}


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_each_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    # the issues of the repository, wherever it is hosted
    near = [link for link in links if "://" not in link and link != "../../issues"]
    for link in near:
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), f"{page.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


def test_the_first_page_is_short_and_names_every_other() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert len(readme) <= 7000
    for page in PAGES:
        assert f"(docs/{page.name})" in readme


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_begins_with_its_title_and_what_it_is_for(page: Path) -> None:
    """Not with a command, a table or a second heading; but for a title that says it."""
    title, nothing, purpose = page.read_text(encoding="utf-8").splitlines()[:3]
    assert title.startswith("# ")
    assert not nothing
    assert re.match(r"[A-Z]", purpose) or ": " in title, purpose


def commands() -> list[str]:
    """Every call of snakemake that a reader is told to make, in a line of its own or in a text."""
    texts = [path.read_text(encoding="utf-8") for path in pages()]
    found = [
        re.findall(r"^    (snakemake .*)$|`(snakemake [^`\n]+)`", text, re.M) for text in texts
    ]
    said = {re.sub(r"\s+#.*", "", "".join(pair)) for pairs in found for pair in pairs}
    # without what stands for something of the reader's
    return sorted(
        one for one in said if not re.search(r"\b(TARGET|CLONE|/path/to|own\.yaml)\b", one)
    )


@pytest.fixture(scope="module")
def rules() -> set[str]:
    """Names of all rules."""
    return {line.split()[0] for line in snakemake(REPOSITORY, "--list").output.splitlines()}


@pytest.mark.parametrize("command", commands())
def test_a_command_means_what_it_says(command: str, rules: set[str]) -> None:
    """By the parser of Snakemake: an option that takes every word up to the next eats targets."""
    arguments = shlex.split(command)[1:]
    args = snakemake_cli.get_argument_parser(profiles=None).parse_args(arguments)
    for path in args.configfile:
        assert (REPOSITORY / path).is_file(), path
    for setting in args.config or []:
        assert "=" in setting, setting
    for target in [*args.targets, *(args.forcerun or [])]:
        known = target in rules or f"draw_{target}" in rules
        assert known or target.startswith(("results", "other")), target


def test_every_rule_with_a_script_is_on_the_page_of_outputs() -> None:
    """Copies of rules for a slice or a control too; figures by the pattern of their names."""
    page = (REPOSITORY / "docs" / "outputs.md").read_text(encoding="utf-8")
    texts = [path.read_text(encoding="utf-8") for path in (REPOSITORY / "workflow").rglob("*.smk")]
    parts = [
        part for text in texts for part in re.split(r"^(?=\s*(?:use )?rule )", text, flags=re.M)
    ]
    heads = [re.match(r"\s*(?:use )?rule (?:\w+ as )?(\w+)", part) for part in parts]
    # what makes no file of its own is a target
    working = {
        head[1]
        for head, part in zip(heads, parts, strict=True)
        if head and re.search(r"^ +(?:output|shell):", part, re.M)
    }
    assert len(working) > 40
    assert not [name for name in sorted(working) if f"`{name}`" not in page]


def test_make_help_has_a_line_for_each_target() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.M)[1].split()
    said = subprocess.run(
        ["make", "help"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout
    lines = dict(line.split(maxsplit=1) for line in said.splitlines())
    # what only `make bench` and `make bench-loader` want
    assert lines.keys() == set(phony) - {"bench-peers"}
    assert next(iter(lines)) == "demo"  # what a bare `make` does
