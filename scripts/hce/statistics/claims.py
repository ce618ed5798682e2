"""The claims of the paper, read from config/claims.yaml, where their form is described."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from hce.names import ARCHITECTURE_NAMES


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_pair(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(map(_is_number, value))
        and value[0] <= value[1]
    )


def _are_numbers(value: object) -> bool:
    if isinstance(value, dict):
        return bool(value) and all(map(_is_number, value.values()))
    return _is_number(value)


def _is_selection(value: object) -> bool:
    return isinstance(value, dict) and sorted(value) == ["column", "rows", "table"]


# operator: what its bound must be, in words and as a check
OPERATORS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "equal": ("a number, or one for each name", _are_numbers),
    "between": ("[low, high], two numbers in this order", _is_pair),
    "at_most": ("a number", _is_number),
    "above": ("a number", _is_number),
    "equivalent": ("[low, high], two numbers in this order", _is_pair),
    "increasing": ("left out", lambda value: value is None),
    "smallest": ("one of the names of each", lambda value: isinstance(value, str)),
    "same_set": ("{table, rows, column}", _is_selection),
}
# operators that say nothing of one value alone
COMPARISONS = ("increasing", "smallest")


@dataclass(frozen=True)
class Claim:
    """A claim: where ours is, the operator, and the bound (config/claims.yaml says how each reads).

    Raises
    ------
    ValueError
        If the operator is unknown, or bound, each, interval or tolerance do not go with it.
    """

    id: str
    claim: str
    source: str
    table: str
    column: str
    operator: str
    bound: Any = None
    rows: Mapping[str, Any] | None = None
    each: Mapping[str, list] | None = None
    factor: float = 1
    tolerance: float = 0
    interval: list[str] | None = None
    p: str | None = None

    def __post_init__(self) -> None:
        if self.operator not in OPERATORS:
            raise ValueError(
                f"{self.id}: unknown operator {self.operator!r}; there are {', '.join(OPERATORS)}"
            )
        words, fits = OPERATORS[self.operator]
        if not fits(self.bound):
            raise ValueError(
                f"{self.id}: the bound of {self.operator} must be {words}, got {self.bound!r}"
            )
        if self.each is not None and (len(self.each) != 1 or not self.names):
            raise ValueError(f"{self.id}: each must be one column with a list, got {self.each!r}")
        named = set(self.bound) if self.operator == "equal" and isinstance(self.bound, dict) else ()
        if named and named != set(self.names):
            raise ValueError(
                f"{self.id}: bound has {sorted(named)}, each has {self.names}: they must agree"
            )
        if self.operator in COMPARISONS and len(self.names) < 2:
            raise ValueError(f"{self.id}: {self.operator} needs each, with two values or more")
        if self.operator == "smallest" and self.bound not in self.names:
            raise ValueError(f"{self.id}: bound {self.bound!r} is none of each, {self.names}")
        if self.operator == "equivalent" and self.interval is None:
            raise ValueError(f"{self.id}: equivalent needs interval, two columns")
        if not _is_number(self.tolerance) or not _is_number(self.factor):
            raise ValueError(f"{self.id}: tolerance and factor must be numbers")

    @property
    def names(self) -> list:
        """What `each` lists; empty without it."""
        return [] if self.each is None else list(*self.each.values())

    @property
    def bound_text(self) -> str:
        """Operator and bound for a reader."""
        bound = self.bound
        low, high = bound if _is_pair(bound) else (0, 0)
        within = f" ± {number_text(self.tolerance)}" if self.tolerance else ""
        if self.operator == "equal" and isinstance(bound, dict):
            each = ", ".join(f"{name_text(name)} {number_text(n)}" for name, n in bound.items())
            return f"{each}{', each' if within else ''}{within}"
        return {
            "equal": lambda: f"{number_text(bound)}{within}",
            "between": lambda: f"{number_text(low)} to {number_text(high)}",
            "at_most": lambda: f"at most {number_text(bound)}",
            "above": lambda: f"above {number_text(bound)}{', P < 0.05' if self.p else ''}",
            "equivalent": lambda: f"95 % interval within {number_text(low)} to {number_text(high)}",
            "increasing": lambda: " < ".join(map(name_text, self.names)),
            "smallest": lambda: f"{name_text(bound)} smallest",
            "same_set": lambda: f"the same set as in {bound['table']}",
        }[self.operator]()


def name_text(name: object) -> str:
    """What a value of `each` is called; an architecture by its name in the figures."""
    return ARCHITECTURE_NAMES.get(str(name), str(name))


def number_text(value: float) -> str:
    """A number for a reader: counts in full, other numbers with four digits."""
    number = float(value)
    return f"{number:,.0f}" if number == int(number) else f"{number:.4g}"


@dataclass(frozen=True)
class Claims:
    """All claims, and the data source that can decide them."""

    comparable_data_source: str
    claims: tuple[Claim, ...]


def read_claims(path: str | Path) -> Claims:
    """Read and check the file of the claims.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a key is unknown or missing, an id is there twice, or a value does not fit.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such file of claims")
    content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    keys = [field.name for field in fields(Claims)]
    if not isinstance(content, dict) or sorted(content) != sorted(keys):
        raise ValueError(f"{path}: needs the keys {', '.join(keys)} and no other")
    known = {field.name for field in fields(Claim)}
    required = {"id", "claim", "source", "table", "column", "operator"}
    claims = []
    for entry in content["claims"]:
        name = entry.get("id", entry)
        for wrong, what in (
            (set(entry) - known, "unknown key"),
            (required - set(entry), "missing key"),
        ):
            if wrong:
                raise ValueError(
                    f"{path}: {name}: {what} {sorted(wrong)[0]}; the head of the file says which "
                    "there are"
                )
        try:
            claims.append(Claim(**entry))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    ids = [claim.id for claim in claims]
    twice = next((name for name in ids if ids.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{path}: {twice}: this id is there twice; rename one")
    return Claims(content["comparable_data_source"], tuple(claims))
