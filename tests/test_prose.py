"""The linter of prose finds what it is for, and excuses nothing for longer than needed."""

from pathlib import Path

import pytest

from documentation import prose
from documentation.prose import Config, Fault, Text, docstrings, faults, judged, long_lines
from documentation.sentences import reading_ease, sentences, syllables

CONFIG = Config(line_characters=40, sentence_words=8, reading_ease=60, words={"luck": "chance"}, excused={})
HARD = "Institutional considerations necessitate organisational restructuring. "


def found(*lines: str, is_page: bool = True) -> list[tuple[str, int]]:
    text = Text("page.md", list(enumerate(lines, 1)), is_page)
    return [(fault.rule, fault.line) for rule in prose.RULES.values() for fault in rule(text, CONFIG)]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["A short line.", "| a row of a table may be as long as it is |"], []),
        (["This line has more characters than forty."], [("long-lines", 1)]),
        (["", "It is bad LUCK.", "See `luck` and [it](luck.md)."], [("house-words", 2)]),
        (["One two three four", "five six seven eight nine."], [("long-sentences", 1)]),
        (["One two three four.", "Five six seven eight nine."], []),
        (["- one two three four", "- five six seven eight nine"], []),
        ([HARD[:37] + ".", *["Institutional necessity."] * 10], [("hard-pages", 1)]),
    ],
)
def test_rules(lines: list[str], expected: list[tuple[str, int]]) -> None:
    assert found(*lines) == expected


def test_the_indent_of_a_docstring_counts() -> None:
    line = "This line has 37 characters, no more."
    for indent, expected in {0: [], 8: ["long-lines"]}.items():
        text = Text("a.py", [(1, line)], is_page=False, indent=indent)
        assert [fault.rule for fault in long_lines(text, CONFIG)] == expected


def test_docstrings_are_found_where_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prose, "ROOT", tmp_path)
    module = tmp_path / "module.py"
    module.write_text('"""A file."""\n\nX = 1\n"""A name.\n\n    code\n"""\n\ndef f():\n    """Do.\n\n    It is."""\n')
    assert [text.lines for text in docstrings(module)] == [
        [(1, "A file.")],
        [(4, "A name."), (5, "")],
        [(10, "Do."), (11, ""), (12, "It is.")],
    ]


def test_a_sentence_ends_at_a_full_stop_and_code_is_one_word() -> None:
    lines = ["It takes 0.5 s: `a b`. A [link](b.md)", "goes on! `x` begins."]
    text = [sentence for _, sentence in sentences(list(enumerate(lines)))]
    assert text == ["It takes 0.5 s: code.", "A link goes on!", "code begins."]


@pytest.mark.parametrize(("word", "expected"), [("makespan", 3), ("time", 1), ("table", 2), ("policy", 3), ("the", 1)])
def test_syllables(word: str, expected: int) -> None:
    assert syllables(word) == expected


def test_short_words_and_sentences_are_easier() -> None:
    easy, hard = reading_ease(["The cat sat on the mat."] * 10), reading_ease([HARD] * 10)
    assert easy is not None and hard is not None and easy > 100 > 0 > hard
    assert reading_ease(["Too few."]) is None


def test_an_excuse_holds_for_one_rule_and_goes_when_it_is_not_needed() -> None:
    one, other = Fault("house-words", "a.md", 1, ""), Fault("long-lines", "a.md", 2, "")
    kept = {"house-words": ["a.md", "b.md"]}
    assert judged([one, other], kept) == ([other], {"house-words": ["a.md"]})


def test_the_docs_keep_to_the_rules() -> None:
    assert prose.main([]) == 0
    assert faults(CONFIG._replace(sentence_words=1))
