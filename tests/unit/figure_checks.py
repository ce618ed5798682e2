"""What the tests of the figures look for in them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from hce.figures.style import INK, stamp


def texts(fig: Figure) -> list[str]:
    """Return all text of a figure that is shown."""
    return [artist.get_text() for artist in shown(fig)]


def lines(fig: Figure) -> list[str]:
    """Return all text of a figure that is shown, line by line."""
    return [line for text in texts(fig) for line in text.split("\n")]


def shown(fig: Figure) -> Iterator[Text]:
    """Yield the text artists that are drawn: no labels of ticks off the axes or switched off."""
    hidden = set()
    for ax in fig.axes:
        for axis in ax._axis_map.values():
            drawn = axis._update_ticks() if ax.axison else []
            kept = {id(text) for tick in drawn for text in tick.findobj(Text)}
            ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            for part in ticks if ax.axison else [axis]:
                hidden |= {id(text) for text in part.findobj(Text)} - kept
    for artist in fig.findobj(Text):
        if artist.get_text().strip() and artist.get_visible() and id(artist) not in hidden:
            yield artist


def assert_legible(name: str, fig: Figure) -> None:
    """Check that no text of the stamped figure is below 6 pt, off the page, or on another text."""
    if not any(text.startswith("Data: ") for text in texts(fig)):
        stamp(fig, "simulated Census")
    canvas = FigureCanvasAgg(fig)
    canvas.draw()
    boxes = []
    for artist in shown(fig):
        text, box = artist.get_text(), artist.get_window_extent(canvas.get_renderer())
        assert artist.get_fontsize() >= 6, (name, text)
        assert fig.bbox.x0 <= box.x0 < box.x1 <= fig.bbox.x1, (name, text)
        assert fig.bbox.y0 <= box.y0 < box.y1 <= fig.bbox.y1, (name, text)
        boxes.append((text, box))
    for (one, box), (other, second) in itertools.combinations(boxes, 2):
        width = min(box.x1, second.x1) - max(box.x0, second.x0)
        height = min(box.y1, second.y1) - max(box.y0, second.y0)
        # a box has room above and below its letters: a third of it may be shared
        smallest = [min(b.width, b.height) for b in (box, second)]
        assert min(width, height) <= 0.34 * min(smallest), (name, one, other)


def whiskers(fig: Figure) -> int:
    """Return the number of error bars: dark lines upright between two caps."""
    drawn = [line for ax in fig.axes for line in ax.get_lines() if line.get_color() == INK]
    return sum(_is_whisker(line) for line in drawn)


def _is_whisker(line: Line2D) -> bool:
    places = line.get_xydata()
    return int(np.isfinite(places).all(axis=1).sum()) == 6 < len(places)
