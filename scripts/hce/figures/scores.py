"""Source data of the controls: HCE's OOD gain with its cause, without it, and with a wrong R."""

from __future__ import annotations

import pandas as pd

from hce.names import known_architectures

MAIN, FINEST, PERMUTED = "main", "finest", "permuted"


def control_gains(main: pd.DataFrame, finest: pd.DataFrame) -> pd.DataFrame:
    """OOD macro F1 minus that of CE with the same seed, for HCE and its two controls.

    Parameters
    ----------
    main
        Rows of macro_f1_runs.tsv of the main run; rows with the loss `hce_permuted` (HCE with the
        labels of R permuted) are the control of the hierarchy.
    finest
        The same table of the run in which every study annotates as finely as it can.

    Returns
    -------
    pandas.DataFrame
        condition (`main`, `finest`, `permuted`), architecture, seed, gain, mean, sd (NaN for one
        run), n_seeds, data_source. A condition without a pair of runs has one row with n_seeds = 0.

    Raises
    ------
    ValueError
        If the two tables are of different data sources.
    """
    sources = sorted(set(main["data_source"]) | set(finest["data_source"]))
    if len(sources) != 1:
        raise ValueError(
            f"main and finest run have the data sources {sources}; compare runs of one kind"
        )
    architectures = known_architectures(pd.concat([main, finest])["architecture"])
    conditions = {
        MAIN: _gains(main, "hce"),
        FINEST: _gains(finest, "hce"),
        PERMUTED: _gains(main, "hce_permuted"),
    }
    parts = []
    for condition, gains in conditions.items():
        for architecture in architectures:
            part = gains[gains["architecture"] == architecture]
            mean, sd, n_seeds = part["gain"].mean(), part["gain"].std(ddof=1), len(part)
            if part.empty:
                part = pd.DataFrame({"architecture": [architecture]})
            parts.append(part.assign(condition=condition, mean=mean, sd=sd, n_seeds=n_seeds))
    columns = ["condition", "architecture", "seed", "gain", "mean", "sd", "n_seeds"]
    table = pd.concat(parts, ignore_index=True).reindex(columns=columns)
    return table.assign(data_source=sources[0])


def _gains(runs: pd.DataFrame, loss: str) -> pd.DataFrame:
    rows = runs[(runs["split"] == "ood") & (runs["labels"] == "all")]
    wide = rows.pivot_table(index=["architecture", "seed"], columns="loss", values="macro_f1")
    wide = wide.reindex(columns=["ce", loss]).dropna()
    return (wide[loss] - wide["ce"]).rename("gain").reset_index()
