"""The layout of a command's help."""

import argparse
import re
from collections.abc import Sequence

EXAMPLE_CHARACTERS = 76
"""The most characters of an example in one line. A longer one goes on in the next line, to fit into
80 columns."""


class HelpFormatter(argparse.HelpFormatter):
    """Fills the paragraphs of a description, and leaves the lines of examples as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = re.split(r"\n\s*\n", text.strip())
        fill = super()._fill_text
        return "\n\n".join(p if _is_examples(p) else fill(p, width, indent) for p in paragraphs)


def examples_text(examples: Sequence[str]) -> str:
    """The epilog of a command's help: its examples."""
    heading = "example" if len(examples) == 1 else "examples"
    return "\n".join([f"{heading}:", *(f"  {_continued(example)}" for example in examples)])


def _is_examples(paragraph: str) -> bool:
    return paragraph.startswith(("example:", "examples:"))


def _continued(example: str) -> str:
    if len(example) <= EXAMPLE_CHARACTERS:
        return example
    end = example.rindex(" --", 0, EXAMPLE_CHARACTERS)
    return f"{example[:end]} \\\n     {example[end:]}"
