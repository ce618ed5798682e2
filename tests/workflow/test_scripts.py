"""What every script has: a help text for each option, and a log that says what it did."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from repository_copy import REPOSITORY

from hce.command import run_script
from hce.tables import read_table, write_table

SCRIPTS = sorted(path.stem for path in (REPOSITORY / "scripts").glob("*.py"))


class Parsed(Exception):
    """Raised in place of parsing, with the parser."""


def actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """The options of a parser and of its words."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for word in action.choices.values():
                yield from actions(word)


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_option_has_its_help(script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(parser: argparse.ArgumentParser, *_: object, **__: object) -> None:
        raise Parsed(parser)

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    monkeypatch.setattr(sys, "argv", [script])
    module = importlib.import_module(script)
    command = module.main if hasattr(module, "main") else module.annotate_command
    with pytest.raises(Parsed) as parsed:
        command()
    (parser,) = parsed.value.args
    silent = [action.dest for action in actions(parser) if not action.help]
    assert not silent


def test_a_script_says_what_it_read_and_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pandas = pytest.importorskip("pandas")
    for number in range(6):
        write_table(pandas.DataFrame({"a": range(number + 1)}), f"{number}.tsv")

    def main() -> None:
        tables = [read_table(f"{number}.tsv") for number in range(6)]
        write_table(pandas.concat(tables), Path("all.parquet"))

    run_script(main)
    first = ", ".join(f"{number}.tsv ({number + 1:,} rows)" for number in range(4))
    said = [f"read {first}, 2 more (11 rows)", "wrote all.parquet (21 rows)"]
    assert capsys.readouterr().out.splitlines() == said
    # nothing is said of what another does afterwards
    read_table("0.tsv")
    assert capsys.readouterr().out == ""
