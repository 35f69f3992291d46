"""Sentences of Markdown, and their reading ease."""

import re
from collections.abc import Iterable, Iterator

BREAKS = ("|", "#", "- ", "* ", "<!--", "```", "!", ">")
"""A line with such a beginning does not continue the paragraph before."""


def paragraphs(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Paragraphs and items of lists, each in one line, with the number of their first line. Tables
    and headings are left out."""
    begin, parts = 0, list[str]()
    for number, line in [*lines, (0, "")]:
        text = "" if "   " in line.strip() else line.strip()  # a row of a table in a docstring
        if parts and (not text or text.startswith(BREAKS) or re.match(r"\d+\. ", text)):
            yield begin, " ".join(parts)
            parts = []
        if text and not text.startswith(("|", "#", "<!--", "!", "$$")):
            begin = number if not parts else begin
            parts.append(re.sub(r"^(- |\* |\d+\. |> )", "", text))


def plain(text: str) -> str:
    """The text without markup. A code span becomes one word, and a link becomes its text."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"[*_]{2}|\*", "", re.sub(r"`[^`]*`", "code", text))


def sentences(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Every sentence, without markup, with the line at which its paragraph begins."""
    for number, paragraph in paragraphs(lines):
        for sentence in re.split(r"(?<=[.!?])[\"')]*\s+(?=[\"'(]*[A-Z0-9]|code)", plain(paragraph)):
            yield number, sentence


def words(sentence: str) -> list[str]:
    """The words, made of letters. Numbers and signs do not count."""
    return re.findall(r"[A-Za-z][A-Za-z'-]*", sentence)


def syllables(word: str) -> int:
    """An estimate of the number of syllables of an English word: groups of vowels, without a silent
    e at the end."""
    groups = re.findall(r"[aeiouy]+", word.lower())
    silent = word.lower().endswith("e") and not word.lower().endswith(("le", "ee")) and len(groups) > 1
    return max(1, len(groups) - silent)


def reading_ease(texts: Iterable[str]) -> float | None:
    """Flesch's reading ease (Flesch 1948), from about 0 (hard) to 100 (easy). None: there are fewer
    than 10 sentences."""
    counted = [found for text in texts if (found := words(text))]
    if len(counted) < 10:
        return None
    total = sum(map(len, counted))
    spoken = sum(syllables(word) for found in counted for word in found)
    return 206.835 - 1.015 * total / len(counted) - 84.6 * spoken / total
