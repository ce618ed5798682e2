"""Write config/README.md from the schemas of the configuration (`make docs`)."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[2]
SCHEMAS = REPOSITORY / "workflow" / "schemas"
Schema = dict[str, Any]
# dotted path of a key, its schema, whether it must be given
Row = tuple[str, Schema, bool]

HEAD = """\
<!-- Written by `make docs` from workflow/schemas/. Change the schemas, not this file. -->
# Configuration

Snakemake reads `config/config.yaml`, then every `--configfile` on top of it, key by key, then \
`--config`. A key that none of them sets has the default below, which is the paper's value. A key \
that is not listed here is refused, and so is a value outside the type, before any job starts.

- `config/config.yaml`: the default run, the whole paper on an embedded, simulated Census.
- `config/paper.yaml`: the real thing. `config/tiny.yaml`: the default made small, for tests.
- `config/datasets.tsv`: every file that is downloaded, with its checksum.
- `config/cell_types.tsv`: the paper's cell types. `config/claims.yaml`: its numbers and claims, \
for comparison.

"**required**" stands where there is no default. Where a value comes from stands in the text of \
its section or in its own: *paper* is the article and its supplement, *scTab* the code and article \
that the paper takes it from.
"""
LIMITS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "minItems": "entries: at least {}",
    "pattern": "`{}`",
}


def read_schema(name: str) -> Schema:
    """One file of workflow/schemas."""
    return yaml.safe_load((SCHEMAS / name).read_text(encoding="utf-8"))


def resolve(schema: Schema, root: Schema) -> Schema:
    """Follow `$ref`, within the file or to another; keys beside it are kept."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    beside = {key: value for key, value in schema.items() if key != "$ref"}
    if reference.startswith("#/$defs/"):
        return root["$defs"][reference.removeprefix("#/$defs/")] | beside
    return read_schema(reference) | beside


def describe_type(schema: Schema) -> str:
    """Type and limits of a value in words."""
    if "enum" in schema:
        return " or ".join(f"`{value or 'null'}`" for value in schema["enum"])
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if kinds == ["array"]:
        kinds = [f"list of {describe_type(schema['items'])}"]
    limits = [text.format(schema[key]) for key, text in LIMITS.items() if key in schema]
    return ", ".join([" or ".join(kinds), *limits])


def table(rows: list[Row]) -> str:
    """A Markdown table of keys."""
    lines = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for path, schema, required in rows:
        default = "" if "default" not in schema else f"`{json.dumps(schema['default'])}`"
        cells = [
            f"`{path}`",
            describe_type(schema),
            "**required**" if required and not default else default,
            schema["description"],
        ]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def sections(schema: Schema, root: Schema, path: str = "") -> Iterator[tuple[str, str, list[Row]]]:
    """Every section with its own keys: dotted path, description, rows of the table."""
    own: list[Row] = []
    inner: list[tuple[str, Schema]] = []
    for name, entry in schema["properties"].items():
        value = resolve(entry, root)
        if "properties" in value:
            inner.append((f"{path}{name}", value))
        else:
            own.append((f"{path}{name}", value, name in schema.get("required", [])))
    if isinstance(schema.get("additionalProperties"), dict):
        value = resolve(schema["additionalProperties"], root)
        if "properties" in value:
            inner.append((f"{path}NAME", value))
    if own or path:
        yield path.removesuffix("."), schema.get("description", ""), own
    for inner_path, value in inner:
        yield from sections(value, root, f"{inner_path}.")


def document() -> str:
    """The text of config/README.md."""
    root = read_schema("config.schema.yaml")
    parts = [HEAD]
    for path, description, rows in sections(root, root):
        level = "#" * (2 + path.count("."))
        parts.append(f"{level} `{path}`\n\n{description}" if path else "## Top level")
        if rows:
            parts.append(table(rows))
    return "\n\n".join(part.strip() for part in parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=REPOSITORY / "config" / "README.md")
    parser.parse_args().output.write_text(document(), encoding="utf-8")


if __name__ == "__main__":
    main()
