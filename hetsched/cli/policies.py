"""`hetsched policies`."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from hetsched import allocation, scheduling
from hetsched.argument_types import count
from hetsched.cli.arguments import add_further
from hetsched.cli.help_text import HelpFormatter, examples_text
from hetsched.cli.json_output import Emit
from hetsched.cli.shared import finish, say, say_whole, show
from hetsched.domain.entry_points import needed_for
from hetsched.domain.registry import OWN, REGISTERS_NOTHING, Registry
from hetsched.domain.user_files import load_file
from hetsched.errors import HetschedError, InputError, counted, nearest
from hetsched.report import tables
from hetsched.report.legend import OPTIONS, POLICIES, legend
from hetsched.report.policy_card import docstring_lines, options_table, policy_card, remarks
from hetsched.report.progress import ProgressLine

if TYPE_CHECKING:  # the import needs Hypothesis, which only `policies check` needs
    from hetsched.testing import Verdict


REGISTRIES: Mapping[str, Registry[Any]] = {"allocation": allocation.policies, "scheduling": scheduling.policies}

CHECK_EXAMPLES = (
    "hetsched policies check examples/my_policy.py",
    "hetsched policies check fifo fusion --examples 100",
)
SHOW_EXAMPLES = (
    "hetsched policies srtf",
    "hetsched policies fusion+hrfs",
    "hetsched policies examples/my_policy.py:Soonest",
)
EXAMPLES = (
    "hetsched policies",
    "hetsched policies hrfs",
    "hetsched policies check examples/my_policy.py",
)


SHOW = "show"


class _NameOrPart(argparse._SubParsersAction):  # type: ignore[type-arg]
    """The parts of the command. A first word that is none of them is a policy's name: it is
    shown."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        vars(self)["choices"] = None  # any name may come first

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        words = list(values)
        super().__call__(parser, namespace, words if words[0] in self._name_parser_map else [SHOW, *words], option)


def configure(parser: argparse.ArgumentParser) -> None:
    title = "explain or check policies"
    parts = parser.add_subparsers(metavar="[NAME | check]", title=title, action=_NameOrPart)
    shown = parts.add_parser(
        SHOW,
        help="NAME, or show NAME: the rule of a policy, its options, and what it looks at",
        description=show_policies.__doc__,
        epilog=examples_text(SHOW_EXAMPLES),
        formatter_class=HelpFormatter,
        add_help=False,
    )
    shown.set_defaults(execute=show_policies)
    text = "a policy, a strategy such as fusion+hrfs, or a class in a file of your own"
    shown.add_argument("policies", nargs="+", metavar="NAME|FILE.py[:CLASS]", help=text)
    add_further(shown, policies=True, of_part=True)
    check = parts.add_parser(
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
    add_further(check, policies=True, of_part=True)


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """List the policies: built in, from installed packages, and from --policy-file. With a NAME,
    print the policy's rule, its options, and what it looks at. See docs/policies."""
    document = {
        kind: {name: _summary(registry, name) for name in registry.names()} for kind, registry in REGISTRIES.items()
    }

    def table() -> None:
        show(tables.policies_table(document), legend(POLICIES))
        say("hetsched policies NAME explains one: its rule, its options, and what it looks at")

    finish(options, emit, document, table, None)


def _summary(registry: Registry[Any], name: str) -> str:
    """The summary of the policy, or the reason why it cannot be used."""
    try:
        return registry.summary(name)
    except InputError as error:
        return f"not usable: {error}"


def show_policies(options: argparse.Namespace, emit: Emit) -> None:
    """Print of each policy its rule and where that is from, its options with type, default and
    meaning, what it looks at, and its file."""
    chosen = [key for target in options.policies for key in _named(target)]
    cards = [policy_card(kind, name, REGISTRIES[kind].factory(name)) for kind, name in dict.fromkeys(chosen)]

    def table() -> None:
        for number, card in enumerate(cards):
            say(f"{bool(number) * chr(10)}{card.name}: {card.what}", style="bold")
            for line in docstring_lines(card.rule):
                say(line)
            show(options_table(card), legend(OPTIONS))
            for line in remarks(card):
                say(line)
            say_whole(f"source: {card.source}")

    finish(options, emit, {card.name: card.document() for card in cards}, table, None)


def _named(target: str) -> list[tuple[str, str]]:
    """The policies, by kind and name, that a word on the command line means. Raises InputError if
    there are none."""
    file, colon, wanted = target.rpartition(":") if ".py:" in target else (target, "", "")
    if file.endswith(".py"):
        found = chosen_policies([file])
        classes = {key: getattr(REGISTRIES[key[0]].factory(key[1]), "__name__", key[1]) for key in found}
        if not colon:
            return found
        if named := [key for key in found if wanted in (classes[key], key[1])]:
            return named
        raise InputError(f"{file}: registers no policy {wanted!r}: {nearest(wanted, classes.values())}")
    return [key for name in (target.split("+") if target.count("+") == 1 else [target]) for key in _known(name)]


def _known(name: str) -> list[tuple[str, str]]:
    known = [(kind, other) for kind, registry in REGISTRIES.items() for other in registry.names()]
    if found := [key for key in known if key[1] == name]:
        return found
    near = get_close_matches(name.casefold(), [other for _, other in known], n=4, cutoff=0.4)
    hint = f"near it: {', '.join(near)}" if near else "no name is near it"
    raise InputError(f"no policy {name!r}: {hint}; 'hetsched policies' lists all; {OWN}, or FILE.py:CLASS here")


def check_policies(options: argparse.Namespace, emit: Emit) -> None:
    """Check policies with the conformance suite: all policies that a FILE.py registers, or those of
    a NAME. For every check that a policy fails, the smallest example found is printed. See
    docs/testing-policies.md."""
    with needed_for("checking policies", "testing"):
        from hypothesis.configuration import set_hypothesis_home_dir

        from hetsched import testing
        from hetsched.testing.table import verdict_columns
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
            show(testing.verdicts_table(kind, of_kind), legend(verdict_columns(kind)))
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

    def known() -> dict[tuple[str, str], object]:
        """The factory of each policy by kind and name. None: its package has not been imported
        yet."""
        return {
            (kind, name): of_kind.registered().get(name)
            for kind, of_kind in REGISTRIES.items()
            for name in of_kind.names()
        }

    chosen: dict[tuple[str, str], None] = {}
    for target in targets:
        before = known()
        if target.endswith(".py"):
            load_file(Path(target))
            named = [key for key, factory in known().items() if before.get(key) is not factory]
            problem = REGISTERS_NOTHING
        else:
            named = [key for key in before if key[1] == target]
            problem = f"no such policy: {nearest(target, (name for _, name in before))}"
        if not named:
            raise InputError(f"{target}: {problem}")
        chosen |= dict.fromkeys(named)
    return list(chosen)
