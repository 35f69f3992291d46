"""Record real runs: probe the machine, run the cell, keep log, scenario, profile and machine."""

import os
import platform
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from hetsched.core.log import LOG_NAME
from hetsched.domain.registry import Strategy
from hetsched.scenario.scenario import Setup
from hetsched.studies import validation
from hetsched.studies.calibration import Calibration, calibrated, completed
from hetsched.studies.fidelity.cells import Cells, read_cells
from hetsched.studies.fidelity.recordings import RECORDINGS, About, Machine, is_recorded, keep
from hetsched.studies.one_run import carry_out
from hetsched.studies.probe import probe
from hetsched.studies.real_scenario import for_real
from hetsched.studies.sole_owner import sole_owner
from hetsched.studies.validation import PROBE
from hetsched.studies.watching import Watch, unwatched
from hetsched.version import __version__


class _Probed(NamedTuple):
    """What a probe showed, its log, and the load of the machine before it."""

    calibration: Calibration
    log: bytes
    load: float


def record(folder: Path, only: Sequence[str] = (), *, watch: Watch = unwatched) -> Iterator[str]:
    """Run cells for real, one after another: all, or `only` these. Cells with a finished recording
    are left out. Yields the name of each when it is recorded. A later call goes on with a cell that
    an earlier one had begun.

    Cells that need the same probe share it within a call. Raises InputError for a wrong table, and
    HetschedError if a run fails.
    """
    cells = read_cells(folder)
    wanted = [name for name in cells.chosen(list(only)) if not is_recorded(folder, name)]
    home = folder / RECORDINGS
    home.mkdir(exist_ok=True)
    probes: dict[str, _Probed] = {}
    with sole_owner(home, "recording"):
        for name in wanted:
            _record(folder, cells, name, probes, watch)
            yield name


def _record(folder: Path, cells: Cells, name: str, probes: dict[str, _Probed], watch: Watch) -> None:
    strategy = cells.strategy(name)
    setup = for_real(cells.scenario(name, folder).resolve()).freeze_workers([strategy])
    validation.check_pace(setup.workers(strategy))
    with TemporaryDirectory(prefix="hetsched-fidelity-") as temporary:
        probed, key = Path(temporary, "probe"), _key(setup, strategy)
        if key not in probes:
            probes[key] = _probe(setup, strategy, probed, watch)
        load, measured = os.getloadavg()[0], calibrated(setup, probes[key].calibration)
        with watch("running", measured, strategy, setup.scenario.first_seed) as listen:
            run, _ = carry_out("ray", setup, strategy, setup.scenario.first_seed, Path(temporary, "run"), listen)
        machine = Machine(_processor(), os.cpu_count() or 1, platform.python_version(), (probes[key].load, load))
        about = About(f"{datetime.now(UTC):%Y-%m-%d %H:%M}", __version__, machine, cells.cells[name].model_dump())
        probe_log = Path(temporary, "probe.jsonl")
        probe_log.write_bytes(probes[key].log)
        keep(folder / RECORDINGS / name, measured, run.log, about, probe_log)


def _probe(setup: Setup, strategy: Strategy, folder: Path, watch: Watch) -> _Probed:
    """What a short real run on the workers of the strategy shows, as `hetsched validate` makes
    it."""
    load, workers = os.getloadavg()[0], setup.workers(strategy)
    probing = validation.probe_scenario(setup, len(workers))
    calibration = probe(probing, Strategy(strategy.allocation, PROBE), folder, watch)
    return _Probed(completed(calibration, setup, workers), (folder / LOG_NAME).read_bytes(), load)


def _key(setup: Setup, strategy: Strategy) -> str:
    """A key. Cells whose probes would be the same run have the same key."""
    probing = validation.probe_scenario(setup, len(setup.workers(strategy))).scenario
    tables: dict[str, Any] = probing.model_dump(exclude={"name", "strategies"})
    return f"{strategy.allocation} {tables}"


def _processor() -> str:
    """The name of the processor, if the system reports it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
