"""What the overview page is made of: provenance, resources, tables as text, the hierarchy."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
from pathlib import Path

import figure_example as example
import numpy as np
import pandas as pd
import pytest
import supplement_example as supplement
from PIL import Image

from hce.files import write_atomically
from hce.report.page import (
    cell_text,
    draw_page,
    headline,
    libraries,
    node_data,
    shown_figure,
    shown_table,
)
from hce.report.provenance import commit, provenance_table, resource_table


def test_provenance_names_settings_versions_and_checksums(tmp_path: Path) -> None:
    path = tmp_path / "cl.obo"
    path.write_bytes(b"ontology")
    settings = {"census": {"train": {"release": "2023-05-15"}}, "seeds": [0, 1]}
    table = provenance_table("0a1b2c", settings, [path]).set_index(["section", "name"])["text"]
    assert table["code", "commit"] == "0a1b2c"
    assert table["configuration", "census.train.release"] == "2023-05-15"
    assert table["configuration", "seeds"] == "[0, 1]"
    assert table["sha256", "cl.obo"] == hashlib.sha256(b"ontology").hexdigest()
    assert table["version", "numpy"] == np.__version__
    assert int(table["hardware of this job", "cores"]) >= 1


def test_files_that_are_called_alike_keep_their_folders(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a/own.py", "b/own.py", "cl.obo")]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_text(path.as_posix())
    table = provenance_table("0a1b2c", {}, paths)
    names = table.loc[table["section"] == "sha256", "name"].tolist()
    assert names == [paths[0].as_posix(), paths[1].as_posix(), "cl.obo"]


def test_code_without_a_repository_has_no_commit(tmp_path: Path) -> None:
    assert commit(tmp_path) == "unknown: no git repository"


def test_resources_are_summed_by_rule_over_the_last_execution_of_each_job(tmp_path: Path) -> None:
    jobs = {
        "draw_fig1a.jsonl": [(9, 9, 900), (2, 1, 100)],
        "train_model/mlp/ce/seed0.jsonl": [(30, 25, 400)],
        "train_model/mlp/ce/seed1.jsonl": [(50, 45, None)],
    }
    for name, lines in jobs.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        rows = [{"s": s, "cpu_time": cpu, "max_rss": memory} for s, cpu, memory in lines]
        (tmp_path / name).write_text("\n".join(map(json.dumps, rows)) + "\n")
    table = resource_table(tmp_path).set_index("rule")
    assert table.index.tolist() == ["train_model", "draw_fig1a"]
    assert table.loc["train_model"].tolist() == [2, 80, 50, 70, 400]
    assert table.loc["draw_fig1a"].tolist() == [1, 2, 2, 1, 100]
    assert resource_table(tmp_path / "none").empty


@pytest.mark.parametrize("content", [b"", b"\n", b'{"s": 1', b"[1]", b"\xff", b'{"s": 1}\n{"s'])
def test_a_benchmark_that_cannot_be_read_is_left_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "damaged.jsonl").write_bytes(content)
    (tmp_path / "draw.jsonl").write_text('{"s": 2, "cpu_time": "one", "max_rss": 3}\n')
    table = resource_table(tmp_path)
    assert table["rule"].tolist() == ["draw"]
    assert table["seconds_total"].tolist() == [2]


def test_the_checksum_of_a_file_that_has_changed_is_not_recorded(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    with write_atomically(path) as temporary:
        temporary.write_text("{}")
    path.write_text("[]")
    with pytest.raises(ValueError, match=r"manifest\.json: SHA-256 is"):
        provenance_table("0a1b2c", {}, [path])


def test_cells_are_written_for_readers() -> None:
    assert [cell_text(value) for value in (1083.0, 0.123456, 3.8e-7, np.nan, None, "NA", True)] == [
        "1083",
        "0.123",
        "3.8e-07",
        "",
        "",
        "NA",
        "True",
    ]
    table = shown_table(example.macro_f1(["mlp"], 2, 0.03), "anchor", "Title", "Caption.")
    assert "data_source" not in table.columns
    assert dict(zip(table.columns, table.numeric, strict=True))["architecture"] is False
    assert dict(zip(table.columns, table.numeric, strict=True))["p_holm"] is True


def test_pictures_are_small_and_as_wide_as_the_page(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 2200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "fig2b.png")
    figure = shown_figure(tmp_path / "fig2b.png", "What it shows.")
    assert (figure.name, figure.width, figure.height) == ("fig2b", 1100, 200)
    code = figure.picture.removeprefix("data:image/png;base64,")
    with Image.open(io.BytesIO(base64.b64decode(code))) as picture:
        assert picture.size == (1100, 200) and len(picture.convert("RGB").getcolors()) <= 32


def test_the_headline_says_why_there_is_no_test() -> None:
    rows = []
    for split, labels in (("test", "ood_labels"), ("ood", "all")):
        rows.append({"architecture": "mlp", "split": split, "labels": labels, "n_seeds": 1})
        rows[-1] |= {"ce_mean": 0.5, "hce_mean": 0.6, "gain_mean": 0.1, "note": "no test: n = 1"}
    missing = ["ce_sd", "hce_sd", "gain_ci_low", "gain_ci_high", "p_holm", "effect_size"]
    table = headline(pd.DataFrame(rows).assign(**dict.fromkeys(missing, np.nan)))
    row = table.iloc[0]
    assert row[["Architecture", "Gain", "P (Holm)"]].tolist() == ["MLP", "+0.100", "no test: n = 1"]
    assert row["CE, new studies"] == "0.500" and row["95 % interval"] == ""


def test_the_page_of_the_hierarchy_holds_every_node_with_its_neighbors() -> None:
    nodes, edges = supplement.panels("mlp", 2)
    nodes, edges = nodes[nodes["view"] == "overview"], edges[edges["view"] == "overview"]
    tests = example.per_cell_type(2).assign(support=10, ce_mean=0.4, hce_mean=0.6)
    data = node_data(nodes, edges, example.cell_types(), tests)
    table = data.set_index("label")
    assert table.at["T cell", "parents"] == "leukocyte"
    assert table.at["T cell", "children"] == "αβ T cell, γδ T cell"
    assert table.at["neuron", "difference_mlp"] == "+0.505, P = 0.01 (Holm)"
    assert table.at["B cell", "difference_mlp"] == "not in the OOD set, or not run"
    assert (table["difference_tabnet"] == "not in the OOD set, or not run").all()
    assert table.at["B cell", "n_ood"] == 0 and table.at["neuron", "n_ood"] == 10
    page = draw_page(data, edges, "mlp")
    assert "</" not in page
    for label in ("γδ T cell", "CL:0000540"):
        assert json.dumps(label)[1:-1] in page


def test_the_libraries_are_compressed_and_the_same_each_time() -> None:
    packed = libraries()
    code = {name: gzip.decompress(base64.b64decode(text)) for name, text in packed.items()}
    # the page and its figures must find room in 2 MB, in base64 once more
    assert sum(map(len, packed.values())) < 750_000
    assert b"Bokeh" in code["bokeh"] and len(code["bokeh"]) > 500_000
    assert b"DataTables" in code["itables"] and b"dataTable" in code["itables-style"]
    assert libraries() == packed
