"""Compare policies that schedule Population-Based Training on unequal machines, in simulation and
on Ray Tune.

`import hetsched` is what a notebook or a script uses; docs/python.md shows it. A name's module is
loaded on its first use.

======================= ================================================================================
Scenarios
--------------------------------------------------------------------------------------------------------
`load_scenario`         read a scenario from a TOML file
`Scenario`              a cluster, a workload, a profile and what to compare, made in Python
`load_policies`         run a file that registers policies
`register_scheduling`   register a scheduling policy: which trial runs where
`register_allocation`   register an allocation policy: nodes -> workers
`register_learning`     register a learning model: how a simulated trial's scores grow
`register_explore`      register an explore function: the last word on what PBT changes

Studies
--------------------------------------------------------------------------------------------------------
`compare`               simulate strategies under the same seeds and compare them
`resume_comparison`     go on with a comparison that stopped
`simulate`              simulate one strategy
`suite`                 simulate scheduling policies on many scenarios and rank them
`resume_suite`          go on with a suite that stopped
`ablate`                simulate one strategy without each part of the simulated world in turn
`bound`                 what no schedule can beat
`check_profile`         which of a scenario's step times a profile has, makes of others, or lacks
`plan`                  measure a training for a moment, simulate every strategy, and rank them
`run`                   run one strategy for real, on Ray Tune; "auto": the best one of a plan
`resume`                go on with a run that stopped
`validate`              simulate, run for real, and compare the two
`replay`                feed the durations of a run's log to its policy again
`load_results`          the runs of a results folder
`write_report`          write a results folder as one HTML file
`export`                write what was run for other programs: traces, Parquet, CSV, RO-Crate
`figures`               draw the figures of a results folder at paper size

Results
--------------------------------------------------------------------------------------------------------
`Results`               runs with their figures and logs: what all studies of runs return
`LoadedResults`         of `load_results`
`ComparisonResult`      of `compare`
`StrategyResult`        of `simulate`, `run` and `resume`
`AblationResult`        of `ablate`
`SuiteResult`           of `suite`
`BoundResult`           of `bound`
`ProfileCheck`          of `check_profile`
`PlanResult`            of `plan`
`ValidationResult`      of `validate`
`ReplayResult`          of `replay`

Policies, trainings and backends of your own
--------------------------------------------------------------------------------------------------------
`check_training`        check that a training of your own does what trials need
`StateView`             what a scheduling policy sees
`Dispatch`              a decision: a trial trains some iterations on a worker
`Stop`                  a decision: a trial never trains again
`WakeAt`                a decision: ask again at this time
`Dispatcher`            ask and tell: drives a policy from a backend of your own
`State`                 where a run stands: a function of its events

Errors
--------------------------------------------------------------------------------------------------------
`HetschedError`         a run failed
`InputError`            what was given is wrong; the message says what to do
`PolicyError`           a policy raised, or decided what must be refused
======================= ================================================================================
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = [
    "AblationResult",
    "BoundResult",
    "ComparisonResult",
    "Dispatch",
    "Dispatcher",
    "HetschedError",
    "InputError",
    "LoadedResults",
    "PlanResult",
    "PolicyError",
    "ProfileCheck",
    "ReplayResult",
    "Results",
    "Scenario",
    "State",
    "StateView",
    "Stop",
    "StrategyResult",
    "SuiteResult",
    "ValidationResult",
    "WakeAt",
    "__version__",
    "ablate",
    "bound",
    "check_profile",
    "check_training",
    "compare",
    "export",
    "figures",
    "load_policies",
    "load_results",
    "load_scenario",
    "plan",
    "register_allocation",
    "register_explore",
    "register_learning",
    "register_scheduling",
    "replay",
    "resume",
    "resume_comparison",
    "resume_suite",
    "run",
    "simulate",
    "suite",
    "validate",
    "write_report",
]

if TYPE_CHECKING:
    from hetsched.allocation import register as register_allocation
    from hetsched.core.decisions import Dispatch, Stop, WakeAt
    from hetsched.core.dispatcher import Dispatcher
    from hetsched.core.state import State
    from hetsched.core.view import StateView
    from hetsched.domain.exploring import register as register_explore
    from hetsched.domain.learning import register as register_learning
    from hetsched.domain.user_files import load_file as load_policies
    from hetsched.errors import HetschedError, InputError, PolicyError
    from hetsched.report.export.exporting import export
    from hetsched.report.figures.folder import figures
    from hetsched.report.page.page import write_report
    from hetsched.scenario.scenario import Scenario
    from hetsched.scheduling import register as register_scheduling
    from hetsched.studies.ablation import AblationResult, ablate
    from hetsched.studies.bound import BoundResult, bound
    from hetsched.studies.compare import ComparisonResult, compare, resume_comparison
    from hetsched.studies.plan import PlanResult, plan
    from hetsched.studies.profile_check import ProfileCheck, check_profile
    from hetsched.studies.real_scenario import load_scenario
    from hetsched.studies.replay import ReplayResult, replay
    from hetsched.studies.results import LoadedResults, Results, StrategyResult, load_results
    from hetsched.studies.run import resume, run
    from hetsched.studies.simulate import simulate
    from hetsched.studies.suite.result import SuiteResult
    from hetsched.studies.suite.suite import resume_suite, suite
    from hetsched.studies.validate import ValidationResult, validate
    from hetsched.testing.training_check import check_training
    from hetsched.version import __version__
else:
    _HOMES = {
        "allocation": ["register_allocation"],
        "core.decisions": ["Dispatch", "Stop", "WakeAt"],
        "core.dispatcher": ["Dispatcher"],
        "core.state": ["State"],
        "core.view": ["StateView"],
        "domain.exploring": ["register_explore"],
        "domain.learning": ["register_learning"],
        "domain.user_files": ["load_policies"],
        "errors": ["HetschedError", "InputError", "PolicyError"],
        "report.page.page": ["write_report"],
        "report.export.exporting": ["export"],
        "report.figures.folder": ["figures"],
        "scenario.scenario": ["Scenario"],
        "scheduling": ["register_scheduling"],
        "studies.ablation": ["AblationResult", "ablate"],
        "studies.bound": ["BoundResult", "bound"],
        "studies.compare": ["ComparisonResult", "compare", "resume_comparison"],
        "studies.plan": ["PlanResult", "plan"],
        "studies.profile_check": ["ProfileCheck", "check_profile"],
        "studies.real_scenario": ["load_scenario"],
        "studies.replay": ["ReplayResult", "replay"],
        "studies.results": ["LoadedResults", "Results", "StrategyResult", "load_results"],
        "studies.run": ["resume", "run"],
        "studies.simulate": ["simulate"],
        "studies.suite.result": ["SuiteResult"],
        "studies.suite.suite": ["resume_suite", "suite"],
        "studies.validate": ["ValidationResult", "validate"],
        "testing.training_check": ["check_training"],
        "version": ["__version__"],
    }
    _HOME = {name: f"{__name__}.{home}" for home, names in _HOMES.items() for name in names}
    _CALLED = {name: "register" for name in _HOME if name.startswith("register_")} | {"load_policies": "load_file"}

    def __getattr__(name: str) -> Any:
        if name in _HOME:
            found = getattr(import_module(_HOME[name]), _CALLED.get(name, name))
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = found
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
