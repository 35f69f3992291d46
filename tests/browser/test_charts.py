"""The charts of a run in a browser: their numbers are read from the page and compared with the log."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from playwright.sync_api import Page as BrowserPage

from hetsched.analysis.lineage import Family
from hetsched.analysis.utilisation_over_time import WorkerTimes, utilisation_over_time
from hetsched.core.applied_events import followed
from hetsched.core.events import (
    AnyEvent,
    Event,
    GpuUse,
    ResourcesSampled,
    RunStarted,
    SegmentEnded,
    TrialAdded,
    TrialExploited,
)
from hetsched.core.state import state_of
from hetsched.domain.cluster import NodeId
from hetsched.domain.metric import Metric
from hetsched.report.page.document import (
    Axis,
    Exploit,
    Lane,
    Page,
    PageExperiment,
    PageRun,
    PageTrial,
    Segments,
)
from hetsched.report.page.encoding import document
from hetsched.report.page.page import html, write_report
from hetsched.report.page.run import RunOnPage
from hetsched.scenario.scenario import Setup
from hetsched.scenario.tables import FailuresTable, FaultsTable
from tests.browser.conftest import PageOf
from tests.browser.figure_tables import table
from tests.conftest import Simulate, make_setup, profile_row
from tests.report.page.runs import simulated

NODES = [{"name": "g", "cores": 3, "gpus": 1, "gpu_type": "v100"}, {"name": "b", "cores": 2}]
ROWS = [profile_row(seconds=4.0), profile_row(cores=2, seconds=2.5), profile_row("v100", seconds=0.5)]
SPACE = {
    "lr": {"low": 1e-4, "high": 1.0, "scale": "log"},
    "momentum": {"low": 0.1, "high": 0.99},
    "optimizer": {"choices": ["adam", "sgd", "<b>lamb</b>"]},
}


def written(path: Path, *runs: PageRun) -> Path:
    path.write_text(html(Page("test", "run", True, [], {}, list(runs))), encoding="utf-8")
    return path


def page_run(setup: Setup, events: Iterable[Event]) -> PageRun:
    follow = RunOnPage(setup)
    for event in followed(events, follow.state):
        follow(event)
    return follow.page()


def numbers(texts: Iterable[str]) -> list[float | None]:
    return [float(text.replace(",", "")) if text not in ("", "unknown") else None for text in texts]


def near(expected: Sequence[float | None]) -> Any:
    """To what the document keeps: times to the millisecond, other numbers to six digits."""
    return [None if value is None else pytest.approx(value, rel=1e-5, abs=6e-4) for value in expected]


@pytest.fixture
def setup() -> Setup:
    made = make_setup(
        NODES, ROWS, population=6, stop_iterations=60, stop_score=0.95, search_space=SPACE, devices=["cpu", "v100"]
    )
    return made.replace(faults=FaultsTable(workers=FailuresTable(mean_between_s=150.0, mean_repair_s=40.0)))


@pytest.fixture
def events(setup: Setup, simulate_log: Simulate) -> list[Event]:
    return simulate_log(setup)


@pytest.fixture
def page(setup: Setup, events: list[Event], page_of: PageOf, tmp_path: Path) -> BrowserPage:
    return page_of(written(tmp_path / "report.html", page_run(setup, events)))


def test_the_log_has_what_the_charts_are_about(events: list[Event]) -> None:
    kinds = {type(event).__name__ for event in events}
    assert kinds > {"TrialExploited", "SegmentLost", "WorkerLeft"}


def test_utilisation_is_that_of_the_log(page: BrowserPage, events: list[Event]) -> None:
    times = WorkerTimes()
    for event in events:
        times(event)
    expected = utilisation_over_time(times, events[-1].time)
    for figure, groups in (("utilisation-devices", {"all", "device"}), ("utilisation-nodes", {"node"})):
        rows = table(page, figure)
        shown = [(name, start, value) for name, start, _, value in rows]
        flat = [
            (one.name, start, value)
            for one in expected
            if one.group in groups
            for start, value in zip(one.time_s, one.value, strict=True)
        ][: len(shown)]
        assert [name for name, _, _ in shown] == [name for name, _, _ in flat]
        assert numbers(start for _, start, _ in shown) == near([start for _, start, _ in flat])
        assert numbers(value for _, _, value in shown) == near([value for _, _, value in flat])


@pytest.mark.parametrize("counting", ["own", "lineage"])
def test_scores_are_those_of_the_log(counting: str, simulate_log: Simulate, page_of: PageOf, tmp_path: Path) -> None:
    pbt = {"perturbation_interval": 10, "iterations": counting}
    slow = [profile_row(seconds=4321.987), profile_row(cores=2, seconds=2345.678), profile_row("v100", seconds=567.891)]
    setup = make_setup(NODES, slow, population=5, stop_iterations=40, pbt=pbt, search_space=SPACE)
    events = simulate_log(setup)
    page = page_of(written(tmp_path / "report.html", page_run(setup, events)))
    counts: defaultdict[str, int] = defaultdict(int)
    scores: dict[str, float | None] = {}
    expected = []
    for event in events:
        if isinstance(event, SegmentEnded):
            counts[event.trial] += event.iterations
            scores[event.trial] = event.score
            expected.append((event.trial, event.time, counts[event.trial], event.score, "segment"))
        elif isinstance(event, TrialExploited):
            if counting == "lineage":
                counts[event.trial] = counts[event.source]
            scores[event.trial] = scores[event.source]
            row = (event.trial, event.time, counts[event.trial], scores[event.trial], f"copied {event.source}")
            expected.append(row)
    assert any(what.startswith("copied") for *_, what in expected)
    expected.sort(key=lambda row: row[0])
    for figure in ("metric-0-time", "metric-0-iterations"):
        rows = table(page, figure)
        assert [(row[0], row[4]) for row in rows] == [(row[0], row[4]) for row in expected]
        for column in (1, 2, 3):
            assert numbers(row[column] for row in rows) == near([row[column] for row in expected])  # type: ignore[misc]
    best = max(score for _, _, _, score, what in expected if what == "segment" and score is not None)
    assert f"The best accuracy is {float(f'{best:.4g}'):g}" in page.inner_text("#metric-0-time .summary")
    drawn = page.evaluate(
        """() => {
          const run = window.hetsched.document.runs[0];
          const courses = chartData.histories(run).map((history) => chartData.course(history, "time"));
          return [courses.reduce((sum, one) => sum + one.jumps.length, 0),
                  courses.every(({ jumps }) => jumps.every(({ from, to }) => from === null || from.x <= to.x))];
        }"""
    )
    assert drawn == [sum(what.startswith("copied") for *_, what in expected), True]


def test_hyperparameters_are_those_of_the_log(page: BrowserPage, events: list[Event]) -> None:
    titles = page.locator("#hyperparameters h3").all_inner_texts()
    assert titles == ["lr", "momentum", "optimizer"]
    for number, name in enumerate(titles):
        expected: dict[str, list[tuple[float, Any]]] = {}
        for event in events:
            if isinstance(event, TrialAdded):
                expected[event.trial] = [(event.time, event.hyperparameters[name])]
            elif isinstance(event, TrialExploited) and event.hyperparameters[name] != expected[event.trial][-1][1]:
                expected[event.trial].append((event.time, event.hyperparameters[name]))
        rows = table(page, f"hyperparameter-{number}")
        flat = [(trial, *step) for trial, steps in expected.items() for step in steps]
        assert [row[0] for row in rows] == [trial for trial, _, _ in flat]
        assert numbers(row[1] for row in rows) == near([time for _, time, _ in flat])
        if name == "optimizer":
            assert [row[3] for row in rows] == [value for _, _, value in flat]
        else:
            assert numbers(row[3] for row in rows) == near([value for _, _, value in flat])
    assert page.locator("#hyperparameters b").count() == 0, "a choice is text"


def test_the_family_tree_is_that_of_the_log(page: BrowserPage, events: list[Event]) -> None:
    family = Family()
    for event in events:
        family(event)
    line = family.winners_line()
    assert len(line) > 1
    rows = table(page, "family")
    assert [row[0] for row in rows] == [forebear.trial for forebear in line]
    assert [row[1] or None for row in rows] == [forebear.source for forebear in line]
    for column, field in ((2, "from_s"), (3, "to_s"), (4, "iterations"), (5, "score")):
        assert numbers(row[column] for row in rows) == near([getattr(forebear, field) for forebear in line])
    for row, forebear in zip(rows, line, strict=True):
        assert all(f"{name} " in row[6] for name in forebear.changed)
        assert row[6].count("→") == len(forebear.changed)
    assert f"copied {'once' if len(line) == 2 else f'{len(line) - 1} times'}" in page.inner_text("#family .summary")


def test_resources_are_those_that_were_sampled(
    setup: Setup, events: list[Event], page_of: PageOf, tmp_path: Path
) -> None:
    started = next(number for number, event in enumerate(events) if isinstance(event, RunStarted))
    gpu = GpuUse("<i>gpu</i>", 0.75, 3 * 2**30, 4 * 2**30)
    sampled = [
        *events[: started + 1],
        ResourcesSampled(0.0, NodeId("g"), 0.25, 2**30, 4 * 2**30, (gpu,)),
        ResourcesSampled(0.0, NodeId("b"), 0.5, 2**30, 2**30),
        *events[started + 1 :],
        ResourcesSampled(events[-1].time, NodeId("g"), 0.5, 2**31, 4 * 2**30, (gpu,)),
        ResourcesSampled(events[-1].time, NodeId("b"), 1.0, 2**30, 2**30),
    ]
    page = page_of(written(tmp_path / "report.html", page_run(setup, sampled)))
    for figure, expected in {
        "resources-cpu": [("g", 0.5), ("b", 1.0)],
        "resources-memory": [("g", 0.5), ("b", 1.0)],
        "resources-gpu": [("g/gpu0", 0.75)],
        "resources-gpu-memory": [("g/gpu0", 0.75)],
    }.items():
        shown = [(name, float(value)) for name, _, _, value in table(page, figure)]
        assert shown == expected


def test_names_from_a_log_are_text(setup: Setup, events: list[Event], page_of: PageOf, tmp_path: Path) -> None:
    name = "<img src=x onerror=document.title=1>"
    log = msgspec.json.encode(events).replace(b'"e-0"', f'"{name}"'.encode()).replace(b'"momentum"', b'"<i>m</i>"')
    page = page_of(written(tmp_path / "report.html", page_run(setup, msgspec.json.decode(log, type=list[AnyEvent]))))
    assert name in {row[0] for row in table(page, "metric-0-time")}
    assert "<i>m</i>" in page.locator("#hyperparameters h3").all_inner_texts()
    for plot in page.locator("canvas[role=img]").all():
        plot.scroll_into_view_if_needed()
        plot.focus()
        page.keyboard.press("ArrowRight")
        plot.hover(position={"x": 200, "y": 60})
    assert page.locator("img, i").count() == 0
    assert page.title() != "1"


def test_a_run_that_goes_on_is_drawn_from_its_first_event_to_its_last(
    setup: Setup, events: list[Event], page_of: PageOf, tmp_path: Path
) -> None:
    first = next(number for number, event in enumerate(events) if isinstance(event, TrialAdded))
    page = page_of(written(tmp_path / "report.html", page_run(setup, events[:first])))
    assert not page.locator("#metric, #hyperparameters, #family-tree").locator("visible=true").count()
    ended = 0
    for number, event in enumerate(events):
        ended += isinstance(event, SegmentEnded)
        if number % 40 and number + 1 < len(events):
            continue
        shown = Page("test", "run", False, [], {}, [page_run(setup, events[: number + 1])])
        page.evaluate("document => hetsched.show(document)", msgspec.json.decode(document(shown)))
        if ended:
            rows = table(page, "metric-0-time")
            assert sum(row[4] == "segment" for row in rows) == ended
    assert ended > 20
    assert page.locator("#family-tree").is_visible()


# Keys, and the pointer.


def test_keys_tell_points_of_the_chosen_trial(page: BrowserPage, events: list[Event]) -> None:
    plot = page.locator("#metric-0-time canvas[role=img]")
    plot.scroll_into_view_if_needed()
    plot.focus()
    page.keyboard.press("ArrowDown")
    trials = list(state_of(events).trials)
    chosen = trials[page.evaluate("window.hetsched.view.trial")]
    first = next(event for event in events if isinstance(event, SegmentEnded) and event.trial == chosen)
    told = page.locator("#metric-0-time [role=status]").inner_text()
    assert told.startswith(f"{chosen}. accuracy {float(f'{first.score:.4g}'):g}. ")
    page.keyboard.press("Escape")
    assert page.evaluate("window.hetsched.view.trial") is None


def test_a_tip_tells_the_utilisation_at_the_pointer(page: BrowserPage) -> None:
    plot = page.locator("#utilisation-devices canvas[role=img]")
    plot.scroll_into_view_if_needed()
    share = page.evaluate(  # the middle of the longest time with another value than the time before
        """() => {
          const { time_s, value } = hetsched.document.runs[0].utilisation[0];
          const end = hetsched.view.end;
          const other = (i) => i > 0 && value[i] !== value[i - 1];
          const steps = time_s.map((from, i) => ({ from, to: time_s[i + 1] ?? end, other: other(i) }));
          const [longest] = steps.filter(({ other }) => other).sort((a, b) => b.to - b.from - (a.to - a.from));
          return (longest.from + longest.to) / 2 / end;
        }"""
    )
    box = plot.bounding_box()
    assert box is not None
    plot.hover(position={"x": 56 + share * (box["width"] - 56 - 14), "y": 100})
    told = page.locator("#utilisation-devices .tip p").all_inner_texts()
    expected = page.evaluate(
        """time => window.hetsched.document.runs[0].utilisation.filter(({ group }) => group !== "node").map(
          ({ name, time_s, value }) => [name, value[time_s.findLastIndex((start) => start <= time)]])""",
        float(told[0].split(" s")[0].replace(",", "")),
    )
    shown = [line.split(": ") for line in told[1:]]
    assert [name for name, _ in shown] == [name for name, _ in expected]
    percents = [float(value.rstrip("%")) / 100 for _, value in shown]
    assert percents == pytest.approx([value for _, value in expected], abs=0.006)


def test_zoom_goes_for_all_charts_over_time(page: BrowserPage) -> None:
    end = page.evaluate("window.hetsched.view.end")
    page.locator("#hyperparameter-0").get_by_label("Zoom in").click()
    assert page.evaluate("window.hetsched.figures.range()") == pytest.approx([end * 0.1875, end * 0.8125])
    page.locator("#utilisation-nodes").get_by_label("Show all of the run").click()
    assert page.evaluate("window.hetsched.figures.range()") == [0, end]


def test_a_legend_has_the_colours_of_the_theme(page: BrowserPage) -> None:
    colours = set()
    for _ in range(2):
        page.get_by_text("Light or dark").click()
        sample, palette = page.evaluate(
            """() => {
              const sample = document.querySelector("#utilisation-devices .legend canvas");
              const { data } = sample.getContext("2d").getImageData(20, 14, 1, 1);
              const hex = [...data.slice(0, 3)].map((part) => part.toString(16).padStart(2, "0")).join("");
              return [`#${hex}`, kit.palette.series[0]];
            }"""
        )
        assert sample == palette
        colours.add(sample)
    assert len(colours) == 2


# Many trials.

MANY = 10_000


def many_trials(segments: int = 3) -> PageRun:
    """A run of 10,000 trials with that many segments each, ten of them at a time, and an exploit each."""
    random = np.random.default_rng(0)
    rows = MANY * segments
    start = np.arange(rows) // 10 * 10.0
    trial = np.arange(rows) % MANY
    total = (np.arange(rows) // MANY + 1) * 10
    score = np.round(random.normal(0.5, 0.1, rows) + total / 200, 5)
    space = {"lr": Axis("log"), "optimizer": Axis("choice", ["adam", "sgd"])}
    values = np.round(10 ** random.uniform(-4, 0, MANY), 7).tolist()
    end_s = float(start[-1] + 10)
    done = [
        PageTrial(f"t-{n}", "e", 0.0, {"lr": values[n], "optimizer": "adam"}, "completed", 0, 0, 0) for n in range(MANY)
    ]
    copies = [
        Exploit(end_s / 2, n, (n + 1) % MANY, {"lr": values[n] / 2, "optimizer": ("adam", "sgd")[n % 2]}, 10, 0.5)
        for n in range(MANY)
    ]
    columns = Segments(
        number=list(range(1, rows + 1)),
        lane=[0] * rows,
        trial=trial.tolist(),
        start_s=start.tolist(),
        end_s=(start + 10).tolist(),
        train_from_s=start.tolist(),
        train_to_s=(start + 10).tolist(),
        iterations=[10] * rows,
        total=total.tolist(),
        score=score.tolist(),
        state=[0] * rows,
    )
    return PageRun(
        title="many",
        strategy="fusion+fifo",
        seed=0,
        backend="sim",
        paced=False,
        end_s=end_s,
        ended="completed",
        bound_s=None,
        metric=Metric(),
        lanes=[Lane("w", "n", "cpu", 1, 0.0)],
        trials=done,
        segments=columns,
        exploits=copies,
        marks=[],
        experiments=[PageExperiment("e", Metric(), None, False, space)],
    )


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> tuple[PageRun, Path]:
    run = many_trials()
    return run, written(tmp_path_factory.mktemp("many") / "report.html", run)


def test_ten_thousand_trials_are_a_band_that_draws_quickly(page_of: PageOf, many: tuple[PageRun, Path]) -> None:
    run, path = many
    page = page_of(path)
    drawn = page.evaluate(
        """() => {
          const ids = ["metric-0-time", "metric-0-iterations", "hyperparameter-0", "hyperparameter-1"];
          const took = {};
          for (const id of ids) document.getElementById(id).scrollIntoView();
          return new Promise((done) => {
            let frames = 0;
            const next = () => {
              for (const id of ids) took[id] = Math.min(took[id] ?? Infinity, hetsched.figures.drawn[id] ?? Infinity);
              if (++frames > 12) return done(took);
              document.getElementById(ids[frames % 4]).scrollIntoView();
              hetsched.figures.redraw();
              setTimeout(next, 60);
            };
            next();
          });
        }"""
    )
    assert max(drawn.values()) < 100, drawn
    band = page.evaluate(
        """() => {
          const run = hetsched.document.runs[0];
          const { members } = chartData.metrics(run)[0];
          return chartData.band(chartData.scores(run, members, "time"), 0, run.end_s, 10);
        }"""
    )
    ends, scores = np.array(run.segments.end_s), np.array(run.segments.score, dtype=float)
    assert sum(part["n"] for part in band) == len(scores)
    for part in band:
        inside = scores[(ends > part["from"]) & (ends <= part["to"])]
        expected = np.quantile(inside, [0.05, 0.25, 0.5, 0.75, 0.95])
        assert [part[name] for name in ("low", "lower", "middle", "upper", "high")] == pytest.approx(expected, abs=1e-5)
    assert "They are a band" in page.inner_text("#metric-0-time .summary")


def test_who_zooms_in_on_few_of_many_trials_sees_their_lines(page_of: PageOf, many: tuple[PageRun, Path]) -> None:
    page = page_of(many[1])
    page.locator("#metric-0-time").scroll_into_view_if_needed()
    page.evaluate("hetsched.figures.show(105, 195)")  # 9 rounds of ten trials end there
    page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    plot = page.locator("#metric-0-time canvas[role=img]")
    plot.focus()
    page.keyboard.press("ArrowDown")
    told = page.locator("#metric-0-time [role=status]").inner_text()
    chosen = page.evaluate("hetsched.view.trial")
    assert told.startswith(f"t-{chosen}. ")
    assert chosen in range(100, 190)


def test_counts_of_many_trials(page_of: PageOf, many: tuple[PageRun, Path]) -> None:
    run, path = many
    page = page_of(path)
    counted = page.evaluate(
        """() => {
          const run = hetsched.document.runs[0];
          const all = new Set(run.trials.keys());
          const quarter = [0, run.end_s / 4];
          const optimizers = chartData.values(run, all, "optimizer");
          const early = chartData.shares(optimizers, ["adam", "sgd"], quarter, 4);
          const late = chartData.shares(optimizers, ["adam", "sgd"], [0, run.end_s], 2);
          const half = (lr) => (lr < 1e-2 ? 0.2 : 0.8);
          const cells = chartData.density(chartData.values(run, all, "lr"), half, quarter, 2, 3);
          return [early.map((row) => row.counts), late[1].counts, cells.map((column) => [...column])];
        }"""
    )
    values = [trial.hyperparameters["lr"] for trial in run.trials]
    low = sum(value < 1e-2 for value in values)
    assert counted[0] == [[MANY, 0]] * 5
    assert counted[1] == [MANY // 2, MANY // 2]
    assert counted[2] == [[low, MANY - low]] * 3


def test_a_node_that_is_absent_is_not_one_that_is_idle(tmp_path: Path, page_of: PageOf) -> None:
    nodes = [{"name": f"node{number}", "cores": 2} for number in range(10)]
    setup = make_setup(nodes=nodes, population=8, stop_iterations=80)
    failing = FaultsTable.model_validate({"nodes": {"mean_between_s": 100.0, "mean_repair_s": 40.0}})
    folder = simulated(setup.replace(faults=failing), tmp_path, "cpu-only+fifo")
    opened = page_of(write_report(folder))
    legend = opened.locator("#utilisation-nodes .legend li")
    assert [word.strip() for word in legend.all_inner_texts()] == ["0%", "50%", "100%", "not in the cluster"]
    samples = opened.evaluate(
        """() => [...document.querySelectorAll("#utilisation-nodes .legend canvas")].map(
          (one) => new Set(one.getContext("2d").getImageData(4, 4, 12, 6).data).size)"""
    )
    assert samples[-1] > samples[0], "hatched, where a share has one shade"
