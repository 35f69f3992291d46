"""Figures as files: what is drawn of which folder, in which formats, and that print and readers can
use them."""

import json
import re
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

import hetsched
from hetsched.cli.main import main
from hetsched.report.figures_in_words import percent
from hetsched.studies import folder_caveats
from hetsched.studies.caveats import Caveats

pytest.importorskip("matplotlib", reason="figures need the extra 'figures'")
from PIL import Image

STRATEGIES = ["uniform+fifo", "fusion+hrfs"]


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("comparison") / "results"
    hetsched.compare(hetsched.load_scenario("demo"), STRATEGIES, seeds=3, folder=folder)
    return folder


@pytest.fixture(scope="module")
def run(comparison: Path) -> Path:
    return comparison / "fusion+hrfs" / "seed-1"


def objects(pdf: Path) -> Iterator[tuple[bytes, bytes]]:
    """The dictionary of each object of a PDF, and its stream, uncompressed (empty if it has
    none)."""
    content = pdf.read_bytes()
    for found in re.finditer(rb"\d+ 0 obj\s(.*?)endobj", content, re.DOTALL):
        head, _, rest = found[1].partition(b"stream\n")
        stream = rest.rpartition(b"\nendstream")[0]
        yield head, zlib.decompress(stream) if b"/FlateDecode" in head else stream


def test_the_figures_of_a_comparison(comparison: Path, tmp_path: Path) -> None:
    files = hetsched.figures(comparison, tmp_path, formats=["svg"])
    names = {file.name for file in files}
    assert names >= {"gantt.svg", "utilisation.svg", "metric.svg", "ratio-to-bound.svg", "paired-differences.svg"}
    assert {file.name for file in tmp_path.iterdir()} == names


@pytest.fixture(scope="module")
def drawn(run: Path) -> list[Path]:
    """All figures of the run, as they are drawn unless something else is asked for."""
    return hetsched.figures(run)


def test_the_figures_of_a_run_say_of_which(run: Path, drawn: list[Path]) -> None:
    assert {file.name for file in drawn} == {
        "gantt-fusion+hrfs-seed-1.pdf",
        "utilisation-fusion+hrfs-seed-1.pdf",
        "metric-fusion+hrfs-seed-1.pdf",
    }
    assert {file.parent for file in drawn} == {run / "figures"}


def test_a_pdf_has_its_fonts_in_it_as_truetype(drawn: list[Path]) -> None:
    for pdf in drawn:
        heads = [head for head, _ in objects(pdf)]
        fonts = [head for head in heads if b"/Type /FontDescriptor" in head]
        assert fonts
        assert all(b"/FontFile2" in font for font in fonts), "TrueType, embedded"
        assert not any(b"/Type3" in head for head in heads)
        assert b"/CreationDate" not in pdf.read_bytes()


@pytest.mark.parametrize("width", [3.33, 7.0])
def test_a_pdf_is_as_wide_as_was_asked(width: float, run: Path, tmp_path: Path) -> None:
    [pdf] = hetsched.figures(run, tmp_path, width=width, only=["metric"])
    [box] = [found for head, _ in objects(pdf) if (found := re.search(rb"/MediaBox \[ 0 0 (\S+)", head))]
    assert float(box[1]) == pytest.approx(72 * width, abs=0.1)


def test_the_text_of_an_svg_is_text(run: Path, tmp_path: Path) -> None:
    [svg] = hetsched.figures(run, tmp_path, formats=["svg"], only=["gantt"])
    [found] = hetsched.load_results(run).runs
    title = f"fusion+hrfs, seed 1: {found.metrics.makespan_s:,.0f} s"
    texts = {element.text for element in ElementTree.parse(svg).iter("{http://www.w3.org/2000/svg}text")}
    assert texts >= {"server/gpu0", "box7/cpu0", title, "time since the start of the run [s]"}


def test_a_png_has_so_many_dots(run: Path, tmp_path: Path) -> None:
    for dpi in (300, 100):
        [png] = hetsched.figures(run, tmp_path, formats=["png"], only=["metric"], width=7, dpi=dpi)
        with Image.open(png) as image:
            assert image.width == 7 * dpi
            assert image.info["dpi"][0] == pytest.approx(dpi, abs=0.1)


@pytest.mark.parametrize(("format_", "figure"), [("pdf", "metric"), ("svg", "gantt"), ("png", "metric")])
def test_the_same_results_give_the_same_files(format_: str, figure: str, run: Path, tmp_path: Path) -> None:
    first, again = (
        [
            file.read_bytes()
            for file in hetsched.figures(run, tmp_path / name, formats=[format_], only=[figure], dpi=100)
        ]
        for name in "ab"
    )
    assert first == again


def test_settings_of_the_users_matplotlib_change_nothing(run: Path, tmp_path: Path) -> None:
    import matplotlib

    [plain] = hetsched.figures(run, tmp_path / "a", formats=["svg"], only=["metric"])
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        [other] = hetsched.figures(run, tmp_path / "b", formats=["svg"], only=["metric"])
        assert matplotlib.rcParams["font.size"] == 30
    assert plain.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "pdf,gif"], "no format 'gif': known: pdf, png, svg"),
        (["--width", "0.5"], "width: expected 2 to 40 inches, found 0.5"),
        (["--width", "nan"], "width: expected 2 to 40 inches, found nan"),
        (["--dpi", "5"], "dpi: expected 30 to 1200 dots per inch, found 5"),
        (["--only", "gant"], "no figure 'gant': did you mean 'gantt'?"),
        (["--only", "paired-differences"], "a simulation has nothing to draw for paired-differences"),
    ],
)
def test_what_cannot_be_drawn_is_said(
    arguments: list[str], message: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["figures", str(run), "--out", str(tmp_path / "out"), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_command_prints_its_files(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["figures", str(run), "--out", str(tmp_path), "--only", "metric", "--format", "pdf,svg"]) == 0
    files, said = capsys.readouterr().out.split("assumed, as nobody measured it:\n")
    assert files.split() == [str(tmp_path / f"metric-fusion+hrfs-seed-1.{kind}") for kind in ("pdf", "svg")]
    assumed = hetsched.load_results(run.parents[1]).assumptions
    assert said == "".join(f"  {line}\n" for line in assumed)
    assert main(["figures", str(run), "--out", str(tmp_path), "--only", "metric", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["assumptions"] == list(assumed) and document["warnings"] == {}


def test_files_say_what_was_assumed(comparison: Path, tmp_path: Path) -> None:
    """A figure in a paper or on a slide had no word on what nobody had measured."""
    assumed = hetsched.load_results(comparison).assumptions
    files = hetsched.figures(comparison, tmp_path, formats=["pdf", "svg", "png"], only=["ratio-to-bound"], dpi=30)
    pdf, svg, png = files
    description = ElementTree.parse(svg).find(".//{http://purl.org/dc/elements/1.1/}description")
    with Image.open(png) as image:
        found = [description is not None and description.text, image.info["Description"]]
    assert found == ["\n".join(["assumed, as nobody measured it:", *(f"  {line}" for line in assumed)])] * 2
    assert b"/Subject (assumed, as nobody measured it:" in pdf.read_bytes()


def test_what_was_assumed_is_worked_out_once(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was worked out for the files, and again for what is printed."""
    asked: list[Path] = []
    original = folder_caveats.caveats_of_study

    def noted(study: Path, logs: Sequence[Path]) -> Caveats:
        asked.append(study)
        return original(study, logs)

    monkeypatch.setattr(folder_caveats, "caveats_of_study", noted)
    assert main(["figures", str(run), "--out", str(tmp_path), "--only", "metric"]) == 0
    assert asked == [run.parents[1]]


def test_pyplot_is_not_loaded(run: Path, tmp_path: Path) -> None:
    """It would look for a display."""
    script = "import sys, hetsched; hetsched.figures(*sys.argv[1:], only=['metric'])"
    script += "; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", script, str(run), str(tmp_path)], check=True)


def test_an_ablation_has_a_drawing(tmp_path: Path) -> None:
    result = hetsched.ablate(hetsched.load_scenario("demo"), "fusion+fifo", seeds=1, folder=tmp_path / "ablation")
    [svg] = hetsched.figures(result.folder, formats=["svg"])
    assert svg == result.folder / "figures" / "contributions.svg"
    texts = [element.text for element in ElementTree.parse(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert {*result.variants} <= {*texts}
    assert [text for text in texts if text and text.endswith("%")] == [
        percent(found.contribution_percent) for name, found in result.variants.items() if name != "everything"
    ]


def test_several_studies_have_a_folder_each(
    comparison: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    together = tmp_path / "together"
    hetsched.simulate(hetsched.load_scenario("demo"), "fusion+hrfs", folder=together / "runs" / "one")
    shutil.copytree(comparison, together / "two")
    out = tmp_path / "out"
    assert main(["figures", str(together), "--out", str(out), "--only", "metric"]) == 0
    drawn = capsys.readouterr().out.partition("assumed,")[0].splitlines()
    assert {Path(line).parent for line in drawn} == {out / "runs" / "one", out / "two"}
    assert all(Path(line).is_file() for line in drawn)
    assert main(["figures", str(together), "--out", str(out), "--only", "ratio-to-bound"]) == 0
    drawn = capsys.readouterr().out.partition("assumed,")[0].splitlines()
    assert drawn == [str(out / "two" / "ratio-to-bound.pdf"), f"{together / 'runs' / 'one'}: has nothing to draw"]
    assert main(["figures", str(together), "--only", "contributions"]) == 2
    assert "none of the 2 studies in it has anything to draw for contributions" in capsys.readouterr().err
