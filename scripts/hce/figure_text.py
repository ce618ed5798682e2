"""How names and numbers are written in figures."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable

import numpy as np

SIGNIFICANCE_LEVEL = 0.05
MINUS = "−"

_MARKER_SIGN = re.compile(r"\b(CD[0-9A-Za-z]+)(-alpha-alpha)?-(positive|negative)\b,?")
_SIGNS = {"positive": "⁺", "negative": "⁻"}


def short_cell_type(label: str) -> str:
    """Write a Cell Ontology label in the field's short form, for example CD4⁺ αβ T cell.

    Parameters
    ----------
    label
        The label as the ontology has it. Only its writing changes: it stays unambiguous.
    """
    signed = _MARKER_SIGN.sub(
        lambda found: found[1] + ("αα" if found[2] else "") + _SIGNS[found[3]], label
    )
    plain = signed.replace(", alpha-beta", " αβ").replace("alpha-beta", "αβ")
    return plain.replace("gamma-delta", "γδ").removesuffix(", human")


def wrap_label(label: str, characters: int) -> str:
    """Break a label into lines of at most this many characters, between words only."""
    return "\n".join(textwrap.wrap(label, characters, break_long_words=False))


def shorten(label: str, characters: int) -> str:
    """Cut a label after a word to at most this many characters; an ellipsis shows the cut."""
    if len(label) <= characters:
        return label
    return wrap_label(label, characters - 2).split("\n")[0] + " …"


def is_significant(p_holm: float) -> bool:
    """Whether an adjusted p value is below 0.05; a missing one is not."""
    return bool(np.isfinite(p_holm) and p_holm < SIGNIFICANCE_LEVEL)


def format_p(p_value: float) -> str:
    """Write a p value for a figure with two digits, `not tested` where there is none."""
    if not np.isfinite(p_value):
        return "not tested"
    if p_value < 0.0001:
        return "P < 0.0001"
    return f"P = {p_value:.2g}"


def format_signed(value: float, digits: int) -> str:
    """Write a number with its sign, the minus as a minus; what rounds to zero has no sign."""
    sign = "+" if round(value, digits) else ""
    text = f"{round(value, digits) + 0.0:{sign}.{digits}f}"
    return text.replace("-", MINUS)


def format_count(value: float) -> str:
    """Write a count in full with thousands separators; a missing one as a dash."""
    return f"{int(value):,}" if np.isfinite(value) else "–"


def format_seeds(numbers: Iterable[int]) -> str:
    """Write how many runs each group has: `n = 4`, or `n = 4, 3, 4` where they differ."""
    counts = [int(number) for number in numbers]
    shown = counts[:1] if len(set(counts)) == 1 else counts
    return "n = " + ", ".join(str(count) for count in shown)


def format_compact(value: float) -> str:
    """Write a count of cells in at most five characters: `812`, `15.2 k`, `3.45 M`."""
    if value < 10_000:
        return f"{int(value):,}"
    if value < 1_000_000:
        return f"{value / 1e3:.3g} k"
    return f"{value / 1e6:.3g} M"
