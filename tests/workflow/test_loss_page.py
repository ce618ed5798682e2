"""The program in docs/loss.md runs, and the numbers on the page are its own."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from repository_copy import REPOSITORY

PAGE = (REPOSITORY / "docs" / "loss.md").read_text(encoding="utf-8")
# of 1,000 products, in percent: other processors round otherwise
TOLERANCE = 2


def rows(text: str) -> dict[tuple[str, ...], tuple[int, int]]:
    """(share of coarse labels, loss, rule) -> percent right, percent as recorded."""
    found = re.findall(r"^([\d.]+) (\w+) +(\w+) +(\d+)% +(\d+)%$", text, re.MULTILINE)
    return {tuple(key): (int(right), int(same)) for *key, right, same in found}


@pytest.fixture(scope="module")
def printed() -> str:
    """What the program prints."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    command = [sys.executable, "-c", f"import torch; torch.set_num_threads(1)\n{code}"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=REPOSITORY / "scripts", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_quotes_what_the_program_prints(printed: str) -> None:
    (quoted,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    found, written = rows(printed), rows(quoted)
    assert len(found) == len(printed.splitlines()) == 8
    assert found.keys() == written.keys()
    for key, values in found.items():
        assert values == pytest.approx(written[key], abs=TOLERANCE)


def test_the_sentences_say_the_same() -> None:
    (quoted,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    written = rows(quoted)
    pattern = (
        r"in (\d+) % of all cases with CE and in (\d+) % .* seven in ten it is (\d+) % and (\d+) %"
    )
    (right,) = re.findall(pattern, PAGE)
    (same,) = re.findall(
        r"CE agrees with (\d+) % of the recorded labels and HCE with (\d+) %", PAGE
    )
    keys = [(share, loss, "argmax") for share in ("0.5", "0.7") for loss in ("CE", "HCE")]
    assert [int(value) for value in right] == [written[key][0] for key in keys]
    assert [int(value) for value in same] == [written[key][1] for key in keys[2:]]


def test_the_program_is_short() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 36
