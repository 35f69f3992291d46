"""`hetsched profile`."""

import argparse
from typing import get_args

from hetsched.argument_types import a_path, count, seconds
from hetsched.cli.arguments import SCENARIO, add_device, add_further, add_model_file
from hetsched.cli.help_text import HelpFormatter, examples_text
from hetsched.cli.json_output import Emit
from hetsched.cli.shared import finish, say, show
from hetsched.domain.profiles import ProfileRow
from hetsched.domain.workload import SpeedUp
from hetsched.errors import HetschedError, InputError, counted
from hetsched.report import tables
from hetsched.report.legend import KNOWN_TIMES, PROFILE, legend
from hetsched.report.progress import ProgressLine
from hetsched.scenario.packaged import scenario_file
from hetsched.scenario.profile_files import write_profile
from hetsched.studies.backends import backend
from hetsched.studies.profile_check import check_profile
from hetsched.studies.real_scenario import load_scenario

CHECK_EXAMPLES = (
    "hetsched profile check examples/notebook-profile.csv",
    "hetsched profile check examples/notebook-profile.csv examples/demo.toml",
)
EXAMPLES = (
    "hetsched profile --out profile.csv --cores 1 2",
    "hetsched profile check examples/notebook-profile.csv",
)


def configure(parser: argparse.ArgumentParser) -> None:
    measured = parser.add_argument_group("what is measured")
    measured.add_argument("--out", type=a_path, metavar="FILE.csv", help="the profile to write, a new file; required")
    measured.add_argument(
        "--models", nargs="+", default=["resnet18"], metavar="MODEL", help="networks (default: resnet18)"
    )
    add_model_file(measured)
    text = "data set (default: cifar10 for ResNet-18, cifar100 for ResNet-50)"
    measured.add_argument("--dataset", metavar="NAME", help=text)
    text = "images per batch (default: 32 64 128 256 512)"
    measured.add_argument(
        "--batch-sizes", nargs="+", type=count, default=[32, 64, 128, 256, 512], metavar="N", help=text
    )
    how = parser.add_argument_group("how it is measured")
    add_device(how)
    text = "cores of a CPU worker; not used for GPUs (default: 1)"
    how.add_argument("--cores", nargs="+", type=count, default=[1], metavar="N", help=text)
    how.add_argument(
        "--speed-ups",
        nargs="+",
        choices=get_args(SpeedUp),
        default=[],
        metavar="NAME",
        help=f"of {', '.join(get_args(SpeedUp))}: speed-ups of GPUs, as in [real] of a scenario (default: none)",
    )
    text = "seconds spent on each point (default: 10)"
    how.add_argument("--seconds", type=seconds, default=10.0, metavar="SECONDS", help=text)
    _configure_check(parser)


def _configure_check(parser: argparse.ArgumentParser) -> None:
    check = parser.add_subparsers(metavar="[check]", title="check a profile").add_parser(
        "check",
        help="say what a profile has, and what a scenario takes from it",
        description=check_file.__doc__,
        epilog=examples_text(CHECK_EXAMPLES),
        formatter_class=HelpFormatter,
        add_help=False,
    )
    check.set_defaults(execute=check_file)
    check.add_argument("profile", type=a_path, metavar="FILE.csv", help="such as one of a notebook")
    check.add_argument("asking", type=a_path, nargs="?", metavar="SCENARIO", help=SCENARIO)
    add_further(check, of_part=True)


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Measure a profile on this machine: the seconds per iteration of networks, and the costs of
    evaluation, start-up, restore and checkpoint. For the training of a scenario, such as a
    class of your own: 'hetsched plan SCENARIO'. See docs/profiles.md."""
    if options.out is None:
        raise InputError("--out FILE.csv: name the profile to write; 'hetsched profile check FILE.csv' reads one")
    if not options.out.parent.is_dir():
        raise InputError(f"--out {options.out}: there is no folder {options.out.parent}")
    for name in ("models", "batch_sizes", "cores"):  # a profile has one row per value
        setattr(options, name, list(dict.fromkeys(getattr(options, name))))
    rows = measured_rows(options)
    write_profile(options.out, rows)
    document = {"profile": str(options.out), "rows": [row.model_dump() for row in rows]}
    finish(options, emit, document, lambda: show(tables.profile_table(rows), legend(PROFILE)), options.out)


def check_file(options: argparse.Namespace, emit: Emit) -> None:
    """Print what a profile has, and which defaults it takes. For a scenario, also print which step
    times are measured, interpolated, extrapolated or unknown. Exit status 1: some strategy of the
    scenario cannot run with this profile. See docs/profiles.md."""
    scenario = None if options.asking is None else load_scenario(scenario_file(options.asking))
    result = check_profile(options.profile, scenario)

    def table() -> None:
        say(f"{options.profile}: {counted(len(result.rows), 'row')}")
        for column, words in result.defaults.items():
            say(f"no value of {column}: {words}")
        if result.known:
            show(tables.known_times_table(result.known), legend(KNOWN_TIMES))
        for why in dict.fromkeys(f"{known.worker.device}: {known.why}" for known in result.known if known.why):
            say(f"unknown on {why}")

    finish(options, emit, {"profile": str(options.profile), **result.document()}, table, None)
    if not result.covers:
        lines = [f"{strategy} cannot run: {why}" for strategy, why in result.refused.items()]
        raise HetschedError("\n".join(lines))


def measured_rows(options: argparse.Namespace) -> list[ProfileRow]:
    """Measure every point, and return the rows. The file has each row as soon as it is measured.

    If no point was measured, there is no file.
    """
    points = len(options.models) * len(options.batch_sizes) * (len(options.cores) if options.device == "cpu" else 1)
    try:
        options.out.open("x").close()  # raises before the work if the file cannot be made
    except FileExistsError as error:
        raise InputError(f"--out {options.out}: exists, and results are never overwritten; name a new file") from error
    measured: list[ProfileRow] = []
    with ProgressLine("profiling", points) as progress:
        progress.note(f"{counted(points, 'point')} of at least {options.seconds:g} s each")

        def on_row(row: ProfileRow) -> None:
            measured.append(row)
            write_profile(options.out, measured)
            progress.advance(1, f"{row.kind} on {row.worker_type}: {row.seconds_per_iteration:.3g} s")

        try:
            rows = backend("ray").profile(
                options.models,
                options.batch_sizes,
                options.cores,
                dataset=options.dataset,
                device=options.device,
                speed_ups=options.speed_ups,
                seconds_per_point=options.seconds,
                model_file=options.model_file,
                on_row=on_row,
            )
        except ValueError as error:
            raise InputError(str(error)) from error
        finally:
            if not measured:
                options.out.unlink()
    return rows
