"""The command from end to end on small files: what it writes, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from annotation_example import (
    GENE_IDS,
    LABELS,
    N_GENES,
    REACHABILITY,
    SYMBOLS,
    TERMS,
    by_hand,
    counts,
    make_file,
    model_facts,
    write_model,
)
from scipy import sparse

from hce.annotation import cells
from hce.annotation.command import main

pytestmark = pytest.mark.usefixtures("one_torch_thread")
Annotator = Callable[..., anndata.AnnData]


@pytest.fixture
def annotate(tmp_path: Path) -> Annotator:
    """Function (file, options) -> the annotated copy, by the first of two models."""
    for seed in range(2):
        write_model(tmp_path / f"model{seed}.safetensors", seed)

    def run(data: anndata.AnnData, *options: str, models: int = 1) -> anndata.AnnData:
        source, output = tmp_path / "cells.h5ad", tmp_path / "out" / "annotated.h5ad"
        data.write_h5ad(source)
        before = source.read_bytes()
        paths = [str(tmp_path / f"model{seed}.safetensors") for seed in range(models)]
        main(["annotate", "--model", *paths, str(source), "--output", str(output), *options])
        assert source.read_bytes() == before
        return anndata.read_h5ad(output)

    return run


def test_calls_are_those_of_the_definition(annotate: Annotator, tmp_path: Path) -> None:
    data, values = make_file(), counts()
    data.obsm["X_umap"] = np.zeros((len(values), 2))
    data.uns["kept"] = "as it was"
    done = annotate(data, "--threshold", "0.6")
    p = by_hand(write_model(tmp_path / "same.safetensors"), values)
    seen = np.arange(len(values)) != 3
    obs = done.obs[seen]
    assert obs["hce_cell_type"].tolist() == [LABELS[i] for i in p.argmax(axis=1)[seen]]
    term_ids = obs["hce_cell_type_ontology_term_id"].tolist()
    assert term_ids == [TERMS[i] for i in p.argmax(axis=1)[seen]]
    np.testing.assert_allclose(obs["hce_probability"], p.max(axis=1)[seen], rtol=1e-4)
    entropy = -(p * np.log(p)).sum(axis=1)[seen]
    np.testing.assert_allclose(obs["hce_entropy"], entropy, rtol=1e-3, atol=1e-5)
    assert (obs["hce_agreement"] == 1).all()
    np.testing.assert_allclose(obs["hce_counts"], values.sum(axis=1)[seen])
    score = p @ REACHABILITY.T
    for (_, cell), s in zip(obs.iterrows(), score[seen], strict=True):
        # by hand: the better of two roots, then down
        path = [0 if s[0] >= s[5] else 5]
        for below in ([1, 4], [2, 3]):
            if path[-1] in (0, 1):
                path.append(max(below, key=lambda c: s[c]))
        path = [c for i, c in enumerate(path) if all(s[d] >= 0.6 for d in path[: i + 1])]
        if path:
            assert cell["hce_safe"] == LABELS[path[-1]]
            assert cell["hce_safe_ontology_term_id"] == TERMS[path[-1]]
            assert cell["hce_path"] == " > ".join(LABELS[c] for c in path)
            assert cell["hce_safe_score"] == pytest.approx(s[path[-1]], rel=1e-3)
        else:
            assert pd.isna(cell["hce_safe"])
            assert pd.isna(cell["hce_path"])
            assert cell["hce_safe_score"] == pytest.approx(max(s[0], s[5]), rel=1e-3)
    assert obs["hce_path"].nunique() > 2
    # the rest of the file is what it was
    assert done.uns["kept"] == "as it was"
    assert (done.X != data.X).nnz == 0
    assert "X_umap" in done.obsm
    assert done.obs["sample"].tolist() == data.obs["sample"].tolist()
    said = done.uns["hce"]
    assert (said["genes_matched"], said["genes_of_model"], said["threshold"]) == (12, 12, 0.6)
    assert said["models"]["loss"].tolist() == ["hce"]
    assert said["cells_without_counts"] == 1


def test_a_cell_without_counts_gets_no_call(annotate: Annotator) -> None:
    empty = annotate(make_file()).obs.iloc[3]
    names = ("cell_type", "cell_type_ontology_term_id", "probability", "safe", "safe_score")
    for name in (*names, "path", "entropy", "agreement"):
        assert pd.isna(empty[f"hce_{name}"]), name
    assert empty["hce_counts"] == 0


def test_several_models_are_averaged(annotate: Annotator, tmp_path: Path) -> None:
    values = counts()
    done = annotate(make_file(), models=2).obs
    each = [by_hand(write_model(tmp_path / "same.safetensors", seed), values) for seed in (0, 1)]
    mean = np.mean(each, axis=0)
    agreeing = np.mean([p.argmax(axis=1) == mean.argmax(axis=1) for p in each], axis=0)
    seen = np.arange(len(values)) != 3
    assert done["hce_cell_type"][seen].tolist() == [LABELS[i] for i in mean.argmax(axis=1)[seen]]
    np.testing.assert_allclose(done["hce_probability"][seen], mean.max(axis=1)[seen], rtol=1e-4)
    np.testing.assert_allclose(done["hce_agreement"][seen], agreeing[seen])
    assert set(agreeing[seen]) == {0.5, 1}


def shuffled(data: anndata.AnnData) -> anndata.AnnData:
    return data[:, np.random.default_rng(0).permutation(N_GENES)].copy()


def versions(data: anndata.AnnData) -> anndata.AnnData:
    data.var_names = [f"{name}.{i + 1}" for i, name in enumerate(data.var_names)]
    return data


def symbols(data: anndata.AnnData) -> anndata.AnnData:
    data.var_names = SYMBOLS
    return data


def column(data: anndata.AnnData) -> anndata.AnnData:
    data.var["gene_ids"] = pd.Categorical(data.var_names)
    data.var_names = [f"probe {i}" for i in range(N_GENES)]
    del data.var["feature_name"]
    return data


def twice(data: anndata.AnnData) -> anndata.AnnData:
    """Gene 2 as two columns, one with half of its counts; one gene without a name."""
    values = data.X.toarray()
    half = np.floor(values[:, 2] / 2)
    values[:, 2] -= half
    values = np.column_stack([half, np.full(len(values), 7), values]).astype(np.float32)
    var = pd.DataFrame({"gene": [GENE_IDS[2], None, *GENE_IDS]}, index=map(str, range(14)))
    return anndata.AnnData(sparse.csr_matrix(values), obs=data.obs, var=var)


def in_raw(data: anndata.AnnData) -> anndata.AnnData:
    raw = data.copy()
    data.X = data.X.copy()
    data.X.data = np.log1p(data.X.data)
    data.raw = raw
    return data[:, :4].copy()


def normalized_raw(data: anndata.AnnData) -> anndata.AnnData:
    log = data.copy()
    log.X.data = np.log1p(log.X.data)
    data.raw = log
    return data


def stored_as(kind: Callable) -> Callable[[anndata.AnnData], anndata.AnnData]:
    def change(data: anndata.AnnData) -> anndata.AnnData:
        data.X = kind(data.X.toarray())
        return data

    return change


@pytest.mark.parametrize("blocks", [2**22, 20])
@pytest.mark.parametrize(
    "change",
    [
        shuffled,
        versions,
        symbols,
        column,
        twice,
        in_raw,
        normalized_raw,
        stored_as(sparse.csc_matrix),
        stored_as(np.asarray),
        stored_as(lambda x: sparse.csr_matrix(x.astype(np.int64))),
    ],
    ids=lambda change: change.__name__,
)
def test_the_same_cells_are_called_the_same_however_they_are_stored(
    annotate: Annotator,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[anndata.AnnData], anndata.AnnData],
    blocks: int,
) -> None:
    expected = annotate(make_file()).obs
    monkeypatch.setattr(cells, "BLOCK_ENTRIES", blocks)
    monkeypatch.setattr(cells, "COLUMN_BLOCK_ENTRIES", 3 * blocks)
    found = annotate(change(make_file())).obs
    pd.testing.assert_frame_equal(
        found.filter(like="hce_"), expected.filter(like="hce_"), rtol=1e-5, check_exact=False
    )


def test_missing_genes_are_zeros(annotate: Annotator) -> None:
    less = make_file()[:, :8].copy()
    values = counts()
    values[:, 8:] = 0
    expected = annotate(make_file(values)).obs["hce_probability"]
    found = annotate(less)
    np.testing.assert_allclose(found.obs["hce_probability"], expected, rtol=1e-5)
    assert found.uns["hce"]["genes_matched"] == 8


def test_a_layer_is_read_if_it_is_named(annotate: Annotator) -> None:
    data = make_file()
    data.layers["counts"] = data.X.copy()
    data.X.data = np.log1p(data.X.data)
    expected = annotate(make_file()).obs["hce_probability"]
    found = annotate(data, "--layer", "counts")
    np.testing.assert_allclose(found.obs["hce_probability"], expected, rtol=1e-6)
    assert found.uns["hce"]["counts_of"] == "layers.counts"
    with pytest.raises(
        SystemExit, match=r"X holds \d\.\d+, which.*The layer 'counts' holds counts: --lay"
    ):
        annotate(data)
    with pytest.raises(SystemExit, match="has no layer 'spliced'; there are counts"):
        annotate(data, "--layer", "spliced")


def value(number: float) -> Callable[[anndata.AnnData], None]:
    def change(data: anndata.AnnData) -> None:
        data.X.data[-1] = number

    return change


def mouse(data: anndata.AnnData) -> None:
    data.var_names = [name.replace("ENSG", "ENSMUSG") for name in GENE_IDS]
    data.var["feature_name"] = [name.capitalize() for name in SYMBOLS]


def lower_case(data: anndata.AnnData) -> None:
    data.var_names = [name.lower() for name in SYMBOLS]
    del data.var["feature_name"]


def few(data: anndata.AnnData) -> None:
    data._inplace_subset_var(slice(0, 5))


def strange(data: anndata.AnnData) -> None:
    data.var_names = [f"probe{i}" for i in range(N_GENES)]
    del data.var["feature_name"]


def zeros(data: anndata.AnnData) -> None:
    data.X = sparse.csr_matrix((40, N_GENES), dtype=np.float32)


def no_cells(data: anndata.AnnData) -> None:
    data._inplace_subset_obs(slice(0, 0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (value(0.5), r"X holds 0\.5, which is no count.*raw counts"),
        (value(-1), "X holds -1, which is no count"),
        (value(np.nan), "X holds nan, which is no count"),
        (mouse, r"0 of the 12 genes .*ENSMUSG.*another organism; map the genes to their orth"),
        (lower_case, r"symbols such as gene0a differ .* in upper and lower case"),
        (few, r"has 5 of the 12 genes of the model, less than 50% .*not a selection"),
        (strange, r"var has probe0, probe1, \.\.\., the model ENSG00000000000"),
        (zeros, "every count is 0"),
        (no_cells, "has no cells"),
    ],
    ids=lambda part: getattr(part, "__name__", None),
)
def test_what_would_be_confident_nonsense_is_refused(
    annotate: Annotator, tmp_path: Path, change: Callable[..., None], message: str
) -> None:
    data = make_file()
    change(data)
    with pytest.raises(SystemExit, match=rf"cells\.h5ad: .*{message}"):
        annotate(data)
    assert not (tmp_path / "out").exists()


def test_a_value_that_is_no_count_is_found_in_any_block(
    annotate: Annotator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "BLOCK_ENTRIES", 20)
    data = make_file()
    data.X.data[-1] = 2.5
    with pytest.raises(SystemExit, match=r"X holds 2\.5"):
        annotate(data)


def test_counts_of_other_genes_are_refused(annotate: Annotator) -> None:
    data = make_file()
    other = anndata.AnnData(
        sparse.csr_matrix(np.full((40, 1), 1e5, np.float32)),
        obs=data.obs,
        var=pd.DataFrame({"feature_name": ["spike-in"]}, index=["ERCC-1"]),
    )
    with pytest.raises(SystemExit, match=r"only 0% of its counts are of genes of the model"):
        annotate(anndata.concat([data, other], axis="var", merge="first"))


def test_models_of_other_data_are_not_averaged(annotate: Annotator, tmp_path: Path) -> None:
    write_model(tmp_path / "model1.safetensors", gene_ids=GENE_IDS[::-1])
    with pytest.raises(SystemExit, match=r"model1\.safetensors: has other genes than .*model0"):
        annotate(make_file(), models=2)
    write_model(tmp_path / "model1.safetensors", reachability=np.eye(6, dtype=bool))
    with pytest.raises(SystemExit, match="has other hierarchy"):
        annotate(make_file(), models=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{cells}", "--output", "{cells}"], "is the input, which is never changed"),
        (["{cells}", "--output", "a.zarr"], r"name it \.h5ad"),
        (["{cells}"], "nothing to write"),
        (["{cells}", "--by", "sample", "--table", "t.parquet"], "give --page, too"),
        (["--output", "a.h5ad"], "no file of cells"),
        (["gone.h5ad", "--output", "a.h5ad"], "gone.h5ad: no such file"),
        (["{cells}", "--output", "a.h5ad", "--labels", "x"], "no column 'x'; there are sample"),
        (["{cells}", "--output", "a.h5ad", "--labels", "sample"], r"no value \(one, .* is a cell"),
        (["{model}", "--output", "a.h5ad"], r"model0\.safetensors: not a readable h5ad"),
    ],
)
def test_a_command_line_that_cannot_be_is_refused(
    annotate: Annotator, tmp_path: Path, arguments: list[str], message: str
) -> None:
    make_file().write_h5ad(tmp_path / "cells.h5ad")
    places = {"cells": tmp_path / "cells.h5ad", "model": tmp_path / "model0.safetensors"}
    given = [text.format(**places) for text in arguments]
    with pytest.raises(SystemExit, match=message):
        main(["annotate", "--model", str(places["model"]), *given])


@pytest.mark.filterwarnings(
    "ignore:Writing zarr v2 data", "ignore:Consolidated metadata", "ignore:zarr v3 auto"
)
@pytest.mark.parametrize("version", [2, 3])
def test_a_zarr_store_gives_a_zarr_store(tmp_path: Path, annotate: Annotator, version: int) -> None:
    expected = annotate(make_file()).obs["hce_probability"]
    with anndata.settings.override(zarr_write_format=version):
        make_file().write_zarr(tmp_path / "cells.zarr")
    command = ["annotate", "--model", str(tmp_path / "model0.safetensors")]
    command += [str(tmp_path / "cells.zarr"), "--output", str(tmp_path / "out.zarr")]
    main([*command, "--table", str(tmp_path / "table.parquet")])
    done = anndata.read_zarr(tmp_path / "out.zarr")
    np.testing.assert_array_equal(done.obs["hce_probability"], expected)
    assert "hce_probability" not in anndata.read_zarr(tmp_path / "cells.zarr").obs
    table = pd.read_parquet(tmp_path / "table.parquet")
    assert table["cell"].tolist() == done.obs_names.tolist()
    np.testing.assert_array_equal(table["hce_probability"], expected)
    with pytest.raises(SystemExit, match="is there; remove it"):
        main(command)


def test_a_file_of_an_old_anndata_is_refused(annotate: Annotator, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "old.h5ad", "w") as file:
        file["X"] = counts()
        file["obs"] = np.array([(f"cell{i}".encode(),) for i in range(40)], dtype=[("index", "S6")])
        file["var"] = np.array([(name.encode(),) for name in GENE_IDS], dtype=[("index", "S15")])
    command = ["annotate", "--model", str(tmp_path / "model0.safetensors")]
    command += [str(tmp_path / "old.h5ad"), "--output", str(tmp_path / "out.h5ad")]
    with pytest.raises(SystemExit, match=r"old\.h5ad: obs is no table \(of anndata bef"):
        main(command)


def test_labels_score_the_calls(annotate: Annotator, tmp_path: Path) -> None:
    from hce.metrics import macro_f1

    data = make_file()
    data.obs.loc["cell0", "label"] = "no cell type of the model"
    done = annotate(data, "--labels", "label")
    scores = done.uns["hce"]["scores"]
    used = np.setdiff1d(np.arange(40), [0, 3])
    p = by_hand(write_model(tmp_path / "same.safetensors"), counts())
    true = np.arange(40) % 6
    f1 = macro_f1(true[used], p.argmax(axis=1)[used], REACHABILITY)
    assert scores["cells"] == 38
    assert scores["macro_f1"] == pytest.approx(f1)
    safe = [LABELS.index(name) if isinstance(name, str) else -1 for name in done.obs["hce_safe"]]
    called = [i for i in used if safe[i] >= 0]
    right = [REACHABILITY[true[i], safe[i]] or REACHABILITY[safe[i], true[i]] for i in called]
    assert scores["called"] == pytest.approx(len(called) / 38)
    assert scores["right"] == pytest.approx(np.mean(right))
    table = done.uns["hce"]["risk_coverage"]
    assert table["threshold"].iloc[[0, -1]].tolist() == [0.1, 0.95]
    assert (table["called"].diff().dropna() <= 0).all()
    at = table[table["threshold"] == 0.8].iloc[0]
    assert at["wrong"] == pytest.approx(1 - scores["right"])
    assert done.uns["hce"]["levels"]["cells"].sum() == 40


def test_a_symbol_of_two_genes_of_the_model_is_none(tmp_path: Path) -> None:
    from hce.annotation.genes import match_genes

    facts = model_facts(symbols=["GENE1A", *SYMBOLS[1:]])
    var = pd.DataFrame(index=SYMBOLS)
    match = match_genes(var, facts, tmp_path, 0.5)
    assert match.position.tolist() == [-1, -1, *range(2, 12)]
