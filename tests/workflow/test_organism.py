"""Another organism is one key: the store, what opens it and the names of the results follow."""

from __future__ import annotations

import json

import pytest
from repository_copy import TINY, FinishedRun, snakemake

pytestmark = pytest.mark.end_to_end

OTHER = """
results: results-mouse
census: {organism: mus_musculus}
shards: {ranges: {ood: 1}}
"""


def test_another_organism_takes_one_key(finished_run: FinishedRun) -> None:
    """The simulation makes the same cells for any organism, so the shards must be the same."""
    folder = finished_run.folder
    (folder / "mouse.yaml").write_text(OTHER)
    shard, table = "shards/ood/part-0000-0.zarr.zip", "tables/atlas_summary.tsv"
    targets = [f"results-mouse/{name}" for name in (shard, table)]
    done = snakemake(folder, *targets, *TINY, "mouse.yaml")
    assert done.returncode == 0, done.output[-4000:]
    assert done.jobs["simulate_census"] == done.jobs["fetch_counts"] == 1
    stores = folder / "results-mouse" / "simulated_census"
    names = [path.name for path in stores.glob("*/census_data/*_*") if path.name[0] != "_"]
    assert names == ["mus_musculus"] * 2
    assert (folder / targets[0]).read_bytes() == (finished_run.results / shard).read_bytes()
    ours, theirs = (folder / targets[1]).read_text(), (finished_run.results / table).read_text()
    assert ours == theirs.replace("simulated Census", "simulated Census, Mus musculus")


def test_a_folder_of_an_earlier_version_is_of_the_paper_s_organism(
    finished_run: FinishedRun,
) -> None:
    recorded = json.loads((finished_run.results / "run.json").read_text())
    assert recorded["census"].pop("organism") == "homo_sapiens"
    old = finished_run.folder / "results-old"
    old.mkdir()
    (old / "run.json").write_text(json.dumps(recorded))
    (finished_run.folder / "old.yaml").write_text(
        "results: results-old\ncensus: {organism: mus_musculus}\n"
    )
    options = ("results-old/run.json", *TINY, "old.yaml", "-n")
    refused = snakemake(finished_run.folder, *options)
    assert refused.returncode != 0
    # the only difference
    assert (
        "(results-old/run.json):\n"
        "  census.organism: 'homo_sapiens' there, 'mus_musculus' now\nNothing was changed."
    ) in refused.output
