"""`hetsched suite`."""

import argparse
from collections.abc import Iterable
from pathlib import Path
from shlex import quote

from hetsched import scheduling
from hetsched.argument_types import a_path, count, seed
from hetsched.cli.arguments import add_baseline, add_jobs, add_out, add_ray
from hetsched.cli.json_output import Emit
from hetsched.cli.shared import finish, runs_progress, say, say_whole, show
from hetsched.errors import InputError, counted
from hetsched.report.legend import legend, suite_legend
from hetsched.report.suite_tables import (
    list_columns,
    list_table,
    own_policies,
    policies_table,
    remarks,
    scenarios_columns,
    scenarios_table,
)
from hetsched.scenario.drawing import draw
from hetsched.scenario.packaged.suite import (
    TIMED,
    VERSION,
    held_out_names,
    in_words,
    purpose,
    seconds_per_run,
    suite_names,
)
from hetsched.studies.folder import unused
from hetsched.studies.suite.result import SuiteResult
from hetsched.studies.suite.suite import BASELINE, SEEDS, resume_suite, suite

LIST = "list"
GENERATE = "generate"
DRAWN = 10


EXAMPLES = (
    "hetsched suite --policy-file examples/my_policy.py --policies soonest lookahead",
    "hetsched suite list",
    "hetsched suite generate --seed 1 --count 20 --out drawn",
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME|FILE.toml",
        help="scenarios of the suite, or files of your own (default: all of the suite). "
        "list: print which there are. generate: draw new ones",
    )
    ranked = parser.add_argument_group("what is ranked")
    ranked.add_argument(
        "--policies",
        nargs="+",
        metavar="NAME",
        help="scheduling policies, on each scenario's workers, or strategies such as fusion+hrfs (default: all)",
    )
    add_baseline(ranked, f"{BASELINE}; --resume may change it", "NAME")
    ranked.add_argument("--seeds", type=count, metavar="N", help=f"number of seeds (default: {SEEDS})")
    ranked.add_argument("--all", action="store_true", help="all scenarios of the suite, which is the default")
    ranked.add_argument(
        "--held-out",
        nargs="+",
        metavar="FILE.toml",
        help="scenarios that say whether the order of the policies holds elsewhere, such as those of 'generate' "
        "(default: with all scenarios of the suite, those that it holds out)",
    )
    ranked.add_argument("--without-costs", action="store_true", help="simulate without overheads and noise")
    text = "simulate shipped policies again (default: take their runs from the package)"
    ranked.add_argument("--afresh", action="store_true", help=text)
    _configure_results(parser)


def _configure_results(parser: argparse.ArgumentParser) -> None:
    """Add the arguments for the results, for where they are simulated, and for 'generate'."""
    results = parser.add_argument_group("results")
    add_out(results)
    results.add_argument("--resume", type=a_path, metavar="DIR", help="go on with the suite in this folder")
    where = parser.add_argument_group("where it is simulated")
    add_jobs(where)
    add_ray(where)
    drawn = parser.add_argument_group("with generate")
    drawn.add_argument("--count", type=count, metavar="N", help=f"number of scenarios (default: {DRAWN})")
    drawn.add_argument("--seed", type=seed, metavar="N", help="random seed, which decides what is drawn (default: 0)")


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Simulate scheduling policies on many scenarios and rank them. The runs of shipped policies
    come with the package. Therefore a policy of your own (--policy-file) is ranked among them in a
    minute. After Ctrl-C --resume goes on. See docs/suite.md."""
    if options.names == [GENERATE]:
        _refuse_others(options, GENERATE, "out", "seed", "count")
        generate(options, emit)
    elif options.names == [LIST]:
        _refuse_others(options, LIST)
        list_scenarios(options, emit)
    else:
        if alone := [name for name in options.names if name in (LIST, GENERATE)]:
            raise InputError(f"{alone[0]}: goes with no scenarios; leave out the others")
        result = begun_suite(options) if options.resume else new_suite(options)
        finish(options, emit, result.document(), lambda: print_suite(result), result.folder)


def list_scenarios(options: argparse.Namespace, emit: Emit) -> None:
    """Print the purpose of each scenario of the suite, and the seconds of one run of it."""
    purposes = {name: purpose(name) for name in (*suite_names(), *held_out_names())}
    seconds = seconds_per_run()

    def table() -> None:
        show(list_table(purposes, seconds), legend(list_columns(seconds)))
        of_all = {policy: SEEDS * sum(of_one[policy] for of_one in seconds.values()) for policy in TIMED}
        each = ", ".join(f"{policy} {total:.2g} s" for policy, total in of_all.items())
        say(f"all of them under {SEEDS} seeds, on one core: {each}")

    finish(options, emit, {"suite": VERSION, "scenarios": purposes, "seconds_per_run": seconds}, table, None)


def generate(options: argparse.Namespace, emit: Emit) -> None:
    """Draw scenarios at random into a new folder."""
    number = options.seed or 0
    folder = options.out or unused(Path(f"drawn-{number}"))
    files = draw(folder, number, options.count or DRAWN)
    drawn = {path.name: in_words(path) for path in files}

    def table() -> None:
        show(list_table(drawn), legend(list_columns()))
        say_whole(f"scenarios: {folder}")
        say_whole(f"rank policies by them: hetsched suite {quote(str(folder))}/*.toml")
        say_whole(f"whether the suite's order holds on them: hetsched suite --held-out {quote(str(folder))}/*.toml")

    finish(options, emit, {"folder": str(folder), "scenarios": drawn}, table, None)


def new_suite(options: argparse.Namespace) -> SuiteResult:
    """Carry out the suite of the command line in a new folder. Raises InputError if the input is
    wrong."""
    if options.all and options.names:
        raise InputError(f"--all: leave it out, or leave out {' '.join(options.names)}")
    _refuse(options, "only 'generate' draws scenarios", DRAWING)
    return suite(
        options.names or None,
        options.policies,
        options.seeds or SEEDS,
        options.out,
        baseline=options.baseline or BASELINE,
        held_out=options.held_out,
        policy_files=options.policy_file,
        costs=not options.without_costs,
        use_cached=not options.afresh,
        jobs=options.jobs,
        ray_address=options.ray,
        progress=runs_progress,
    )


def begun_suite(options: argparse.Namespace) -> SuiteResult:
    """Go on with the suite in the folder of --resume. Raises InputError if the command line has
    other options."""
    goes_with = ("resume", "baseline", "jobs", "ray")
    _refuse(options, "--resume: the folder says what to simulate", [name for name in WORDS if name not in goes_with])
    return resume_suite(
        options.resume,
        baseline=options.baseline,
        jobs=options.jobs,
        ray_address=options.ray,
        progress=runs_progress,
    )


DRAWING = ("seed", "count")

WORDS = (
    "names", "all", "out", "policies", "baseline", "seeds", "held_out", "jobs", "ray", "without_costs", "afresh",
    "policy_file", "resume", *DRAWING,
)  # fmt: skip
"""The names of all options and arguments of the command, except --json."""


def _refuse_others(options: argparse.Namespace, command: str, *taken: str) -> None:
    _refuse(options, f"{command} simulates nothing", [name for name in WORDS if name not in ("names", *taken)])


def _refuse(options: argparse.Namespace, why: str, words: Iterable[str]) -> None:
    """Raise InputError if one of the options named in `words` is given, because it would be
    ignored."""
    values = {word: getattr(options, word) for word in words}
    given = [word for word, value in values.items() if value is not None and value is not False and value != []]
    if superfluous := ["NAME" if word == "names" else f"--{word.replace('_', '-')}" for word in given]:
        raise InputError(f"{why}; leave out {', '.join(superfluous)}")


def print_suite(result: SuiteResult) -> None:
    version = "scenarios of your own" if result.plan.suite is None else f"suite {result.plan.suite}"
    scenarios, seeds = counted(len(result.scenarios), "scenario"), counted(len(result.plan.seeds), "seed")
    held_out = f" (and {len(result.plan.held_out)} held out)" if result.plan.held_out else ""
    costs = "" if result.plan.costs else ", without overheads and noise"
    say(f"{version}: {scenarios}{held_out}, {seeds}, simulated{costs}", style="bold")
    plan = result.plan
    show(policies_table(result), suite_legend(plan.baseline, len(plan.seeds) > 1, plan.has_strategies))
    own = own_policies(result, scheduling.policies)
    show(scenarios_table(result, own), legend(scenarios_columns(result, own)))
    for line in remarks(result):
        say(line)
    shipped = sum(record.from_package for record in result.records)
    say(f"{counted(len(result.records) - shipped, 'run')} simulated, {shipped} from the package")
