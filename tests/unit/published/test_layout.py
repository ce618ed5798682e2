"""Which file of the authors' record is of which run."""

from __future__ import annotations

from pathlib import Path

import pytest
from published_example import checkpoint, detailed_results, write_detailed

from hce.published.layout import Layout, Version, find_files, whose

BOTH = ("linear", "linear_hierarchical_loss")


def make_record(folder: Path, versions: tuple[int, ...] = (0, 1)) -> Path:
    """Predictions of the linear model with both losses."""
    for run in BOTH:
        for version in versions:
            write_detailed(checkpoint(folder, run, version), detailed_results().head(3))
    return folder


def find(folder: Path, seeds: tuple[int, ...] = (0, 1), **chosen: str) -> Layout:
    """Look for the linear model."""
    files = {name.replace("_", "/"): path for name, path in chosen.items()}
    return find_files(folder, ["linear"], ["ce", "hce"], seeds, files)


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("tb_logs/cxg_2023_05_15_mlp/default/version_3/checkpoints/a/x.parquet", ("mlp", "ce", 3)),
        ("tabnet_record/cxg_mlp_hierarchical_loss/version_12/x.csv", ("mlp", "hce", 12)),
        ("hierarchical_record/version_1/tabnet_detailed_results.parquet", ("tabnet", "ce", 1)),
        ("cxg_2023_05_15_linear/default/x.parquet", None),
        ("nonlinearity/version_0/x.parquet", None),
        ("mlp_and_linear/version_0/x.parquet", None),
    ],
)
def test_folders_say_whose_a_file_is(path: str, version: tuple[str, str, int] | None) -> None:
    assert whose(Path(path)) == (None if version is None else Version(*version))


def test_predictions_are_found_by_what_they_hold(tmp_path: Path) -> None:
    folder = make_record(tmp_path / "record")
    first = checkpoint(folder, "linear", 0)
    # another name of the file and of the checkpoint
    renamed = first.parents[1] / "val_f1_macro_epoch=7_val_f1_macro=0.9" / "per cell.parquet"
    renamed.parent.mkdir()
    first.rename(renamed)
    # another table beside it
    detailed_results()[["soma_joinid", "assay"]].to_parquet(renamed.with_name("cells.parquet"))
    layout = find(folder)
    assert layout.predictions["linear/ce/seed0"] == renamed.as_posix()
    assert layout.predictions["linear/hce/seed1"].endswith(
        "linear_hierarchical_loss/default/version_1/checkpoints/val_f1_macro_epoch=1/"
        "linear_detailed_results.parquet"
    )
    assert len(layout.predictions) == 4
    layout.write(tmp_path / "files.json")
    assert Layout.read(tmp_path / "files.json") == layout


def test_versions_of_other_numbers_are_taken_in_their_order_and_it_is_said(tmp_path: Path) -> None:
    folder = make_record(tmp_path, (7, 12))
    layout = find(folder)
    assert "version_12" in layout.predictions["linear/ce/seed1"]
    assert "linear/ce: took version_7 as seed 0, version_12 as seed 1" in layout.notes


def test_id_scores_are_found_beside_and_missed_with_a_note(tmp_path: Path) -> None:
    folder = make_record(tmp_path)
    scores = folder / "sctab_test/cxg_2023_05_15_linear/default/version_0/x/linear_{}_metrics.csv"
    scores.parent.mkdir(parents=True)
    for name in ("overall", "per_class"):
        Path(str(scores).format(name)).write_text("")
    layout = find(folder)
    assert set(layout.id_tables["linear/ce/seed0"]) == {"overall", "per_class"}
    assert layout.id_tables["linear/ce/seed1"] == {}
    (note,) = layout.notes
    assert "no ID scores" in note and "linear/ce/seed1, linear/hce/seed0, linear/hce/seed1" in note


def test_of_two_that_fit_the_user_chooses(tmp_path: Path) -> None:
    folder = make_record(tmp_path)
    other = checkpoint(folder, "linear", 0, "val_f1_macro_epoch=3")
    write_detailed(other, detailed_results().head(3))
    with pytest.raises(
        ValueError,
        match=r"epoch=1/\S+ and \S+epoch=3/\S+ both fit linear/ce/seed0.*published\.choose",
    ):
        find(folder)
    chosen = other.relative_to(folder).as_posix()
    assert find(folder, linear_ce_seed0=chosen).predictions["linear/ce/seed0"] == other.as_posix()
    with pytest.raises(FileNotFoundError, match=r"published\.choose linear/ce/seed0: .*nowhere"):
        find(folder, linear_ce_seed0="nowhere")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"published\.path: there is no folder"):
        find(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"of linear/ce/seed0, .*found .*: none"):
        find(tmp_path)
    folder = make_record(tmp_path, (0,))
    with pytest.raises(FileNotFoundError) as error:
        find(folder, (0, 1, 2, 3))
    assert (
        "of linear/ce/seed1, linear/ce/seed2, linear/ce/seed3, linear/hce/seed1, linear/hce/seed2, "
        "linear/hce/seed3; found (architecture/loss/version): linear/ce/0, linear/hce/0"
    ) in str(error.value)


def test_a_table_that_comes_later_has_its_place_already(tmp_path: Path) -> None:
    record = make_record(tmp_path / "record")
    listed = [
        path.relative_to(record).as_posix() for path in record.rglob("*_detailed_results.parquet")
    ]
    nowhere = tmp_path / "nowhere"
    arguments = (["linear"], ["ce", "hce"], [0, 1])
    layout = find_files(nowhere, *arguments, {}, listed)
    assert set(layout.predictions.values()) == {(nowhere / name).as_posix() for name in listed}
    chosen = {"linear/ce/seed0": listed[0]}
    layout = find_files(nowhere, *arguments, chosen, listed)
    assert layout.predictions["linear/ce/seed0"] == (nowhere / listed[0]).as_posix()
    with pytest.raises(FileNotFoundError, match="of linear/ce/seed1, linear/hce/seed1; found"):
        find_files(nowhere, *arguments, {}, [name for name in listed if "version_0" in name])


def test_a_table_of_other_columns_or_a_cut_one_is_refused(tmp_path: Path) -> None:
    folder = make_record(tmp_path)
    path = checkpoint(folder, "linear", 0)
    content = path.read_bytes()
    path.write_bytes(content[:-20])
    with pytest.raises(ValueError, match=r"linear_detailed_results\.parquet: .*a cut one"):
        find(folder)
    detailed_results().drop(columns="y_probs").to_parquet(path)
    with pytest.raises(ValueError, match=r"has no column y_probs, only y_true, y_pred"):
        find(folder)
