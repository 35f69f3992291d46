"""The command line: arguments in, exit status out. Each command has a file of its own, which is imported when needed.

Exit status: 0 done, 1 the run failed, 2 the input is wrong, 130 interrupted by Ctrl-C.
"""

import argparse
import os
import sys
from collections.abc import Collection, Sequence
from importlib import import_module
from pathlib import Path

from hetsched.cli.arguments import add_output, add_policy_files
from hetsched.cli.document import stdout_for_the_document
from hetsched.errors import HetschedError, InputError
from hetsched.scenario.packaged import scenario_file

DESCRIPTION = """\
Compare policies that schedule Population-Based Training on unequal machines: in simulation first, then
for real on Ray Tune.

A strategy is an allocation policy (nodes -> workers) and a scheduling policy (which trial runs where), written
fusion+hrfs; 'hetsched policies' lists them. A scenario is a TOML file: cluster, workload, profile, strategies."""

EPILOG = """\
examples:
  hetsched compare examples/demo.toml
  hetsched simulate examples/demo.toml --strategy fusion+hrfs --seed 1
  hetsched bound examples/demo.toml --json
  hetsched run examples/cifar10-quick.toml --strategy fusion+hrfs --data-dir DIR
  hetsched run --resume results/cifar10-quick-run-20260101-120000

exit status: 0 done, 1 the run failed, 2 the input is wrong, 130 interrupted"""

COMMANDS = {
    "compare": "simulate strategies under the same seeds and compare them",
    "simulate": "simulate one strategy",
    "run": "run one strategy for real, on Ray Tune, or go on with a run that stopped",
    "validate": "simulate, run for real, and compare the two",
    "replay": "feed a run's measured durations to its policy again, and compare decisions",
    "profile": "measure the step times of this machine",
    "bound": "what no schedule can beat on a scenario",
    "nodes": "print the nodes of a running Ray cluster as a scenario lists them",
    "policies": "list the policies, or check that some conform",
}
"""What each command does. Its module `hetsched.cli.NAME` has `configure(parser)` and `execute(options, emit)`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    return carry_out(parsed(arguments))


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of the command line, and the command that executes them."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    return parser(words[:1]).parse_args(words)


def carry_out(options: argparse.Namespace) -> int:
    """Execute the command and return its exit status."""
    try:
        with stdout_for_the_document(options.json) as emit:
            load_policies(options.policy_file)
            if getattr(options, "scenario", None) is not None:
                options.scenario = scenario_file(options.scenario)
            options.execute(options, emit)
    except InputError as error:
        return fail(error, 2)
    except HetschedError as error:
        return fail(error, 1)
    except MemoryError:
        return fail("out of memory: is a count or a population in the scenario larger than was meant?", 1)
    except KeyboardInterrupt:
        return fail("interrupted; what was finished is in the results folder", 130)
    except BrokenPipeError:  # the reader of our output is gone, such as head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # a full disk, a folder without permission
        return fail(f"{error.filename or 'cannot write'}: {error.strerror or error}", 1)
    return 0


def fail(message: object, status: int) -> int:
    print(f"hetsched: {message}", file=sys.stderr)
    return status


def load_policies(files: Sequence[Path]) -> None:
    """Run the files, which registers their policies. Raises InputError for a file that cannot be run."""
    if files:
        from hetsched.domain.registry import load_file

        for path in files:
            load_file(path)


def parser(configured: Collection[str] = COMMANDS) -> argparse.ArgumentParser:
    """The parser of the command line. Only the `configured` commands have their arguments: to know them, their modules
    are imported, and most of them need NumPy, SciPy and pydantic."""
    top = argparse.ArgumentParser(
        prog="hetsched",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        if name not in configured:
            commands.add_parser(name, help=summary)
            continue
        module = import_module(f"hetsched.cli.{name}")
        command = commands.add_parser(name, help=summary, description=(module.execute.__doc__ or summary).strip())
        command.set_defaults(execute=module.execute)
        add_output(command)
        add_policy_files(command)
        module.configure(command)
    return top


if __name__ == "__main__":
    sys.exit(main())
