"""Whatever a path or a text of the configuration holds, no shell takes it for a command."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from repository_copy import REPOSITORY
from snakemake.exceptions import WorkflowError

from configuration_paths import normalize

RULES = sorted((REPOSITORY / "workflow" / "rules").glob("*.smk"))
# whole numbers
NUMBERS = ("threads", "resources.")


def shell_commands(text: str) -> list[str]:
    """The commands of the rules of a file, as Snakemake formats them."""
    blocks = re.findall(r"^( *)shell:\n((?:\1 +.*\n|\s*\n)+)", text, re.M)
    return [ast.literal_eval(f"({block})") for _, block in blocks]


def unquoted(command: str) -> list[str]:
    """Fields that reach the shell as they are."""
    fields = [(name, spec) for _, name, spec, _ in string.Formatter().parse(command) if name]
    return [name for name, spec in fields if spec != "q" and not name.startswith(NUMBERS)]


@pytest.mark.parametrize("file", RULES, ids=lambda file: file.stem)
def test_every_field_of_every_command_is_quoted(file: Path) -> None:
    text = file.read_text()
    commands = shell_commands(text)
    assert len(commands) == len(re.findall(r"^\s+shell:", text, re.M))
    assert [field for command in commands for field in unquoted(command)] == []


def test_a_field_that_is_not_quoted_is_found() -> None:
    rule = (
        '    shell:\n        # why\n        "x {input:q} {log} "\n        "--n {threads}"\n\n\nrule'
    )
    assert [unquoted(command) for command in shell_commands(rule)] == [["log"]]


def configuration(**keys: Any) -> dict[str, Any]:
    """The sections that have paths."""
    return {"results": "results", "census": {"train": {}, "ood": {}}, "models": {}} | keys


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("out/", "out"),
        ("./out", "out"),
        ("a//b/./c/..", "a/b"),
        ("~/out", "HOME/out"),
        ("s3://bucket/./soma/", "s3://bucket/./soma/"),
        ("plate 7/it's $(touch x)", "plate 7/it's $(touch x)"),
    ],
)
def test_a_path_has_one_form(given: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "HOME")
    uri = {"train": {"uri": given, "files": [given]}, "ood": {}}
    config = configuration(
        results=given, census=uri, models={"mlp": {"file": given}}, ontology={"path": given}
    )
    normalize(config)
    found = [config["results"], config["models"]["mlp"]["file"], config["ontology"]["path"]]
    found += [config["census"]["train"]["uri"], *config["census"]["train"]["files"]]
    assert set(found) == {path}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"results": "out\n"}, r"results: 'out\\n' has a control character"),
        ({"results": "out{put}"}, r"results: .*Snakemake"),
        ({"results": "<logs>"}, r"results: .*Snakemake"),
        ({"results": "-o"}, r"results: .*option"),
        ({"results": "~nobody-of-this-name/out"}, r"results: .*user"),
        ({"results": "./-o"}, r"results: .*option"),
        ({"results": "."}, r"results: .*folder of its own"),
        ({"results": " "}, r"results: .*no path"),
        ({"census": {"train": {"release": "2023-05-15\n"}}}, r"census\.train\.release: .*control"),
        ({"census": {"train": {"release": "a/b"}}}, r"census\.train\.release: .*no slash"),
        ({"census": {"ood": {"files": ["x", "y{z}"]}}}, r"census\.ood\.files\[1\]: .*Snakemake"),
        ({"models": {"own": {"width": "a\tb"}}}, r"models\.own\.width: .*control"),
    ],
)
def test_what_cannot_work_is_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(WorkflowError, match=message):
        normalize(configuration(**keys))


@given(st.text(min_size=1).map(lambda text: f"out/{text}"))
def test_a_path_is_normal_or_refused(text: str) -> None:
    config = configuration(results=text)
    try:
        normalize(config)
    except WorkflowError:
        return
    once = config["results"]
    normalize(config)
    assert config["results"] == once
    assert not re.search(r"[{}<>\x00-\x1f]|/$", once)
