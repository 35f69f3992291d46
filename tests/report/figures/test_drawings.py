"""What figures show, read from the figures themselves and compared with the log."""

from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from msgspec.structs import replace

import hetsched
from hetsched.analysis.band_over_seeds import Array
from hetsched.core.events import SegmentEnded
from hetsched.core.log import LOG_NAME, read_log
from hetsched.report.page.document import (
    Estimate,
    Lane,
    PageRun,
    PageTrial,
    PageValidation,
    Segments,
    Series,
    ValidationRow,
)
from hetsched.report.page.page import page
from tests.report.page.runs import faulty, simulated

pytest.importorskip("matplotlib", reason="figures need the extra 'figures'")
from matplotlib.colors import to_hex, to_rgba
from matplotlib.patches import PathPatch

from hetsched.report.figures.folder import file_name
from hetsched.report.figures.gantt import gantt, short_names, stretches
from hetsched.report.figures.over_time import PARTS, means, scores
from hetsched.report.figures.style import COLOURS, HATCHES, PALE, colour, hatch, in_style, save
from hetsched.report.figures.validation import predicted_against_measured


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "results"
    hetsched.simulate(hetsched.load_scenario("demo"), "fusion+hrfs", folder=folder)
    return folder


def test_a_gantt_has_every_segment(folder: Path) -> None:
    [run] = page(folder).runs
    patches = gantt([run], ["a run"], 7.0).subfigs[0].axes[0].patches
    drawn = [patch for patch in patches if isinstance(patch, PathPatch) and to_rgba(patch.get_facecolor())[3] > 0]
    [whole] = [patch for patch in drawn if to_hex(patch.get_facecolor()) == PALE.lower()]
    ends = [event for event in read_log(folder / LOG_NAME) if isinstance(event, SegmentEnded)]
    assert sorted(spans(whole)[1]) == pytest.approx(sorted(event.time for event in ends), abs=0.01)
    trained_s = sum((ends_s - starts_s).sum() for starts_s, ends_s in (spans(p) for p in drawn if p is not whole))
    assert trained_s == pytest.approx(sum(event.parts.train_s for event in ends), rel=1e-3)


def spans(patch: PathPatch) -> tuple[Array, Array]:
    """From when to when each of the boxes of a path goes."""
    times_s = np.asarray(patch.get_path().vertices, dtype=float).reshape(-1, 5, 2)[..., 0]
    return times_s.min(axis=1), times_s.max(axis=1)


def test_trials_differ_in_colour_and_in_a_second_mark() -> None:
    looks = [(colour(number), hatch(number)) for number in range(len(COLOURS) * len(HATCHES))]
    assert len(set(looks)) == len(looks)
    assert all(a[0] != b[0] and a[1] != b[1] for a, b in pairwise(looks))


def test_trials_without_a_common_name_keep_theirs(folder: Path) -> None:
    [run] = page(folder).runs
    assert short_names(run)[:2] == ["00", "01"]
    assert short_names(_two_lanes(["a-1", "b-1"])) == ["a-1", "b-1"]


def test_segments_that_follow_each_other_share_a_name() -> None:
    assert sorted(stretches(_two_lanes(["a", "b"]))) == [[0, 1], [2], [3], [4]]


def _two_lanes(trials: list[str]) -> PageRun:
    """On the first lane trial 0 trains twice in a row, and again after a long while; on the second
    lane both train."""
    starts, ends = [0.0, 10.0, 50.0, 0.0, 10.0], [10.0, 20.0, 60.0, 10.0, 20.0]
    columns = Segments(
        number=[1, 2, 3, 4, 5],
        lane=[0, 0, 0, 1, 1],
        trial=[0, 0, 0, 0, 1],
        start_s=starts,
        end_s=ends,
        train_from_s=starts,
        train_to_s=ends,
        iterations=[1] * 5,
        total=[1] * 5,
        score=[None] * 5,
        state=[0] * 5,
    )
    return PageRun(
        title="t",
        strategy="uniform+fifo",
        seed=0,
        backend="sim",
        paced=False,
        end_s=60.0,
        ended="completed",
        bound_s=None,
        metric=None,
        lanes=[Lane("a/cpu0", "a", "cpu", 1, 0.0), Lane("a/cpu1", "a", "cpu", 1, 0.0)],
        trials=[PageTrial(name, "e", 0.0, {}, "completed", 3, None, None) for name in trials],
        segments=columns,
        exploits=[],
        marks=[],
    )


def test_without_scores_there_is_no_figure_of_them() -> None:
    assert scores(_two_lanes(["a", "b"]), 3.33) is None


def test_names_from_logs_are_text(tmp_path: Path) -> None:
    """matplotlib would read what is between dollars as mathematics, and fail on most of it."""
    with in_style():
        figure = gantt([_two_lanes(["$\\x$", "b&<"])], ["$\\frac{$"], 7.0)
        [svg] = save(figure, tmp_path / file_name("../$a b"), ["svg"], 300)
    assert svg.parent == tmp_path
    texts = {element.text for element in ElementTree.parse(svg).iter("{http://www.w3.org/2000/svg}text")}
    assert texts >= {"$\\x$", "b&<", "$\\frac{$"}


def test_the_best_score_only_gets_better(folder: Path) -> None:
    [run] = page(folder).runs
    figure = scores(run, 3.33)
    assert figure is not None
    [best] = [line for line in figure.axes[0].get_lines() if line.get_label() == "best so far"]
    reached = np.asarray(best.get_ydata())
    assert (np.diff(reached) >= 0).all()
    assert reached[-1] == max(score for score in run.segments.score if score is not None)


def test_means_over_parts_keep_the_area() -> None:
    edges, mean = means(Series("all", "all", "share", [0.0, 1.0, 2.5], [1.0, 0.0, 0.5]), 4.0)
    assert len(edges) == len(mean) == PARTS + 1
    assert (mean[:-1] * np.diff(edges)).sum() == pytest.approx(1.0 + 0.75)


def test_what_is_unknown_stays_so() -> None:
    _, mean = means(Series("all", "all", "share", [0.0, 2.0], [None, 1.0]), 4.0)
    assert np.isnan(mean[: PARTS // 2]).all()
    assert (mean[PARTS // 2 :] == 1.0).all()


def test_a_validation_says_by_how_much_it_was_off() -> None:
    rows = [
        ValidationRow("uniform+fifo", 100.0, 110.0, Estimate(-9.1, -10.0, -8.0), None, None, 1.0, 0, 1),
        ValidationRow("fusion+hrfs", 60.0, 60.0, None, None, None, 1.0, 2, 3),
    ]
    plot, errors = predicted_against_measured(PageValidation(rows, 4.5, None), 3.33).axes
    assert [label.get_text() for label in errors.get_yticklabels()] == ["-9.1% (-10.0 .. -8.0)", ""]
    measured = next(line for line in plot.get_lines() if line.get_label() == "measured")
    assert np.asarray(measured.get_xdata()).tolist() == [110.0, 60.0]


@pytest.mark.parametrize("width_in", [3.33, 7.0])
def test_a_gantt_can_be_read_at_paper_size(width_in: float, tmp_path: Path) -> None:
    """No print below 5 points, and lanes with long names leave room for what they are named for."""
    [run] = page(simulated(faulty(), tmp_path)).runs
    long = replace(run, lanes=[replace(lane, worker=f"{lane.node}-{'x' * 60}/cpu0") for lane in run.lanes])
    for shown in (run, long):
        with in_style():
            figure = gantt([shown], ["a run"], width_in)
            figure.draw_without_rendering()
        above, below = figure.subfigs
        [plot] = above.axes
        assert plot.get_window_extent().width > 0.55 * figure.bbox.width
        assert {label.get_fontsize() for label in plot.get_yticklabels()} == {6.5}
        texts = [text for legend in below.legends for text in legend.get_texts()]
        assert min(float(text.get_fontsize()) for text in [*plot.texts, *texts]) >= 5
        assert all(text.get_window_extent().x1 <= figure.bbox.width for text in texts)
        assert {"worker slowed", "worker recovered"} <= {text.get_text() for text in texts}
