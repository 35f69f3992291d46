"""What README and docs show works: every block of code is executed or parsed, every link leads
somewhere.

A block that cannot be checked has the line `<!-- not checked: REASON -->` before it.
"""

import ast
import importlib
import importlib.util
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import tomli_w

from documentation.markdown import PAGES, ROOT, links, prose
from documentation.site import SITE, SOURCE, dead_links
from hetsched import allocation, scheduling
from hetsched.cli.main import parser
from hetsched.domain import exploring, learning
from hetsched.errors import InputError
from hetsched.report.tracking.tracker import trackers
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.loading import load
from hetsched.scenario.tables import RealTable
from hetsched.studies import backends
from hetsched.studies.run_plan import AUTO

FENCE = re.compile(r"(?P<indent> *)```(?P<language>[a-z]*)$")
NOT_CHECKED = re.compile(r" *<!-- not checked: (?P<reason>\S.*) -->$")
FILE = re.compile(r"[\w./-]*\w\.(py|toml|csv|png|sh|yaml|md|txt)")
THE_READERS = {"scenario.toml", "my_policy.py", "models.py", "cluster_log.csv", "jobs.csv", "FILE.csv", "FILE.py"}
"""Files that a reader has and the project has not."""
SESSIONS = {ROOT / "docs" / "python.md", ROOT / "docs" / "results.md"}
"""Pages whose Python blocks run one after the other in one session: tests/test_front_door.py and
tests/test_results_page.py run them."""
SCRIPTS = ROOT / "examples" / "clusters"
ELSEWHERE = {"cat", "cd", "docker", "export", "git", "kubectl", "pip", "pre-commit", "python3", "ray", "sbatch", "ruff"}
"""Programs whose arguments only they know; the files that are named must exist all the same."""


class Block(NamedTuple):
    """A fenced block of code: `line` is that of its fence, `reason` says why it is not checked, if
    it is not."""

    page: Path
    line: int
    language: str
    text: str
    reason: str | None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page. Raises ValueError for one that is never closed."""
    lines = iter(enumerate(page.read_text().splitlines(), 1))
    reason = None
    for number, line in lines:
        if fence := FENCE.match(line):
            indent, text = len(fence["indent"]), []
            for _, inner in lines:
                if inner.strip() == "```":
                    break
                text.append(inner[indent:])
            else:
                raise ValueError(f"{page}:{number}: the block is never closed")
            yield Block(page, number, fence["language"], "\n".join(text) + "\n", reason)
        if line.strip():
            found = NOT_CHECKED.match(line)
            reason = found["reason"] if found else None


BLOCKS = [block for page in PAGES for block in blocks(page)]
CHECKED = [block for block in BLOCKS if block.reason is None]


def of_language(language: str) -> list[Any]:
    return [pytest.param(block, id=str(block)) for block in CHECKED if block.language == language]


def test_every_block_says_what_it_is() -> None:
    checked = ("toml", "python", "bash", "json")
    unknown = [f"{block} is {block.language!r}" for block in CHECKED if block.language not in checked]
    assert not unknown, "expected toml, python, bash or json, or the line <!-- not checked: REASON --> before the block"


def parsed(language: str, text: str) -> None:
    """Raises ValueError or SyntaxError for what is not of the language; bash also says which line
    is wrong."""
    match language:
        case "toml":
            tomllib.loads(text)
        case "json":
            json.loads(text)
        case "python":
            ast.parse(text)
        case "bash":
            check = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
            if check.returncode:
                raise SyntaxError(check.stderr)


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language not in ("text", "csv")], ids=str)
def test_every_block_is_of_its_language(block: Block) -> None:
    """Those that nobody executes, too."""
    parsed(block.language, block.text)


@pytest.mark.parametrize(
    ("language", "text"), [("toml", "a ="), ("json", "{a}"), ("python", "def"), ("bash", "if true")]
)
def test_a_block_that_is_not_of_its_language_is_found(language: str, text: str) -> None:
    with pytest.raises((ValueError, SyntaxError)):
        parsed(language, text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_block_is_indented_instead_of_fenced(page: Path) -> None:
    lines = prose(page)
    indented = [
        number for (_, before), (number, line) in pairwise(lines) if line.startswith("    ") and not before.strip()
    ]
    assert not indented, f"{page}: put the code of these lines between ``` fences"


class TestTOML:
    @pytest.mark.parametrize("block", of_language("toml"))
    def test_is_a_scenario_or_a_part_of_one(self, block: Block, tmp_path: Path) -> None:
        document = tomllib.loads(block.text)
        if not {"cluster", "workload"} <= document.keys():
            demo = tomllib.loads((ROOT / "examples" / "demo.toml").read_text())
            if "training" in document:
                del demo["learning"]  # it is of the built-in networks
            document = merged(demo, document)
        if "trace" in document["workload"]:
            (tmp_path / document["workload"]["trace"]).write_bytes((ROOT / "examples/helios-made-up.csv").read_bytes())
            document["profile"] = {"sources": ["gavel-osdi20-jobs"]}
        if "training" in document:
            for file in ("my_training.py", "lines.csv"):
                (tmp_path / file).write_bytes((ROOT / "examples" / file).read_bytes())
        scenario = tmp_path / "scenario.toml"
        scenario.write_text(tomli_w.dumps(document))
        assert load(scenario).resolve().workload.experiments


def merged(base: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """`base` with the tables of `part` over it; lists are replaced."""
    both = dict(base)
    for key, value in part.items():
        both[key] = merged(both[key], value) if isinstance(both.get(key), dict) and isinstance(value, dict) else value
    return both


class TestPython:
    def test_a_class_that_is_shown_is_the_example(self) -> None:
        shown = [block.text for block in BLOCKS if block.page.name == "training.md" and "class Mine" in block.text]
        assert shown and shown[0] in (ROOT / "examples/my_training.py").read_text()

    @pytest.mark.parametrize(("language", "example"), [("csv", "lines.csv"), ("toml", "lines.toml")])
    def test_the_files_beside_it_are_examples(self, language: str, example: str) -> None:
        """So that a reader who copies all three has a scenario that works."""
        shown = [block.text for block in BLOCKS if block.page.name == "training.md" and block.language == language]
        assert shown == [(ROOT / "examples" / example).read_text()]

    @pytest.mark.parametrize("block", [b for b in of_language("python") if b.values[0].page not in SESSIONS])
    def test_runs(self, block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
        """From the folder of examples, so that a block can import what stands there. Its tests are
        called, with fewer examples than it shows."""
        monkeypatch.chdir(ROOT / "examples")
        monkeypatch.syspath_prepend(ROOT / "examples")
        for example in (ROOT / "examples").glob("*.py"):  # another block may have imported it, and what it registers
            monkeypatch.delitem(sys.modules, example.stem, raising=False)
        namespace: dict[str, Any] = {"__name__": "block"}
        exec(compile(block.text.replace("examples=100", "examples=5"), str(block), "exec"), namespace)
        for name in re.findall(r"^def (test_\w+)\(\)", block.text, re.MULTILINE):
            namespace[name]()


class TestBash:
    @pytest.mark.parametrize("block", of_language("bash"))
    def test_commands_are_what_they_say(self, block: Block) -> None:
        commands = list(commands_of(block.text))
        assert commands
        for words in commands:
            check_command(words)

    @pytest.mark.parametrize(
        "wrong",
        [
            "hetsched compare nothing.toml",
            "hetsched compare examples/demo.toml --sedes 3",
            "hetsched simulate examples/demo.toml --strategy fusion+nothing",
            "make nothing",
            "python -m benchmarks.nothing",
            "pytest tests/test_nothing.py",
            "FOO=1 nothing --at-all",
            'ray exec examples/clusters/aws.yaml "cd x && hetsched run --nothing"',
        ],
    )
    def test_what_is_wrong_is_found(self, wrong: str) -> None:
        [words] = commands_of(wrong)
        with pytest.raises(AssertionError):
            check_command(words)


def commands_of(text: str) -> Iterator[list[str]]:
    """The words of every command, without comments, prompts and variables that are set before
    it."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words:
            end = words.index("&&") if "&&" in words else len(words)
            command, words = words[:end], words[end + 1 :]
            while command and re.match(r"[A-Z_][A-Z0-9_]*=", command[0]):
                command = command[1:]
            if command:
                yield command


def check_command(words: list[str]) -> None:
    """Raises AssertionError for a command that does not exist, or does not take these arguments."""
    program, *arguments = words
    name = program.removeprefix(".venv/bin/")
    checks: dict[str, Callable[[list[str]], None]] = {
        "hetsched": check_hetsched,
        "make": check_make,
        "python": check_python,
        "pytest": check_files,
    }
    if name in checks:
        checks[name](arguments)
        return
    script = SCRIPTS / name
    assert name in ELSEWHERE or script.is_file(), f"{name}: expected one of {sorted(checks | dict.fromkeys(ELSEWHERE))}"
    check_files(arguments)
    for argument in arguments:
        if "hetsched " in argument:  # a command line in quotes, for another host
            for inner in commands_of(argument):
                check_command(inner)
    if "--" in arguments:
        check_command(arguments[arguments.index("--") + 1 :])


def check_hetsched(arguments: list[str]) -> None:
    try:
        options = parser().parse_args(arguments)
    except SystemExit as error:
        raise AssertionError(f"hetsched {shlex.join(arguments)}: the command line refuses it") from error
    one = getattr(options, "strategy", None)
    if not options.policy_file:
        for strategy in [*(getattr(options, "strategies", None) or []), *([one] if one not in (None, AUTO) else [])]:
            try:
                parse_strategy(strategy)
            except InputError as error:
                raise AssertionError(str(error)) from error
    new = str(getattr(options, "out", None))
    check_files([argument for argument in arguments if argument != new])


def check_make(arguments: list[str]) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(arguments) <= targets, f"make {shlex.join(arguments)}: the Makefile has {sorted(targets)}"


def check_python(arguments: list[str]) -> None:
    if arguments[0] == "-m":
        try:
            found = importlib.util.find_spec(arguments[1])
        except ModuleNotFoundError:
            found = None
        assert found, f"python -m {arguments[1]}: no such module"
        new = arguments[arguments.index("--plot") + 1] if "--plot" in arguments else None
        arguments = [argument for argument in arguments[2:] if argument != new]
    check_files(arguments)


def check_files(arguments: list[str]) -> None:
    """Raises AssertionError for a file that is neither in the project nor the reader's own."""
    for argument in arguments:
        if FILE.fullmatch(argument) and argument not in THE_READERS:
            assert (ROOT / argument).is_file() or (SCRIPTS / argument).is_file(), f"{argument}: no such file"


def anchors(page: Path) -> set[str]:
    """What headings of a page can be linked as, in the manner of GitHub."""
    titles = (re.match(r"#+ (.*)", line) for _, line in prose(page))
    return {re.sub(r"[^\w\- ]", "", title[1].lower()).replace(" ", "-") for title in titles if title}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if (linked := link.file(page)) is None:
            continue
        assert linked.exists(), f"{page}:{link.line}: {link.target} does not exist"
        if link.anchor:
            assert link.anchor in anchors(linked), f"{page}:{link.line}: {linked.name} has no heading #{link.anchor}"


def test_every_page_is_linked() -> None:
    """A page that nothing links is a page that nobody finds."""
    linked = {link.file(page) for page in PAGES for link in links(page)}
    missing = [str(page.relative_to(ROOT)) for page in PAGES if page not in linked and page.parent != ROOT]
    assert not missing


def pages_of(navigation: Any) -> Iterator[str]:
    if isinstance(navigation, str):
        yield navigation
        return
    for entry in navigation.values() if isinstance(navigation, dict) else navigation:
        yield from pages_of(entry)


def test_the_sites_navigation_has_every_page_once() -> None:
    site = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]
    assert sorted(pages_of(site["nav"])) == sorted(str(page.relative_to(ROOT)) for page in PAGES)
    assert [ROOT / site[key] for key in ("docs_dir", "site_dir")] == [SOURCE, SITE]


def test_a_dead_link_of_the_site_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<h2 id="here"></h2><a href="b.html"></a><a href="#here"></a><a href="#gone"></a>')
    (tmp_path / "b.html").write_text('<a href="a.html#here"></a><a href="a.html#no"></a><img src="no.png">')
    assert [line.split(": ")[1] for line in dead_links(tmp_path)] == ["#gone", "a.html#no", "no.png"]


NAME = re.compile(r"`((?:hetsched|sim|real)(?:\.\w+)+)")
SOURCES = [path for room in ("hetsched", "sim", "real", "benchmarks") for path in (ROOT / room).rglob("*.py")]


def not_names_of_python() -> set[str]:
    """Entry-point groups, and keys of scenarios, which look like names of Python."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    return {*groups, exploring.explorers.group, *(f"real.{key}" for key in RealTable.model_fields), "hetsched.cli.NAME"}


def exists(name: str) -> bool:
    """Whether this is a module, or something in one."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        try:
            for part in parts[cut:]:
                found = getattr(found, part)
        except AttributeError:
            return False
        return True
    return False


def test_every_name_in_backticks_is_there() -> None:
    pytest.importorskip("ray")
    pytest.importorskip("torch")
    named: dict[str, Path] = {name: path for path in [*PAGES, *SOURCES] for name in NAME.findall(path.read_text())}
    assert len(named) > 50
    missing = {
        name: path.name for name, path in named.items() if name not in not_names_of_python() and not exists(name)
    }
    assert not missing


def test_entry_point_groups_in_the_docs_are_those_that_the_code_looks_up() -> None:
    registries = (allocation.policies, scheduling.policies, learning.models, exploring.explorers, trackers)
    looked_up = {registry.group for registry in registries} | {backends.GROUP}
    said = {
        group
        for page in PAGES
        for groups in re.findall(r"entry-point groups? (`[\w.]+`(?:\s+and\s+`[\w.]+`)?)", page.read_text())
        for group in re.findall(r"`([\w.]+)`", groups)
    }
    assert {"hetsched.learning", "hetsched.backends"} <= said
    assert said <= looked_up


def test_the_glossary_has_a_line_per_term() -> None:
    lines = (ROOT / "docs" / "glossary.md").read_text().splitlines()
    terms = [line.split(" | ")[0].removeprefix("| ") for line in lines if line.startswith("| ")]
    terms = [term for term in terms if term not in ("term", "---")]
    assert len(terms) == len({term.casefold() for term in terms}) > 50
    assert {"segment", "trial", "interval", "exploit", "makespan", "bound", "bundle", "worker", "node", "gang"} <= {
        *terms
    }
