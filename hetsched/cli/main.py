"""The command line. Each command has its own file, which is imported when the command needs it.

The exit status is 0 if the command is done, 1 if the run failed, 2 if the input is wrong, 130 after
Ctrl-C, and 143 after SIGTERM.
"""

import argparse
import errno
import os
import re
import sys
from collections.abc import Callable, Collection, Sequence
from importlib import import_module
from pathlib import Path

from hetsched.cli.arguments import add_further
from hetsched.cli.help_text import HelpFormatter, examples_text
from hetsched.cli.json_output import stdout_for_the_document
from hetsched.cli.misplaced import measured_beside, refuse_misplaced
from hetsched.errors import HetschedError, InputError, Terminated, closest, nearest
from hetsched.report.printable import printable
from hetsched.scenario.packaged import scenario_file
from hetsched.signals import INTERRUPTED, TERMINATED, interrupts_ignored, sigterm_as_ctrl_c
from hetsched.studies.command_line import commanded
from hetsched.version import __version__

DESCRIPTION = """\
Compare policies that schedule Population-Based Training on unequal machines: in simulation first, then for real on Ray
Tune.

A strategy is an allocation policy (nodes -> workers) and a scheduling policy (which trial trains where). It is written
fusion+hrfs. 'hetsched policies' lists the policies. A scenario is a TOML file: cluster, workload, profile, strategies.

'hetsched COMMAND --help' has the options of a command."""

EXAMPLES = (
    "hetsched compare examples/demo.toml",
    "hetsched simulate examples/demo.toml --strategy fusion+hrfs --seed 1",
    "hetsched bound examples/demo.toml --json",
    "hetsched plan examples/cifar10-quick.toml --data-dir DIR",
    "hetsched run examples/cifar10-quick.toml --strategy fusion+hrfs --data-dir DIR",
    "hetsched run --resume results/cifar10-quick-run-20260101-120000",
)

STATUS = """\
exit status: 0 done, 1 the run failed, 2 the input is wrong, 130 interrupted (Ctrl-C), 143 terminated (SIGTERM)"""

COMMANDS = {
    "compare": "simulate strategies under the same seeds and compare them",
    "simulate": "simulate one strategy",
    "suite": "simulate scheduling policies on many scenarios and rank them",
    "plan": "measure a training for a moment, simulate every strategy, and say which one to run",
    "run": "run one strategy for real, on Ray Tune, or go on with a run that stopped",
    "validate": "simulate, run for real, and compare the two",
    "fidelity": "predict recorded real runs again, and say by how much the predictions are off",
    "replay": "feed the durations of a run's log to its policy again, and compare decisions",
    "report": "write a results folder as one HTML file",
    "show": "print the tables of a study again, from its results folder",
    "export": "write what was run for other programs: traces, Parquet, CSV, RO-Crate",
    "watch": "follow a run of another process, in the terminal",
    "serve": "show the runs of a folder as pages, on this machine only, and follow those that go on",
    "figures": "draw the figures of a results folder at paper size",
    "profile": "measure the step times of this machine",
    "record": "record learning curves of a scenario's training, without PBT",
    "fit": "choose a learning model by its error on held-out recordings, and fit it",
    "bound": "print times that no schedule of a scenario can beat",
    "nodes": "print the nodes of a running Ray cluster as a scenario lists them",
    "training": "check that a training of your own does what trials need",
    "policies": "list the policies, explain one, or check that some conform",
}
"""What each command does, by its name. The module `hetsched.cli.NAME` has `EXAMPLES`,
`configure(parser)` and `execute(options, emit)`."""

OF_A_NAME = {
    *(errno.EACCES, errno.EPERM, errno.EROFS),
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP),
}
"""The numbers of the errors of a file that may not be used, or that cannot have its name."""

WITHOUT_POLICIES = {
    "export",
    "figures",
    "fit",
    "nodes",
    "profile",
    "record",
    "report",
    "serve",
    "show",
    "training",
    "watch",
}
"""The commands that use no policy."""


def main(
    arguments: Sequence[str] | None = None,
    ready: Callable[[], object] = lambda: None,
    ending: Callable[[], object] = lambda: None,
) -> int:
    """Run a command and return its exit status. `ready` is called when all imports of the command
    are done. `ending` is called when Ctrl-C or SIGTERM has stopped the command."""
    try:
        options = parsed(words := sys.argv[1:] if arguments is None else arguments)
        ready()
        with commanded(words), sigterm_as_ctrl_c(), stdout_for_the_document(options.json) as emit:
            load_policies(options.policy_file)
            if getattr(options, "scenario", None) is not None:
                options.named, options.scenario = options.scenario, scenario_file(options.scenario)
            with measured_beside(getattr(options, "scenario", None)):
                options.execute(options, emit)
    except InputError as error:
        return fail(error, 2)
    except HetschedError as error:
        return fail(error, 1)
    except MemoryError as error:
        return fail(error, 1, "out of memory: is a count or a population in the scenario larger than was meant?")
    except KeyboardInterrupt as stop:
        ending()
        status, word = (TERMINATED, "terminated") if isinstance(stop, Terminated) else (INTERRUPTED, "interrupted")
        with interrupts_ignored():
            return fail(stop, status, word)
    except BrokenPipeError:  # the program that reads the output has ended, such as head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return fail(error, status_of(error), f"{error.filename or 'cannot write'}: {error.strerror or error}")
    return 0


def status_of(error: OSError) -> int:
    """The exit status for an error of the system.

    It is 2 if the user named a file that this user may not read or write, or that cannot be made
    there. It is 1 if the machine failed, as with a full disk.
    """
    return 2 if error.errno in OF_A_NAME else 1


def parsed(words: Sequence[str]) -> argparse.Namespace:
    """The options that the words mean. Raises InputError if a command or an option is unknown."""
    words = in_options(words)
    if not words[0].startswith("-") and words[0] not in COMMANDS:
        raise InputError(f"no command {words[0]!r}: {nearest(words[0], COMMANDS)}")
    refuse_misplaced(words)
    options, unknown = parser(words[:1]).parse_known_args(words)
    if unknown:
        given, known = unknown[0].partition("=")[0], re.findall(r"--[a-z-]+", options.usage)
        close = None if given in known else closest(given, known)  # known to the command, not to its part
        hint = f": did you mean {close!r}?" if close else f"; 'hetsched {words[0]} --help' lists what it takes"
        raise InputError(f"unrecognized arguments: {' '.join(unknown)}{hint}")
    return options


def in_options(words: Sequence[str]) -> Sequence[str]:
    """The words with `--help` in the place of `help`, `help COMMAND`, and no words.

    >>> in_options([]), in_options(["help"]), in_options(["help", "run"]), in_options(["run", "demo"])
    (['--help'], ['--help'], ['run', '--help'], ['run', 'demo'])
    """
    if not words:
        return ["--help"]
    return [*words[1:], "--help"] if words[0] == "help" else words


def fail(error: BaseException, status: int, message: str | None = None) -> int:
    """Print the message, by default the error's own, and the error's notes. Returns `status`.

    Notes say where results are, and how to go on.
    """
    for line in (error if message is None else message, *getattr(error, "__notes__", ())):
        print(f"hetsched: {printable(str(line))}", file=sys.stderr)
    return status


def load_policies(files: Sequence[Path]) -> None:
    """Run the files, which registers their policies. Raises InputError if a file cannot be run."""
    if files:
        from hetsched.domain.user_files import load_file

        for path in files:
            load_file(path)


def parser(configured: Collection[str] = COMMANDS) -> argparse.ArgumentParser:
    """The parser of the command line. Only the `configured` commands have their arguments.

    The module of a configured command is imported. Most of these modules need NumPy, SciPy and
    pydantic.
    """
    top = argparse.ArgumentParser(
        prog="hetsched",
        description=DESCRIPTION,
        epilog=f"{examples_text(EXAMPLES)}\n\n{STATUS}",
        formatter_class=HelpFormatter,
    )
    top.add_argument(
        "--version", action="version", version=f"hetsched {__version__}", help="print the version and exit"
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        if name not in configured:
            commands.add_parser(name, help=summary)
            continue
        module = import_module(f"hetsched.cli.{name}")
        about = (module.execute.__doc__ or summary).strip()
        command = commands.add_parser(
            name,
            help=summary,
            description=about,
            epilog=examples_text(module.EXAMPLES),
            formatter_class=HelpFormatter,
            add_help=False,
            allow_abbrev=False,
        )
        command.set_defaults(execute=module.execute, policy_file=[])
        module.configure(command)
        add_further(command, policies=name not in WITHOUT_POLICIES)
        command.set_defaults(usage=command.format_usage())
    return top


if __name__ == "__main__":
    sys.exit(main())
