"""An empty path is refused: it would be the working folder."""

from pathlib import Path

import pytest

from hetsched.cli.main import main


@pytest.mark.parametrize(
    "words",
    [["export", "", "--to", "csv"], ["show", ""], ["simulate", "demo", "--out", ""], ["watch", ""], ["bound", ""]],
)
def test_an_empty_path_is_refused(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`hetsched export ""` wrote into the working folder."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert "expected a path, found ''" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
