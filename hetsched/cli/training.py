"""`hetsched training`."""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from hetsched.argument_types import iterations, part
from hetsched.cli.arguments import add_device, add_further, add_threads
from hetsched.cli.help_text import HelpFormatter, examples_text
from hetsched.cli.json_output import Emit
from hetsched.cli.shared import finish, say, say_whole, show
from hetsched.domain.hyperparameters import Domain
from hetsched.domain.recordings import value_of
from hetsched.domain.training import Resources
from hetsched.domain.training_class import TrainingSource, source_of, training_class
from hetsched.domain.workload import Experiment
from hetsched.errors import HetschedError, InputError, counted
from hetsched.report.legend import legend
from hetsched.report.progress import ProgressLine
from hetsched.scenario.loading import load_training_tables
from hetsched.testing.training_check import ITERATIONS, TOLERANCE, TrainingVerdict, checks, training_verdicts
from hetsched.testing.training_course import Subject

EXAMPLES = ("hetsched training check examples/my_training.py --hyperparameters lr=0.1,0.3",)


def configure(parser: argparse.ArgumentParser) -> None:
    check = parser.add_subparsers(metavar="check", title="check a training", required=True).add_parser(
        "check",
        help=execute.__doc__,
        description=check_training.__doc__,
        epilog=examples_text(EXAMPLES),
        formatter_class=HelpFormatter,
        add_help=False,
    )
    check.set_defaults(execute=check_training)
    check.add_argument(
        "training",
        metavar="TRAINING",
        help="FILE.py[:CLASS], MODULE:CLASS, or SCENARIO.toml with its class, options and search space",
    )
    made = check.add_argument_group("what is trained")
    made.add_argument(
        "--hyperparameters",
        nargs="+",
        default=[],
        metavar="KEY=VALUE[,OTHER]",
        help="what a trial trains with, and the value that it is changed to (default of a fraction: half of it)",
    )
    made.add_argument("--options", nargs="+", default=[], metavar="KEY=VALUE", help="what the class is made with")
    add_device(made)
    add_threads(made)
    how = check.add_argument_group("how it is checked")
    text = "iterations of the longest course (default: %(default)s)"
    how.add_argument("--iterations", type=iterations, default=ITERATIONS, metavar="N", help=text)
    text = "the relative difference up to which two numbers are the same (default: %(default)s)"
    how.add_argument("--tolerance", type=part, default=TOLERANCE, metavar="T", help=text)
    add_further(check, of_part=True)


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Check that a training of your own does what trials need."""
    check_training(options, emit)


def check_training(options: argparse.Namespace, emit: Emit) -> None:
    """Check a training: it saves and loads to the same state, 30 + 70 iterations equal 100,
    changes of hyperparameters take effect, the seed alone decides, and save is complete when it
    returns. For every check that fails, the smallest course of calls found is printed. See
    docs/training.md."""
    subject = subject_of(options)
    verdicts: list[TrainingVerdict] = []
    with ProgressLine("checking", len(checks(subject.changed))) as progress:
        for verdict in training_verdicts(subject, options.iterations):
            verdicts.append(verdict)
            progress.advance(1, verdict.check)
    failures = [verdict.failure for verdict in verdicts if verdict.failure is not None]
    document = {
        "training": subject.name,
        "conforms": not failures,
        "checks": {verdict.check: verdict.document() for verdict in verdicts},
    }

    def table() -> None:
        show(verdicts_table(subject.name, verdicts), legend(verdict_columns(subject.name)))
        for failure in failures:
            say_whole(f"\n{failure}")
        if failures and not subject.hyperparameters:
            say(
                "\nno hyperparameters were given: give some with --hyperparameters, such as lr=0.1, or check a scenario"
            )

    finish(options, emit, document, table, None)
    if failures:
        raise HetschedError(f"training {subject.name!r} does not conform ({counted(len(failures), 'check')} failed)")


def verdicts_table(name: str, verdicts: Sequence[TrainingVerdict]) -> Table:
    """One row per check."""
    table = Table(f"training {name}", "result", header_style="bold")
    for verdict in verdicts:
        table.add_row(verdict.check, verdict.result)
    return table


def verdict_columns(name: str) -> dict[str, str]:
    """What each column of the table says."""
    return {
        f"training {name}": "what is checked (docs/training.md)",
        "result": "pass, fail, or not made: there is nothing to check, or a method raised before",
    }


def subject_of(options: argparse.Namespace) -> Subject:
    """The training to check, with its hyperparameters. Raises InputError if the argument names no
    training."""
    made_with: Mapping[str, Any] = {}
    hyperparameters: dict[str, Any] = {}
    changed: dict[str, Any] = {}
    metrics: tuple[str, ...] = ()
    if options.training.endswith(".toml"):
        source, made_with, experiments = _of_scenario(Path(options.training))
        metrics = tuple(dict.fromkeys(experiment.metric.name for experiment in experiments))
        hyperparameters = {key: domain.at(0.5) for key, domain in experiments[0].search_space.items()}
        others = {key: _other(domain) for key, domain in experiments[0].mutated.items()}
        changed = {key: other for key, other in others.items() if other is not None}
    else:
        source = source_of(options.training)
    for key, text in _pairs("--hyperparameters", options.hyperparameters):
        hyperparameters[key], other = _read("--hyperparameters", key, text, value_and_other)
        changed.pop(key, None)
        if other is not None:
            changed[key] = other
    made_by = training_class(source)
    resources = Resources(options.device, options.threads, float(options.device != "cpu"))
    given = {key: _read("--options", key, text, value_of) for key, text in _pairs("--options", options.options)}
    name = source.class_name or str(getattr(made_by, "__name__", source))
    settings = {**made_with, **given}
    return Subject(made_by, name, settings, resources, hyperparameters, changed, options.tolerance, metrics)


def _of_scenario(path: Path) -> tuple[TrainingSource, Mapping[str, Any], Sequence[Experiment]]:
    """The training of a scenario, its options, and the experiments that the scenario lists."""
    scenario = load_training_tables(path)
    if scenario.training is None:
        raise InputError(f"{path}: training: there is no such table: add [training] with class = 'my_training.py:Mine'")
    try:
        source = scenario.training.source(path.parent)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    experiments = scenario.workload.listed_experiments()
    if not experiments:
        raise InputError(f"{path}: workload.experiments: list one, which says what is tuned")
    return source, scenario.training.options, experiments


def _other(domain: Domain) -> Any:
    """A value of the domain that differs from the value in its middle. None: there is none."""
    return next((value for u in (0.9, 0.1) if (value := domain.at(u)) != domain.at(0.5)), None)


def _pairs(option: str, words: Sequence[str]) -> list[tuple[str, str]]:
    """The keys and values of words KEY=VALUE. Raises InputError, naming the option, if a word has
    no `=`."""
    for word in words:
        if not word.partition("=")[0] or "=" not in word:
            raise InputError(f"{option}: {word!r}: expected KEY=VALUE, such as lr=0.1")
    return [(word.partition("=")[0], word.partition("=")[2]) for word in words]


def _read(option: str, key: str, text: str, reads: Callable[[str], Any]) -> Any:
    try:
        return reads(text)
    except ValueError as error:
        raise InputError(f"{option}: {key}: {error}") from error


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        return False
    return True


def value_and_other(text: str) -> tuple[Any, Any]:
    """The value of a hyperparameter, and the value that it is changed to. None: it is not changed.

    >>> value_and_other("0.1"), value_and_other("0.1,0.3"), value_and_other("sgd,adam"), value_and_other("[1, 2]")
    ((0.1, 0.05), (0.1, 0.3), ('sgd', 'adam'), ([1, 2], None))
    >>> value_and_other("[64],[128]")
    ([64], [128])
    """
    if text.count(",") == 1 and not _is_json(text):
        first, other = map(value_of, text.split(","))
        return first, other
    value = value_of(text)
    return value, value / 2 if isinstance(value, float) else None
