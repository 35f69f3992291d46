"""The JSON files of studies, with a value that somebody altered: whoever reads the folder gets a
result, or an error that names the file."""

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hetsched
from hetsched.errors import HetschedError, InputError
from hetsched.report.page.encoding import document
from hetsched.report.page.study import page_of
from hetsched.scenario.profile_files import write_profile
from hetsched.studies.again import result_in
from hetsched.studies.budget import Budget
from hetsched.studies.fidelity.recordings import read_recording
from hetsched.studies.folder import ResultsFolder, write_summary
from hetsched.studies.folder_caveats import caveats_of_folder
from hetsched.studies.forecast import forecast
from hetsched.studies.inputs import chosen_strategies
from hetsched.studies.plan import PlanResult
from hetsched.studies.ro_crate import write_ro_crate
from hetsched.studies.run_plan import RunPlan
from hetsched.studies.suite.suite import suite_in
from hetsched.studies.watching import silent
from tests.conftest import ROWS
from tests.test_front_door import TABLES

GONE = "gone"
"""The value is left out."""

TWICE = "twice"
"""The list has everything twice."""

ODD: list[Any] = [None, True, -1, 0, 1.5, 10**20, "", "x", [], {}, ["x"], {"a": 1}, GONE, TWICE]

EXAMPLES = settings().max_examples // 4
"""How many values of a file are altered. To read a folder again takes long."""

FIDELITY = Path(__file__).parents[2] / "fidelity"
RECORDING = "validate-fusion-hrfs-seed-0"

FILES = [
    "compare/compare.json",
    "compare/study.json",
    "compare/summary.json",
    "run/run.json",
    "ablate/summary.json",
    "plan/summary.json",
    "suite/suite.json",
    "suite/runs.jsonl",
    f"fidelity/recordings/{RECORDING}/recording.json",
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of each study, by its name."""
    root = tmp_path_factory.mktemp("studies")
    write_profile(root / "p.csv", ROWS)
    scenario = hetsched.Scenario.of(TABLES, root)
    hetsched.compare(scenario, seeds=1, folder=root / "compare")
    hetsched.simulate(scenario, "fusion+fifo", folder=root / "run")
    RunPlan("fusion+fifo", [0], [], hetsched.__version__).save(root / "run")
    hetsched.ablate(scenario, "fusion+fifo", folder=root / "ablate")
    _plan(scenario, root / "plan")
    for name in ("a", "b"):
        (root / f"{name}.toml").write_text(scenario.replace(name=name).to_toml())
    own = [root / "a.toml", root / "b.toml"]
    hetsched.suite(own, policies=["fifo", "lookahead"], baseline="fifo", seeds=1, folder=root / "suite")
    shutil.copytree(FIDELITY / "recordings" / RECORDING, root / "fidelity" / "recordings" / RECORDING)
    return root


def _plan(scenario: hetsched.Scenario, folder: Path) -> None:
    """What a plan writes that has measured nothing."""
    setup = scenario.resolve()
    found = forecast(setup, chosen_strategies(setup, None), [0], 1, Budget(60.0), silent)
    forecasts = {str(name): each for name, each in found.forecasts.items()}
    home = ResultsFolder.new(folder, setup, "plan")
    result = PlanResult(
        home=home,
        setup=setup,
        seeds=[0],
        forecasts=forecasts,
        left_out={},
        same_workers={},
        reused=[],
        probes=[],
        seeds_left_out=0,
        planned_s=1.0,
    )
    write_summary(folder, "plan", result.document())


def looked_at(folder: Path) -> Iterator[Any]:
    """What the commands show of the folder."""
    if folder.name == "fidelity":
        yield read_recording(folder, RECORDING)
        return
    yield document(page_of(folder))
    if folder.name != "plan":  # which keeps no logs
        yield caveats_of_folder(folder).lines()
    yield write_ro_crate(folder)
    result = suite_in(folder) if (folder / "suite.json").is_file() else result_in(folder)
    yield msgspec.json.encode(result.document())


def places(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the values of a document are. Of each list, only the first two are taken."""
    if here:
        yield here
    inner = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*here, key))


def altered(whole: Any, place: tuple[Any, ...], odd: Any) -> Any:
    found = deepcopy(whole)
    *above, last = place
    within = found
    for key in above:
        within = within[key]
    if odd == GONE:
        del within[last]
    elif odd == TWICE:
        within[last] = within[last] * 2 if isinstance(within[last], list) else odd
    else:
        within[last] = odd
    return found


def read(path: Path) -> Any:
    text = path.read_text()
    return [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else json.loads(text)


def write(path: Path, found: Any) -> None:
    lines = found if path.suffix == ".jsonl" else [found]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.mark.parametrize("name", FILES)
def test_an_altered_value_never_ends_in_a_traceback(name: str, folders: Path) -> None:
    path, before = folders / name, (folders / name).read_bytes()
    whole = read(path)

    @given(st.sampled_from(list(places(whole))), st.sampled_from(ODD))
    @settings(max_examples=EXAMPLES)
    def alters(place: tuple[Any, ...], odd: Any) -> None:
        write(path, altered(whole, place, odd))
        with suppress(HetschedError):
            list(looked_at(folders / name.partition("/")[0]))

    try:
        alters()
    finally:
        path.write_bytes(before)


@pytest.mark.parametrize(
    ("name", "place", "odd"),
    [
        ("compare/compare.json", ("strategies",), []),
        ("compare/compare.json", ("strategies", 0), "../fifo"),
        ("compare/compare.json", ("seeds", 0), -1),
        ("compare/study.json", ("sittings",), []),
        ("compare/study.json", ("sittings", 0, "began"), "x"),
        ("compare/study.json", ("sittings", 0, "began"), "2026-01-01T00:00:00"),
        ("compare/study.json", ("sittings", 0, "took_s"), 1e300),
        ("compare/summary.json", ("seeds",), 3),
        ("run/run.json", ("seeds", 0), -1),
        ("ablate/summary.json", ("strategy",), ""),
        ("ablate/summary.json", ("seeds",), None),
        ("ablate/summary.json", ("seeds", 0), "x"),
        ("plan/summary.json", ("strategies",), {}),
        ("plan/summary.json", ("reused",), 3),
        ("suite/suite.json", ("scenarios",), {}),
        ("suite/suite.json", ("policies",), []),
        ("suite/suite.json", ("baseline",), "x"),
        ("suite/suite.json", ("held_out",), ["x"]),
        ("suite/suite.json", ("held_out",), ["a", "b"]),
        ("suite/suite.json", ("seeds", 0), -1),
        ("suite/runs.jsonl", (0, "makespan_s"), None),
        ("suite/runs.jsonl", (0, "makespan_s"), -1),
        (FILES[-1], ("cell",), {"a": 1}),
        (FILES[-1], ("machine",), {"processor": "p", "cores": 0}),
    ],
)
def test_values_that_no_study_writes_are_refused_with_the_file(
    name: str, place: tuple[Any, ...], odd: Any, folders: Path
) -> None:
    path, before = folders / name, (folders / name).read_bytes()
    write(path, altered(read(path), place, odd))
    try:
        with pytest.raises(InputError) as refused:
            list(looked_at(folders / name.partition("/")[0]))
    finally:
        path.write_bytes(before)
    assert str(path) in str(refused.value) or str(path.parent) in str(refused.value)


def test_what_nobody_altered_is_read(folders: Path) -> None:
    for name in {name.partition("/")[0] for name in FILES}:
        list(looked_at(folders / name))
