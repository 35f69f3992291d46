"""`hetsched profile`."""

import argparse
from pathlib import Path
from typing import get_args

from hetsched.argument_types import count, seconds
from hetsched.cli.json_output import Emit
from hetsched.cli.shared import finish, show
from hetsched.domain.profiles import ProfileRow
from hetsched.domain.workload import SpeedUp
from hetsched.errors import InputError, counted
from hetsched.report import tables
from hetsched.report.progress import ProgressLine
from hetsched.scenario.profile_files import write_profile
from hetsched.studies.backends import backend


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--models", nargs="+", default=["resnet18"], metavar="MODEL", help="default: resnet18")
    parser.add_argument(
        "--batch-sizes", nargs="+", type=count, default=[32, 64, 128, 256, 512], metavar="N", help="default: 32 .. 512"
    )
    parser.add_argument("--cores", nargs="+", type=count, default=[1], metavar="N", help="default: 1; not for GPUs")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="default: cpu")
    parser.add_argument(
        "--speed-ups",
        nargs="+",
        choices=get_args(SpeedUp),
        default=[],
        help="as in [real] of a scenario; for GPUs (default: none)",
    )
    parser.add_argument(
        "--model-file",
        type=Path,
        metavar="FILE.py",
        help="a Python file that registers models, or trainers, of your own, as real.model_file of a scenario",
    )
    parser.add_argument("--dataset", help="default: cifar10 for ResNet-18, cifar100 for ResNet-50")
    parser.add_argument("--seconds", type=seconds, default=10.0, help="time spent on each point (default: 10)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.csv", help="the profile to write; must be new")


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Measure seconds per iteration, evaluation, start-up, restore and checkpoint on this machine."""
    if not options.out.parent.is_dir():
        raise InputError(f"--out {options.out}: there is no folder {options.out.parent}")
    for name in ("models", "batch_sizes", "cores"):  # a profile has one row for each
        setattr(options, name, list(dict.fromkeys(getattr(options, name))))
    rows = measured_rows(options)
    write_profile(options.out, rows)
    document = {"profile": str(options.out), "rows": [row.model_dump() for row in rows]}
    finish(options, emit, document, lambda: show(tables.profile_table(rows)), options.out)


def measured_rows(options: argparse.Namespace) -> list[ProfileRow]:
    """Measure every point. What has been measured is in the file after each; without a point there is no file."""
    points = len(options.models) * len(options.batch_sizes) * (len(options.cores) if options.device == "cpu" else 1)
    try:
        options.out.open("x").close()  # before the work, not after it, is the time to find out that it cannot be had
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
