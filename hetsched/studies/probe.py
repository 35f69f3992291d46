"""Short real runs that show step times and costs."""

from collections.abc import Sequence
from math import ceil
from pathlib import Path

from hetsched.core.log import read_log
from hetsched.cores import available_cores
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import BATCH_SIZE, Experiment
from hetsched.errors import InputError
from hetsched.scenario.scenario import Setup
from hetsched.scenario.workload_tables import ExperimentTable
from hetsched.scheduling import register
from hetsched.studies.calibration import Calibration, calibrate
from hetsched.studies.folder import PROBES
from hetsched.studies.measuring_policy import MEASURE, Measure
from hetsched.studies.one_run import carry_out
from hetsched.studies.validation import probe_scenario
from hetsched.studies.watching import Watch


def probe(probing: Setup, strategy: Strategy, folder: Path, watch: Watch, *, held: bool = False) -> Calibration:
    """Run this strategy for real on a short scenario, with the log in the folder. Returns what the
    log shows. `held` is as in `calibrate`."""
    seed = probing.scenario.first_seed
    probing.save(folder)  # for `hetsched replay`
    with watch("profiling with", probing, strategy, seed) as listen:
        run, _ = carry_out("ray", probing, strategy, seed, folder, listen)
    provenance = f"measured by the probe run in {folder}"
    return calibrate(read_log(run.log), provenance, host_cores(probing), held=held)


def host_cores(setup: Setup) -> int | None:
    """The number of cores of this machine, if all nodes of a real run are on it. None: somebody
    else started the cluster, and its nodes have hosts of their own."""
    return len(available_cores()) if setup.scenario.real.address is None else None


def register_measure() -> None:
    """Register the policy of probes. Raises InputError if another policy has its name."""
    try:
        register(MEASURE)(Measure)
    except ValueError as error:
        raise InputError(f"{error}: a plan measures with its own policy {MEASURE!r}: rename yours") from error


def is_probe(folder: Path) -> bool:
    """Whether the folder is of a plan's probe."""
    return folder.absolute().parent.name == PROBES


def measuring_scenario(setup: Setup, workers: int, until_s: float | None = None) -> Setup:
    """The short scenario on which the policy `measure` runs. It has more trials than workers, so
    that trials move. A segment has at most one interval.

    The policy ends the run when it has seen enough, or after `until_s` seconds. Raises InputError
    if another policy has its name.
    """
    register_measure()
    short = probe_scenario(setup, workers)
    experiments = [
        each
        for given, probing in zip(setup.scenario.workload.experiments, short.scenario.workload.experiments, strict=True)
        for known in [given.experiments()[0]]
        for each in _by_batch_size(_short(probing, known, workers), known.batch_sizes)
    ]
    options = {} if until_s is None else {"until_s": until_s}
    return short.replace(
        workload=short.scenario.workload.model_copy(update={"experiments": experiments}),
        scheduling={**setup.scenario.scheduling, MEASURE: options},
    )


def _short(probing: ExperimentTable, known: Experiment, workers: int) -> ExperimentTable:
    return probing.model_copy(
        update={
            "population": max(workers, len(known.batch_sizes)) + 1,
            "stop_iterations": max(known.stop_iterations, 4 * known.interval),
            "pbt": probing.pbt.model_copy(update={"perturbation_interval": known.interval}),
        }
    )


def _by_batch_size(probing: ExperimentTable, sizes: Sequence[int]) -> list[ExperimentTable]:
    """An experiment per searched batch size. Among draws from the search space a size may be missing."""
    if BATCH_SIZE not in probing.search_space:
        return [probing]
    mutated = probing.pbt.mutate
    others = None if mutated is None else [name for name in mutated if name != BATCH_SIZE]
    return [
        probing.model_copy(
            update={
                "name": f"{probing.name}-{size}",
                "population": ceil(probing.population / len(sizes)),
                "search_space": {**probing.search_space, BATCH_SIZE: size},
                "pbt": probing.pbt.model_copy(update={"mutate": others}),
            }
        )
        for size in sizes
    ]
