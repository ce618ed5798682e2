"""What a run on published predictions needs is said from the sizes of the files."""

from __future__ import annotations

from pathlib import Path

from hce.published.plan import CELL_BYTES, published_plan


def test_the_plan_says_size_disk_and_time(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in "ab"]
    for path in paths:
        with path.open("wb") as file:
            file.truncate(1_700_000_000)
    text = published_plan(paths, 2_600_000)
    assert "2 tables of predictions, 3.4 GB, of 2,600,000 OOD cells each" in text
    assert f"Disk: {5.2e6 * CELL_BYTES / 1e9:.1f} GB at most" in text
    assert "core hours" in text and "obs of both" not in text
    assert "28,000,000 cells, is read first: 2.7 GB in memory" in published_plan(
        paths, 1, 28_000_000
    )


def test_the_plan_says_what_is_downloaded(tmp_path: Path) -> None:
    there, big, small, unknown = (tmp_path / name for name in "abcd")
    there.write_bytes(b"1")
    sizes = {big: 1_700_000_000, small: 1_300_000_000}
    text = published_plan([there, big, small, unknown], 2_600_000, size_of=sizes.get)
    assert "1 tables of predictions, 0.0 GB" in text
    assert "3 tables of predictions are downloaded, 3.0 GB and 1 of unknown size" in text
    assert "each job holds one, 1.7 GB at most (all of them with published.keep)" in text
    assert f"Disk: {4 * 2.6e6 * CELL_BYTES / 1e9:.1f} GB at most" in text


def test_a_cell_takes_what_is_written_of_it() -> None:
    # soma_joinid; class and five calls of 16 bits; p and two s in float32
    assert CELL_BYTES == 8 + 2 * 6 + 4 * 3
