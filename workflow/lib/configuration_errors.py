"""What is wrong with a configuration, in words: key, value and remedy, without the schema."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from difflib import get_close_matches

from jsonschema.exceptions import ValidationError


def key_name(path: Iterable[str | int]) -> str:
    """Name of a key as users write it: census.train.release, seeds[1]."""
    name = ""
    for part in path:
        name += f"[{part}]" if isinstance(part, int) else f".{part}"
    return name.removeprefix(".")


def explain(error: ValidationError) -> str:
    """Say what a configuration has that its schema does not allow.

    Parameters
    ----------
    error
        What jsonschema raised.

    Returns
    -------
    str
        One line for each wrong key, and what the key means.
    """
    path = list(error.absolute_path)
    if error.validator != "additionalProperties" or not isinstance(error.instance, dict):
        said = f"{key_name(path) or 'the configuration'}: {error.message}"
        if isinstance(error.instance, date):
            said += "; write it in quotes, YAML takes it for a date"
        meaning = error.schema.get("description")
        return f"{said}\n  {key_name(path[-1:])}: {meaning}" if meaning and path else said
    known = list(error.schema.get("properties", {}))
    unknown = [name for name in error.instance if name not in known]
    return "\n".join(f"{key_name([*path, name])}: {no_such_key(name, known)}" for name in unknown)


def no_such_key(name: str, known: list[str]) -> str:
    """Remedy for a key that does not exist."""
    alike = get_close_matches(str(name), known, n=1)
    return f"no such key; did you mean {alike[0]}?" if alike else f"no such key; {listed(known)}"


def listed(known: list[str]) -> str:
    """The keys that there are."""
    return f"there are {', '.join(sorted(known))}" if known else "there are none"


def differences(stored: object, current: object, path: str = "") -> list[str]:
    """Keys whose values differ between two nested dicts, as text; of a missing section its name."""
    if isinstance(stored, dict) and isinstance(current, dict):
        lines = []
        for key in sorted(set(stored) | set(current)):
            lines += differences(stored.get(key), current.get(key), f"{path}.{key}")
        return lines
    if stored == current:
        return []
    there, now = ("a section" if isinstance(v, dict) else repr(v) for v in (stored, current))
    return [f"{path[1:]}: {there} there, {now} now"]
