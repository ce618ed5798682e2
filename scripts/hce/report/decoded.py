"""What a reader must know beside the headline: CE that is decoded, and the exact label."""

from __future__ import annotations

import math

import pandas as pd

from hce.names import architecture_name


def decoded(decisions: pd.DataFrame) -> list[str]:
    """Two sentences on the OOD test: CE by the rule `descend`, and both losses by exact label.

    Parameters
    ----------
    decisions
        Rows of decisions.tsv.
    """
    ood = decisions[decisions["split"] == "ood"].set_index(["metric", "rule", "architecture"])
    names = decisions["architecture"].unique()

    def listed(metric: str, rule: str, column: str, form: str) -> str:
        found = ood[column].to_dict()
        values = [float(found[metric, rule, name]) for name in names]
        return ", ".join("–" if math.isnan(value) else format(value, form) for value in values)

    order = ", ".join(architecture_name(name) for name in names)
    return [
        f"CE without new training, called from the root down ({order}): "
        f"{listed('corrected_f1', 'descend', 'ce_mean', '.3f')}; what HCE gains over that: "
        f"{listed('corrected_f1', 'descend', 'delta_mean', '+.3f')}.",
        f"Where the exact label counts, CE: {listed('exact_f1', 'argmax', 'ce_mean', '.3f')}; so "
        f"called: {listed('exact_f1', 'descend', 'ce_mean', '.3f')}; HCE: "
        f"{listed('exact_f1', 'argmax', 'hce_mean', '.3f')}.",
    ]
