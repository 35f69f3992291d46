"""The command line: arguments in, exit status out. What the commands do is in `hetsched.cli.shared`.

Exit status: 0 done, 1 the run failed, 2 the input is wrong, 130 interrupted by Ctrl-C.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

from hetsched.cli import shared as commands
from hetsched.cli.arguments import count, count_or_auto, seconds, seed
from hetsched.cores import available_cores
from hetsched.domain.registry import load_file
from hetsched.domain.workload import SpeedUp
from hetsched.errors import HetschedError, InputError

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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    options = parser().parse_args(arguments)
    try:
        with stdout_for_the_document(options.json) as emit:
            for path in options.policy_file:
                load_file(path)
            options.command(options, emit)
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


class stdout_for_the_document:  # noqa: N801  (reads as a function)
    """With --json, stdout carries one document: whatever else is written to it meanwhile, also by child
    processes, goes to stderr."""

    def __init__(self, active: bool) -> None:
        self._active = active
        self._document: bytes | None = None

    def __enter__(self) -> Callable[[bytes], None]:
        if self._active:
            sys.stdout.flush()
            self._kept, self._stdout = os.dup(1), sys.stdout
            os.dup2(2, 1)
            sys.stdout = sys.stderr
        return self._emit

    def _emit(self, document: bytes) -> None:
        self._document = document

    def __exit__(self, *_: object) -> None:
        if self._active:
            sys.stdout = self._stdout
            os.dup2(self._kept, 1)
            os.close(self._kept)
            if self._document is not None:
                sys.stdout.buffer.write(self._document + b"\n")
                sys.stdout.buffer.flush()


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="hetsched",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subparsers = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, command: commands.Command, help: str) -> argparse.ArgumentParser:
        sub = subparsers.add_parser(name, help=help, description=(command.__doc__ or help).strip())
        sub.set_defaults(command=command)
        sub.add_argument("--json", action="store_true", help="print one JSON document on stdout and nothing else")
        sub.add_argument(
            "--policy-file",
            type=Path,
            action="append",
            default=[],
            metavar="FILE.py",
            help="a Python file that registers policies of your own; may be repeated",
        )
        return sub

    def add_scenario(sub: argparse.ArgumentParser, out: bool = True) -> None:
        sub.add_argument("scenario", type=Path, metavar="SCENARIO", help="a TOML file, such as examples/demo.toml")
        if out:
            sub.add_argument("--out", type=Path, metavar="DIR", help="a new folder for the results")

    def add_strategies(sub: argparse.ArgumentParser) -> None:
        sub.add_argument(
            "--strategies",
            nargs="+",
            metavar="A+S",
            help="instead of the scenario's, such as uniform+fifo fusion+hrfs",
        )

    def add_real(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--address", help="a running Ray cluster (default: start the scenario's here)")
        sub.add_argument(
            "--data-dir",
            type=Path,
            help="folder of the data set: parquet (Hugging Face layout) or torchvision's",
        )
        sub.add_argument("--repeat", type=count, default=1, metavar="N", help="repetitions, each with its seed")
        sub.add_argument(
            "--report-interval",
            type=seconds,
            metavar="SECONDS",
            help="print a line so often where stderr is no terminal (default: the scenario's, 10)",
        )
        sub.add_argument("--tensorboard", action="store_true", help="have Tune write TensorBoard files")

    sub = add("compare", commands.compare, "simulate strategies under the same seeds and compare them")
    add_scenario(sub)
    add_strategies(sub)
    sub.add_argument(
        "--seeds",
        type=count_or_auto,
        metavar="N|auto",
        help="how many seeds (default: the scenario's); auto: until the interval of every difference is under 1%%",
    )
    sub.add_argument(
        "--max-seeds", type=count, default=100, metavar="N", help="the most that --seeds auto takes (default: 100)"
    )
    sub.add_argument(
        "--jobs", type=count, metavar="N", help=f"processes (default: the cores, {len(available_cores())})"
    )
    sub.add_argument(
        "--ray",
        metavar="ADDR",
        help="simulate on a running Ray cluster: auto, or host:port of its head; --jobs: on so many of its cores",
    )

    sub = add("simulate", commands.simulate, "simulate one strategy")
    add_scenario(sub)
    sub.add_argument("--strategy", required=True, metavar="A+S", help="such as fusion+hrfs")
    sub.add_argument("--seed", type=seed, metavar="N", help="the root seed (default: the scenario's first)")
    sub.add_argument("--repeat", type=count, default=1, metavar="N", help="repetitions, each with its seed")
    sub.add_argument("--ablate", action="store_true", help="show what each overhead contributes to the makespan")

    sub = add("run", commands.run, "run one strategy for real, on Ray Tune, or go on with a run that stopped")
    sub.add_argument(
        "scenario", type=Path, nargs="?", metavar="SCENARIO", help="a TOML file, such as examples/demo.toml"
    )
    sub.add_argument("--out", type=Path, metavar="DIR", help="a new folder for the results")
    sub.add_argument("--strategy", metavar="A+S", help="such as fusion+hrfs")
    sub.add_argument("--seed", type=seed, metavar="N", help="the root seed (default: the scenario's first)")
    sub.add_argument(
        "--resume",
        type=Path,
        metavar="DIR",
        help="instead of SCENARIO and --strategy: go on with the run in this folder",
    )
    add_real(sub)

    sub = add("validate", commands.validate, "simulate, run for real, and compare the two")
    add_scenario(sub)
    add_strategies(sub)
    sub.add_argument("--seed", type=seed, metavar="N", help="the root seed (default: the scenario's first)")
    sub.add_argument(
        "--profile", type=Path, metavar="FILE.csv", help="predict from this profile instead of measuring one first"
    )
    add_real(sub)

    sub = add("replay", commands.replay, "feed a run's measured durations to its policy again, and compare decisions")
    sub.add_argument("run", type=Path, metavar="RUN", help="the folder of one run, with its events.jsonl")

    sub = add("profile", commands.profile, "measure the step times of this machine")
    sub.add_argument("--models", nargs="+", default=["resnet18"], metavar="MODEL", help="default: resnet18")
    sub.add_argument(
        "--batch-sizes", nargs="+", type=count, default=[32, 64, 128, 256, 512], metavar="N", help="default: 32 .. 512"
    )
    sub.add_argument("--cores", nargs="+", type=count, default=[1], metavar="N", help="default: 1; not for GPUs")
    sub.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="default: cpu")
    sub.add_argument(
        "--speed-ups",
        nargs="+",
        choices=get_args(SpeedUp),
        default=[],
        help="as in [real] of a scenario; for GPUs (default: none)",
    )
    sub.add_argument("--dataset", help="default: cifar10 for ResNet-18, cifar100 for ResNet-50")
    sub.add_argument("--seconds", type=seconds, default=10.0, help="time spent on each point (default: 10)")
    sub.add_argument("--out", type=Path, required=True, metavar="FILE.csv", help="the profile to write; must be new")

    sub = add("bound", commands.bound, "what no schedule can beat on a scenario")
    add_scenario(sub, out=False)

    sub = add("nodes", commands.nodes, "print the nodes of a running Ray cluster as a scenario lists them")
    sub.add_argument("--address", required=True, metavar="ADDR", help="auto, or host:port of its head")

    sub = add("policies", commands.policies, "list the policies, or check that some conform")
    check = sub.add_subparsers(metavar="check", title="check").add_parser(
        "check",
        help="put policies through the conformance suite",
        description=commands.check_policies.__doc__,
    )
    check.set_defaults(command=commands.check_policies)
    check.add_argument("policies", nargs="+", metavar="FILE.py|NAME", help="such as my_policy.py, fifo or fusion")
    check.add_argument(
        "--examples", type=count, default=30, metavar="N", help="generated situations a policy (default: %(default)s)"
    )
    check.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON document")
    return top


if __name__ == "__main__":
    sys.exit(main())
