"""A linter of prose, for docs and docstrings: `python -m documentation.prose`. `make lint` runs it.

The table `RULES` has its rules. `prose.toml` has the limits, the words to avoid, and the pages that
do not keep to a rule yet. A page that keeps to the rule must leave that list: `--prune` removes it.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import tomli_w

from documentation.markdown import MADE, PAGES, ROOT, prose
from documentation.sentences import reading_ease, sentences, words

CONFIG = Path(__file__).with_name("prose.toml")
PACKAGES = ("hetsched", "sim", "real", "documentation")


class Config(NamedTuple):
    """The content of `prose.toml`. See the comments there."""

    line_characters: int
    sentence_words: int
    reading_ease: float
    words: Mapping[str, str]
    excused: Mapping[str, list[str]]


class Fault(NamedTuple):
    """A violation of a rule, and its place: a page or a module."""

    rule: str
    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.rule}: {self.message}"


class Text(NamedTuple):
    """A page, or a docstring, as Markdown. `lines` are those outside code, with their numbers in
    the file. A docstring has `indent` blanks before each line."""

    file: str
    lines: list[tuple[int, str]]
    is_page: bool
    indent: int = 0


def pages() -> Iterator[Text]:
    """The pages that people write."""
    for page in PAGES:
        if MADE not in page.read_text():
            yield Text(str(page.relative_to(ROOT)), prose(page), is_page=True)


def docstrings(path: Path) -> Iterator[Text]:
    """The docstrings of a module, and the strings below its names. Indented lines in them are code
    and left out."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines = node.value.value.splitlines()
            first, *rest = lines or [""]
            inner = [line.removeprefix(" " * node.col_offset) for line in rest]
            numbered = list(enumerate([first, *inner], node.lineno))
            kept = [(number, line) for number, line in numbered if not line.startswith((" ", ">>>", "=", "-"))]
            yield Text(str(path.relative_to(ROOT)), kept, is_page=False, indent=node.col_offset)


def long_lines(text: Text, config: Config) -> Iterator[Fault]:
    """Lines of pages and docstrings that are too long. Rows of tables may be long. Ruff checks
    code."""
    for number, line in text.lines:
        length = text.indent + len(line)
        is_long = length > config.line_characters and not line.startswith(("|", "<!--"))
        if is_long and " " in line.strip().removeprefix("- "):
            yield Fault("long-lines", text.file, number, f"{length} characters, at most {config.line_characters}")


def house_words(text: Text, config: Config) -> Iterator[Fault]:
    """Words that only this project uses in their sense. `prose.toml` has a better one for each."""
    for number, line in text.lines:
        for pattern, better in config.words.items():
            if found := re.search(rf"\b{pattern}\b", re.sub(r"`[^`]*`|\([^)\s]*\)", "", line), re.IGNORECASE):
                yield Fault("house-words", text.file, number, f"{found[0]!r}: {better}")


def long_sentences(text: Text, config: Config) -> Iterator[Fault]:
    """Sentences with too many words."""
    for number, sentence in sentences(text.lines):
        if (count := len(words(sentence))) > config.sentence_words:
            begin = " ".join(sentence.split()[:6])
            yield Fault(
                "long-sentences", text.file, number, f"{count} words, at most {config.sentence_words}: {begin} ..."
            )


def hard_pages(text: Text, config: Config) -> Iterator[Fault]:
    """Pages that are hard to read as a whole."""
    ease = reading_ease(sentence for _, sentence in sentences(text.lines))
    if text.is_page and ease is not None and ease < config.reading_ease:
        yield Fault("hard-pages", text.file, 1, f"reading ease {ease:.0f}, at least {config.reading_ease:g}")


RULES: dict[str, Callable[[Text, Config], Iterator[Fault]]] = {
    "long-lines": long_lines,
    "house-words": house_words,
    "long-sentences": long_sentences,
    "hard-pages": hard_pages,
}


def faults(config: Config) -> list[Fault]:
    """Every fault, with those of excused pages."""
    modules = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    texts = [*pages(), *(text for path in modules for text in docstrings(path))]
    return [fault for text in texts for rule in RULES.values() for fault in rule(text, config)]


def judged(found: list[Fault], excused: Mapping[str, list[str]]) -> tuple[list[Fault], dict[str, list[str]]]:
    """The faults without an excuse, and by rule the excuses that are still needed."""
    needed = {(fault.rule, fault.file) for fault in found}
    kept = {rule: [file for file in files if (rule, file) in needed] for rule, files in excused.items()}
    return [fault for fault in found if fault.file not in excused.get(fault.rule, ())], kept


def main(arguments: list[str]) -> int:
    """Print the faults. Returns the exit status: 1 for a fault, or for an excuse that is no longer
    needed."""
    document = tomllib.loads(CONFIG.read_text())
    config = Config(**document)
    found, kept = judged(faults(config), config.excused)
    stale = [f"{rule}: {file}" for rule, files in config.excused.items() for file in files if file not in kept[rule]]
    if stale and "--prune" in arguments:
        text = CONFIG.read_text()
        CONFIG.write_text(text[: text.index("[excused]")] + tomli_w.dumps({"excused": kept}))
        stale = []
    for fault in found:
        print(fault)
    for excuse in stale:
        print(f"{excuse} keeps to the rule now: run python -m documentation.prose --prune")
    return 1 if found or stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
