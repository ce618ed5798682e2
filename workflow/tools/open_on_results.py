"""Let a report of Snakemake open on the overview of the results, not on the graph of the jobs.

Snakemake has no option for it. A report is one page that keeps its results by path in `results`
and its state in `app`, which is there a moment after the page is loaded.
"""

from __future__ import annotations

import argparse
from pathlib import Path

END = "</body>"
SCRIPT = """<script>
const overview = Object.keys(results).find((path) => path.split("/").at(-1) === "overview.html");
const openOverview = () => app
    ? app.setView({content: "html", contentPath: results[overview].data_uri, resultPath: overview})
    : setTimeout(openOverview, 20);
if (overview) openOverview();
</script>
"""


def open_on_results(report: Path) -> None:
    """Add the script to a report, once.

    Raises
    ------
    ValueError
        If the file is no report of the Snakemake that this was written for.
    """
    text = report.read_text(encoding="utf-8")
    if SCRIPT in text:
        return
    head, end, rest = text.rpartition(END)
    if not end or "setView(" not in head or "var results" not in head:
        raise ValueError(f"{report}: is no report of Snakemake 9; leave this step out")
    report.write_text(f"{head}{SCRIPT}{end}{rest}", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path, help="HTML file that snakemake --report wrote")
    open_on_results(parser.parse_args().report)
