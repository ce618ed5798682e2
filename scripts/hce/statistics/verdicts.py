"""Whether our results bear out the claims of the paper (results/tables/claims.tsv)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from hce.compare import is_significant
from hce.names import PUBLISHED
from hce.statistics.claims import COMPARISONS, Claim, Claims, name_text, number_text

HOLDS, DOES_NOT, UNKNOWN = "holds", "does not", "cannot be told from these data"
VERDICTS = {True: HOLDS, False: DOES_NOT, None: UNKNOWN}
IN_THESE_DATA = {True: "yes", False: "no", None: ""}
COLUMNS = ["id", "claim", "source", "bound", "ours", "verdict", "why", "in_these_data"]
# holds, does not, or open; and why, if there is more to say than ours and the bound do
Judgment = tuple[bool | None, str]
MISSING = "this run has no such number"


def check_claims(claims: Claims, tables: Mapping[str, pd.DataFrame], source: str) -> pd.DataFrame:
    """Set ours beside each claim and judge it.

    A claim of the paper is about its data: on others the verdict is `cannot be told from these
    data`, and in_these_data says whether the same is seen in them.

    Parameters
    ----------
    claims
        As read by `hce.statistics.claims.read_claims`.
    tables
        Tables of the run by the names that the claims use.
    source
        The data source of the run.

    Returns
    -------
    pandas.DataFrame
        id, claim, source, bound, ours, verdict (`holds`, `does not`, `cannot be told from these
        data`), why, in_these_data (`yes`, `no`, or empty where they leave it open), data_source.

    Raises
    ------
    ValueError
        If a claim names a table or column that does not exist, or leaves several rows.
    """
    comparable = source.split(PUBLISHED)[0] == claims.comparable_data_source
    rows = []
    for claim in claims.claims:
        if claim.operator == "same_set":
            ours, (judged, why) = _compare_sets(claim, tables)
        else:
            values = look_up(claim, tables)
            ours, (judged, why) = _values_text(values), judge(claim, values)
        verdict = judged if comparable else None
        reasons = [why] if comparable else [f"the data are not those of the paper: {source}", why]
        row = [claim.id, claim.claim, claim.source, claim.bound_text, ours, VERDICTS[verdict]]
        rows.append([*row, "; ".join(filter(None, reasons)), IN_THESE_DATA[judged]])
    return pd.DataFrame(rows, columns=COLUMNS).assign(data_source=source)


def look_up(claim: Claim, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Our values for a claim, those of `each` in its order.

    Returns
    -------
    pandas.DataFrame
        name (of `each`, else empty), value, low and high (its interval), p, note; NaN, or an empty
        note, where the table has none.
    """
    table = _selected(claim.id, claim.table, claim.rows, tables)
    column = next(iter(claim.each), None) if claim.each else None
    wanted = {"value": claim.column, "p": claim.p}
    wanted |= dict(zip(("low", "high"), claim.interval or (), strict=False))
    for name in filter(None, [column, *wanted.values()]):
        if name not in table:
            raise ValueError(f"{claim.id}: table {claim.table} has no column {name}")
    rows = []
    for name in claim.names or [""]:
        found = table if column is None else table[table[column] == name]
        if len(found) > 1:
            raise ValueError(
                f"{claim.id}: {len(found)} rows of {claim.table} are left for "
                f"{claim.rows or {}} {name}; add a column to rows so that it is one"
            )
        row: dict[str, Any] = {"name": name_text(name), "key": name, "note": MISSING}
        row |= dict.fromkeys(("value", "low", "high", "p"), math.nan)
        if len(found):
            first = found.iloc[0]
            row |= {key: float(first[c]) for key, c in wanted.items() if c is not None}
            note = first.get("note", "")
            row["note"] = note if isinstance(note, str) else ""
        rows.append(row)
    values = pd.DataFrame(rows)
    values[["value", "low", "high"]] *= claim.factor
    return values


def judge(claim: Claim, values: pd.DataFrame) -> Judgment:
    """Hold our values against the bound of a claim.

    Parameters
    ----------
    claim
        With any operator but `same_set`.
    values
        What `look_up` gives.

    Returns
    -------
    bool or None
        True, the claim holds for them; False, it does not; None, they do not tell.
    str
        For which of several it does not hold, or why they do not tell.
    """
    if claim.operator in COMPARISONS:
        for row in values[values["value"].isna()].to_dict("records"):
            return None, _of(row, row["note"] or MISSING)
        ours = values.set_index("key")["value"]
        if claim.operator == "increasing":
            return bool(ours.diff().iloc[1:].gt(0).all()), ""
        return bool((ours.drop(claim.bound) > ours[claim.bound]).all()), ""
    judged = [(row, *_judge_one(claim, row)) for row in values.to_dict("records")]
    failing = [row["name"] for row, holds, _ in judged if holds is False]
    if failing:
        named = ", ".join(filter(None, failing))
        return False, f"not so: {named}" if len(judged) > 1 else ""
    unclear = [_of(row, why) for row, holds, why in judged if holds is None]
    return (None, "; ".join(unclear)) if unclear else (True, "")


def _judge_one(claim: Claim, row: Mapping[Any, Any]) -> Judgment:
    value, low, high, bound = row["value"], row["low"], row["high"], claim.bound
    if math.isnan(value):
        return None, row["note"] or MISSING
    if claim.operator == "equal":
        target = bound[row["key"]] if isinstance(bound, dict) else bound
        return _within(value, target - claim.tolerance, target + claim.tolerance), ""
    if claim.operator == "between":
        return _within(value, *bound), ""
    if claim.interval and not (math.isfinite(low) and math.isfinite(high)):
        return None, row["note"] or "no interval"
    if claim.operator == "equivalent":
        if bound[0] <= low and high <= bound[1]:
            return True, ""
        # a dependence is shown only where the interval leaves zero out
        shown = low > 0 or high < 0
        return (False, "") if shown else (None, "the interval is too wide")
    if claim.operator == "at_most":
        if not claim.interval:
            return value <= bound, ""
        if low <= bound < high:
            return None, "the interval includes the bound"
        return high <= bound, ""
    # above
    if value <= bound or (claim.interval and high <= bound):
        return False, ""
    if claim.p and not is_significant(row["p"]):
        return None, "not significant" if math.isfinite(row["p"]) else row["note"] or "no test"
    if claim.interval and low <= bound:
        return None, "the interval includes the bound"
    return True, ""


def _within(value: float, low: float, high: float) -> bool:
    # a value on the bound is within it, whatever its last binary digit
    on_bound = math.isclose(value, low) or math.isclose(value, high)
    return low <= value <= high or on_bound


def _compare_sets(
    claim: Claim, tables: Mapping[str, pd.DataFrame]
) -> tuple[str, tuple[bool | None, str]]:
    """How many values both have, and which only one of them has."""
    sets = []
    for table, rows, column in (
        (claim.table, claim.rows, claim.column),
        (claim.bound["table"], claim.bound["rows"], claim.bound["column"]),
    ):
        chosen = _selected(claim.id, table, rows, tables)
        if column not in chosen:
            raise ValueError(f"{claim.id}: table {table} has no column {column}")
        sets.append(set(chosen[column].dropna()))
    ours, theirs = sets
    text = f"{len(ours & theirs)} of {len(theirs)}, and {len(ours - theirs)} others"
    if not ours:
        return text, (None, MISSING)
    named = {"missing": sorted(theirs - ours), "not among them": sorted(ours - theirs)}
    why = "; ".join(
        f"{what}: {', '.join(map(str, some[:5]))}{' ...' if len(some) > 5 else ''}"
        for what, some in named.items()
        if some
    )
    return text, (ours == theirs, why)


def _selected(
    name: str, table: str, rows: Mapping[str, Any] | None, tables: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """The rows of a table that have these values."""
    if table not in tables:
        raise ValueError(f"{name}: there is no table {table}, only {', '.join(sorted(tables))}")
    chosen = tables[table]
    for column, value in (rows or {}).items():
        if column not in chosen:
            raise ValueError(f"{name}: table {table} has no column {column}")
        chosen = chosen[chosen[column] == value]
    return chosen


def _of(row: Mapping[Any, Any], why: str) -> str:
    return ": ".join(filter(None, [row["name"], why]))


def _values_text(values: pd.DataFrame) -> str:
    """Our values for a reader, each with its name, its interval and its P."""
    texts = []
    for row in values.to_dict("records"):
        if math.isnan(row["value"]):
            continue
        beside = []
        if math.isfinite(row["low"]):
            beside.append(f"{number_text(row['low'])} to {number_text(row['high'])}")
        if math.isfinite(row["p"]):
            beside.append(f"P = {row['p']:.2g}")
        text = f"{row['name']} {number_text(row['value'])}".strip()
        texts.append(f"{text} ({'; '.join(beside)})" if beside else text)
    return ", ".join(texts)
