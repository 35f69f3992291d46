"""`hetsched profile`."""

import argparse

from hetsched.cli.shared import Emit, finish, show
from hetsched.domain.entry_points import load_part
from hetsched.domain.profiles import ProfileRow
from hetsched.errors import InputError
from hetsched.report import tables
from hetsched.report.progress import ProgressLine
from hetsched.scenario.profile_files import write_profile


def profile(options: argparse.Namespace, emit: Emit) -> None:
    """Measure seconds per iteration, evaluation, start-up, restore and checkpoint on this machine."""
    if options.out.exists():
        raise InputError(f"--out {options.out}: exists, and results are never overwritten; name a new file")
    if not options.out.parent.is_dir():
        raise InputError(f"--out {options.out}: there is no folder {options.out.parent}")
    measure = load_part("hetsched.profilers", "torch", "profiling")
    for name in ("models", "batch_sizes", "cores"):  # a profile has one row for each
        setattr(options, name, list(dict.fromkeys(getattr(options, name))))
    points = len(options.models) * len(options.batch_sizes) * (len(options.cores) if options.device == "cpu" else 1)
    options.out.touch()  # before the work, not after it, is the time to find out that this cannot be written
    measured: list[ProfileRow] = []
    with ProgressLine("profiling", points) as progress:
        progress.note(f"{points} points of at least {options.seconds:g} s each")

        def on_row(row: ProfileRow) -> None:
            measured.append(row)
            write_profile(options.out, measured)
            progress.advance(1, f"{row.kind} on {row.worker_type}: {row.seconds_per_iteration:.3g} s")

        try:
            rows = measure(
                options.models,
                options.batch_sizes,
                options.cores,
                dataset=options.dataset,
                device=options.device,
                speed_ups=options.speed_ups,
                seconds_per_point=options.seconds,
                on_row=on_row,
            )
        except ValueError as error:
            raise InputError(str(error)) from error
        finally:
            if not measured:
                options.out.unlink()
    write_profile(options.out, rows)
    document = {"profile": str(options.out), "rows": [row.model_dump() for row in rows]}

    def table() -> None:
        show(tables.profile_table(rows))

    finish(options, emit, document, table, options.out)
