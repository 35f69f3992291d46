"""`hetsched policies`."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from hetsched import allocation, scheduling
from hetsched.argument_types import count
from hetsched.cli.arguments import add_further
from hetsched.cli.help_text import HelpFormatter, examples_text
from hetsched.cli.json_output import Emit
from hetsched.cli.shared import finish, say_whole, show
from hetsched.domain.entry_points import needed_for
from hetsched.domain.registry import Registry, load_file
from hetsched.errors import HetschedError, InputError, counted, nearest
from hetsched.report import tables
from hetsched.report.progress import ProgressLine

if TYPE_CHECKING:  # the import needs Hypothesis, which only `policies check` needs
    from hetsched.testing import Verdict


CHECK_EXAMPLES = (
    "hetsched policies check examples/my_policy.py",
    "hetsched policies check fifo fusion --examples 100",
)
EXAMPLES = (
    "hetsched policies",
    "hetsched policies check examples/my_policy.py",
)


def configure(parser: argparse.ArgumentParser) -> None:
    check = parser.add_subparsers(metavar="[check]", title="check policies").add_parser(
        "check",
        help="put policies through the conformance suite",
        description=check_policies.__doc__,
        epilog=examples_text(CHECK_EXAMPLES),
        formatter_class=HelpFormatter,
        add_help=False,
    )
    check.set_defaults(execute=check_policies)
    check.add_argument("policies", nargs="+", metavar="FILE.py|NAME", help="such as my_policy.py, fifo or fusion")
    text = "number of generated situations per policy (default: %(default)s)"
    check.add_argument("--examples", type=count, default=30, metavar="N", help=text)
    add_further(check, of_part=True)


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """List the policies: built in, from installed packages, and from --policy-file."""
    registries: dict[str, Registry[Any]] = {
        "allocation": allocation.policies,
        "scheduling": scheduling.policies,
    }
    document = {
        kind: {name: _summary(registry, name) for name in registry.names()} for kind, registry in registries.items()
    }
    finish(options, emit, document, lambda: show(tables.policies_table(document)), None)


def _summary(registry: Registry[Any], name: str) -> str:
    """The summary of the policy, or the reason why it cannot be used."""
    try:
        return registry.summary(name)
    except InputError as error:
        return f"not usable: {error}"


def check_policies(options: argparse.Namespace, emit: Emit) -> None:
    """Check policies with the conformance suite: all policies that a FILE.py registers, or those of
    a NAME. For every check that a policy fails, the smallest example found is printed. See
    docs/testing-policies.md."""
    with needed_for("checking policies", "testing"):
        from hypothesis.configuration import set_hypothesis_home_dir

        from hetsched import testing
    suites = {"scheduling": testing.scheduling_verdicts, "allocation": testing.allocation_verdicts}
    chosen = chosen_policies(options.policies)
    with TemporaryDirectory() as folder:
        set_hypothesis_home_dir(folder)  # otherwise Hypothesis leaves a folder in the current one
        try:
            found = _verdicts(chosen, suites, options.examples)
        finally:
            set_hypothesis_home_dir(None)
    failures = [v.failure for of_kind in found.values() for of in of_kind.values() for v in of if v.failure]
    document = {
        "examples": options.examples,
        "conforms": not failures,
        **{
            kind: {name: {v.check: v.document() for v in verdicts} for name, verdicts in of_kind.items()}
            for kind, of_kind in found.items()
        },
    }

    def table() -> None:
        for kind, of_kind in found.items():
            show(testing.verdicts_table(kind, of_kind))
        for failure in failures:
            say_whole(f"\n{failure}")

    finish(options, emit, document, table, None)
    if failures:
        policies = len({failure.policy for failure in failures})
        one_or_more = "policy does" if len(chosen) == 1 else "policies do"
        failed = counted(len(failures), "check")
        raise HetschedError(f"{policies} of {len(chosen)} {one_or_more} not conform ({failed} failed)")


def _verdicts(
    chosen: Sequence[tuple[str, str]], suites: Mapping[str, Callable[[str, int], list["Verdict"]]], examples: int
) -> dict[str, dict[str, list["Verdict"]]]:
    """The verdicts on each of the chosen policies, by kind and name."""
    found: dict[str, dict[str, list[Verdict]]] = {}
    with ProgressLine("checking", len(chosen)) as progress:
        for kind, name in chosen:
            found.setdefault(kind, {})[name] = suites[kind](name, examples)
            progress.advance(1, name)
    return found


def chosen_policies(targets: Sequence[str]) -> list[tuple[str, str]]:
    """The kinds and names of the policies that the targets mean. A target is a file or a name.

    Raises InputError if a target has no policy.
    """
    registries: dict[str, Registry[Any]] = {
        "scheduling": scheduling.policies,
        "allocation": allocation.policies,
    }

    def known() -> dict[tuple[str, str], object]:
        """The factory of each policy by kind and name. None: its package has not been imported
        yet."""
        return {
            (kind, name): of_kind.registered().get(name)
            for kind, of_kind in registries.items()
            for name in of_kind.names()
        }

    chosen: dict[tuple[str, str], None] = {}
    for target in targets:
        before = known()
        if target.endswith(".py"):
            load_file(Path(target))
            named = [key for key, factory in known().items() if before.get(key) is not factory]
            problem = "registers no policy; put @register(NAME) before the class"
        else:
            named = [key for key in before if key[1] == target]
            problem = f"no such policy: {nearest(target, (name for _, name in before))}"
        if not named:
            raise InputError(f"{target}: {problem}")
        chosen |= dict.fromkeys(named)
    return list(chosen)
