"""The figure of an ablation: the makespan with everything, without each part, and with training
alone."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from hetsched.report.figures.style import INK, PALE, colour, hatch, one_plot
from hetsched.report.figures_in_words import percent
from hetsched.studies.ablation import WHOLE, Ablation

ROW_IN = 0.2


def contributions(variants: Mapping[str, Ablation], width_in: float) -> Figure:
    """One row per variant of the scenario: its makespan in seconds, and the contribution of the
    part that it lacks."""
    figure, plot = one_plot(width_in, 0.6 + ROW_IN * len(variants))
    longest_s = max(found.makespan_s for found in variants.values())
    for place, (name, found) in enumerate(variants.items()):
        look: dict[str, Any] = {"facecolor": PALE} if name == WHOLE else {"facecolor": colour(0), "hatch": hatch(1)}
        plot.barh(place, found.makespan_s, height=0.7, edgecolor=INK, linewidth=0.4, **look)
        if name != WHOLE:
            plot.text(found.makespan_s + longest_s / 60, place, percent(found.contribution_percent), va="center")
    plot.axvline(variants[WHOLE].makespan_s, color=INK, linewidth=0.5)
    plot.set_yticks(range(len(variants)), list(variants))
    plot.tick_params(axis="y", length=0)
    plot.set_ylim(len(variants) - 0.5, -0.5)
    plot.set_xlim(0, 1.18 * longest_s or 1.0)
    plot.set_xlabel("makespan [s]; beside it what the part contributes")
    return figure
