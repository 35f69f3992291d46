"""The style of all figures: colours, second marks, and sizes of print. Figures are saved as files
here."""

from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from PIL import Image
from PIL.PngImagePlugin import PngInfo

COLOURS = ("#56B4E9", "#E69F00", "#009E73", "#F0E442", "#CC79A7", "#D55E00", "#0072B2")
"""The colours of Okabe and Ito without black. Colour-blind people can tell these colours apart."""

HATCHES = ("", "/////", "-----", "\\\\\\\\\\", "+++++", "xxxxx")
"""The second marks of areas. Their number and the number of colours have no common divisor.
Therefore the first 42 series differ in the colour or the mark, and neighbours differ in both."""

DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)), (0, (8, 2)), (0, (3, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P")
"""The second marks of lines and of points."""

INK, PALE, RIM, ALARM = "#222222", "#EEEEEE", "#9C9C9C", "#B00000"

STYLE = {
    "axes.edgecolor": INK,
    "axes.labelsize": 7,
    "axes.linewidth": 0.5,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 7.5,
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.w_pad": 0.03,
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",  # comes with matplotlib, so it is the same on every machine
    "font.size": 7,
    "hatch.linewidth": 0.35,
    "legend.borderpad": 0.1,
    "legend.columnspacing": 1.0,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "legend.handletextpad": 0.4,
    "legend.labelspacing": 0.3,
    "lines.linewidth": 1.0,
    "pdf.fonttype": 42,  # TrueType: publishers ask for text that can be searched and edited
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "hetsched",  # one figure always gives the same file
    "text.parse_math": False,  # names from logs are text, also with dollar signs
    "xtick.labelsize": 6.5,
    "xtick.major.width": 0.5,
    "ytick.labelsize": 6.5,
    "ytick.major.width": 0.5,
}

METADATA: dict[str, dict[str, Any]] = {
    "pdf": {"Creator": "hetsched", "CreationDate": None},
    "svg": {"Creator": "hetsched", "Date": None},
}
"""The metadata of a file, without a date, so that one figure always gives the same file."""

ABOUT = {"pdf": "Subject", "svg": "Description", "png": "Description"}
"""The key of a file's metadata for a text about the figure."""


PALETTE = 256
"""The most colours of a PNG."""


def in_style() -> Any:
    """A context in which figures have this style, whatever the user's settings of matplotlib
    are."""
    return style.context(STYLE, after_reset=True)


def colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def hatch(number: int) -> str:
    return HATCHES[number % len(HATCHES)]


def dash(number: int) -> Any:
    return DASHES[number % len(DASHES)]


def marker(number: int) -> str:
    return MARKERS[number % len(MARKERS)]


def shortened(name: str, most: int) -> str:
    """The name with at most `most` characters. A longer name loses its middle.

    >>> shortened("server/gpu0", 12), shortened("a-long-node-name/gpu0", 12)
    ('server/gpu0', 'a-lon…e/gpu0')
    """
    if len(name) <= most:
        return name
    end = most // 2
    return f"{name[: most - end - 1]}…{name[-end:]}"


def one_plot(width_in: float, height_in: float) -> tuple[Figure, Axes]:
    """A figure with one plot. Sizes are in inches."""
    figure = Figure(figsize=(width_in, height_in))
    return figure, figure.add_subplot()


def legend_rows(labels: Sequence[str], width_in: float) -> tuple[int, int]:
    """The numbers of rows and columns of a legend with these texts in a figure that is `width_in`
    inches wide.

    A legend fills its columns one after the other.

    >>> legend_rows(["trained", "lost", "left"], 3.33), legend_rows(["a long name"] * 10, 3.33)
    ((1, 3), (4, 3))
    """
    for columns in range(len(labels), 1, -1):
        rows = -(-len(labels) // columns)
        longest = [max(map(len, labels[first : first + rows])) for first in range(0, len(labels), rows)]
        if sum(0.36 + 0.056 * length for length in longest) <= width_in:
            return rows, len(longest)
    return len(labels), 1


def legend_below(figure: FigureBase, handles: Sequence[Any], width_in: float) -> None:
    """Add a legend below the plots."""
    _, columns = legend_rows([str(handle.get_label()) for handle in handles], width_in)
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=columns)


def save(figure: Figure, path: Path, formats: Iterable[str], dpi: int, about: str = "") -> list[Path]:
    """Write the figure in each of the formats, and return the files. `path` is the path of a file
    without its ending. `about` is a text for the metadata."""
    files = []
    for kind in formats:
        file = path.with_name(f"{path.name}.{kind}")
        if kind == "png":
            _save_png(figure, file, dpi, about)
        else:
            figure.savefig(file, format=kind, metadata={**METADATA[kind], **({ABOUT[kind]: about} if about else {})})
        files.append(file)
    return files


def _save_png(figure: Figure, file: Path, dpi: int, about: str) -> None:
    """Write a PNG with a palette. It has a third of the size and looks the same."""
    drawn = BytesIO()
    figure.savefig(drawn, format="png", dpi=dpi)
    metadata = PngInfo()
    if about:
        metadata.add_itxt(ABOUT["png"], about)
    Image.open(drawn).convert("RGB").quantize(PALETTE).save(file, optimize=True, dpi=(dpi, dpi), pnginfo=metadata)
