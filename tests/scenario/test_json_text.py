"""JSON that is no value of ours is refused in words: cells, options, files."""

from pathlib import Path

import msgspec
import pytest

from hetsched.cli.main import main
from hetsched.domain.recordings import cell_of, value_of
from hetsched.errors import InputError
from hetsched.scenario.json_text import decoded
from hetsched.scenario.traces.philly import read_philly
from hetsched.studies.folder_caveats import summary_of
from sim.learning.recordings import read_recordings

DEEP = "[" * 100_000
NO_VALUES = {
    "NaN": 'expected a finite number, got NaN; a text stands in quotes, as "NaN"',
    "-Infinity": "expected a finite number, got -Infinity",
    "nan": "expected a finite number, got nan",
    "-inf": "expected a finite number, got -inf",
    "1e400": "expected a finite number, got 1e400",
    '"[1, NaN]"': "expected a finite number, got NaN",
    "9" * 5000: "expected a finite number, got 999",
    DEEP: "expected a number, a text or a list, got '[[[",
    "[True]": "expected JSON, such as [true, \"a\", 0.5], got '[True]'",
    "['a']": "expected JSON",
    "{a: 1}": "expected JSON",
}


@pytest.mark.parametrize("cell", NO_VALUES, ids=lambda cell: cell[:9])
def test_a_cell_that_is_no_value_is_named_with_its_column(cell: str, tmp_path: Path) -> None:
    """After a NaN every trial followed the first recording. Infinity was an error of mathematics."""
    head = "recording,model,dataset,batch_size,seed,iteration,hyperparameters.layers,accuracy\n"
    (tmp_path / "r.csv").write_text(f"{head}a,m,d,32,0,0,2,0.1\na,m,d,32,0,1,{cell},0.2\n")
    with pytest.raises(InputError) as raised:
        read_recordings(tmp_path / "r.csv")
    assert str(raised.value).startswith(f"{tmp_path / 'r.csv'}:3: hyperparameters.layers: {NO_VALUES[cell]}")
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "inf", "1e400", 2**70, 10**40, -1.5, [1, "a"], ".5", "True", "[CLS]"]
)
def test_a_recorded_value_is_read_as_it_was(value: object) -> None:
    assert value_of(cell_of(value)) == value


@pytest.mark.parametrize(
    ("cell", "value"),
    [(".5", 0.5), ("5.", 5.0), ("+1", 1), ("-.5E-3", -5e-4), ("007", 7), ("True", True), ("FALSE", False)],
)
def test_values_as_python_and_spreadsheets_write_them(cell: str, value: object) -> None:
    """They were texts: equal or not, and never near."""
    found = value_of(cell)
    assert (found, type(found)) == (value, type(value))
    for text in ("0x10", "1.2.3", "5e", ".", "+", "1,5", "64_32", "Trueish"):
        assert value_of(text) == text


@pytest.mark.parametrize("option", ["--hyperparameters", "--options"])
def test_an_option_that_is_no_value_is_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["training", "check", "examples/my_training.py", option, "lr=NaN"]) == 2
    assert f"{option}: lr: expected a finite number, got NaN" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"a": ' + DEEP.encode(), "nested too deeply"),
        (b'{"a": "\xff"}', "not a text in UTF-8"),
        (b"NaN", "malformed"),
    ],
    ids=["deep", "bytes", "nan"],
)
def test_a_file_that_is_no_json_of_ours_is_named(text: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(msgspec.DecodeError, match=said):
        decoded(text, dict[str, object])
    (tmp_path / "summary.json").write_bytes(text)
    with pytest.raises(InputError, match=f"summary.json: not what a study wrote: .*{said}"):
        summary_of(tmp_path)
    (tmp_path / "log").write_bytes(b"[" + text)
    with pytest.raises(InputError, match="log: not a Philly job log"):
        list(read_philly(tmp_path / "log"))
