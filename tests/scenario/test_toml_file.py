"""Files that are no TOML: every message names the line, and says what to do."""

from pathlib import Path

import pytest

from hetsched.errors import InputError
from hetsched.scenario.toml_file import read_toml


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[[cluster.nodes]]\nname = 'a'\n[cluster.nodes]\n",
            "(at line 3, column 15): '[cluster.nodes]': this table is",
        ),
        ("[cluster]\na = 1\n[cluster]\n", "as [[cluster.nodes]] may, every one of them needs two brackets"),
        ("[cluster.nodes]\na = 1\n[[cluster.nodes]]\n", "this key has a value already"),
        ("[cluster]\nnodes = []\n[[cluster.nodes]]\n", "'[[cluster.nodes]]': its value is a list or table on one line"),
        ("a = 1\na = 2", "this key has a value already: keep one of the two"),
        ("a = 1,5", "'a = 1,5': one value per key and line: a list needs brackets, a decimal point is a point"),
        ("[[a]\n", "'[[a]': the name of a table is closed by as many brackets as opened it"),
        ("a: 5", "'a: 5': write KEY = VALUE"),
        ("my key = 5", "a key with blanks in it needs quotes"),
        ("a = 'x", "a quote is missing at the end of a text"),
        ('a = "x', "a quote is missing at the end of a text"),
        ('a = "x\nb = 1', "a text ends on the line on which it begins: is a quote missing?"),
        ("a = [1, 2", "a bracket ] is missing"),
        ("a = { b = 1,\n c = 2 }", "{ ... } is on one line"),
        ("a = True", "'a = True': true and false have small letters"),
        ("a = two", "'a = two': text needs quotes"),
        ("a = .5", "'a = .5': a number needs a digit before its point"),
        ("a = ", "a value is missing after ="),
        ("= 5", "a line is KEY = VALUE, [table], [[list of tables]] or # comment"),
        (r'a = "C:\Users"', "use single quotes, or / in paths"),
        (r'a = "C:\data"', "use single quotes, or / in paths"),
    ],
)
def test_what_a_beginner_gets_wrong_has_a_hint(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_toml(path, "the scenario")
    assert str(error.value).startswith(f"{path}: not TOML: ")
    assert said in str(error.value)


def test_a_number_that_python_does_not_read_is_an_error_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text(f"seeds = {'9' * 5000}\n")
    with pytest.raises(InputError, match="scenario.toml: a whole number has over 4,300 digits: expected at most 1e30$"):
        read_toml(path, "the scenario")
