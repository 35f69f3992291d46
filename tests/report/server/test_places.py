"""Nothing outside the served folder is shown, whatever an address, a link or a file says."""

import os
from pathlib import Path

import pytest

from hetsched.errors import InputError
from hetsched.report.server.listing import Listing
from hetsched.report.server.places import Served
from tests.report.server.asking import Client, asking
from tests.slow_log import SlowLog

SECRET = "the-secret"

WAYS_OUT = [
    "/at/../secret.txt",
    "/at/one/../../secret.txt",
    "/at/%2e%2e/secret.txt",
    "/at/%2E%2e%2Fsecret.txt",
    "/at/..%2fsecret.txt",
    "/at/..%5csecret.txt",
    "/at/%252e%252e/secret.txt",
    "/at/one/%2e%2e/%2e%2e/secret.txt",
    "/at/one/./../../secret.txt",
    "/at//secret.txt",
    "/at/{outside}/secret.txt",
    "/at/{outside_encoded}%2Fsecret.txt",
    "/at/one%00/../secret.txt",
    "/at/secret.txt%00",
    "/at/%00",
    "/at/one//events.jsonl",
    "/at/./one/",
    "/at%2f..%2fsecret.txt",
    "/at/link.txt",
    "/at/linked/secret.txt",
    "/at/one/link",
    "/at/circle",
    "/at/dangling",
    "/at/pipe",
    "/document/..%2foutside/",
    "/document/linked/",
    "/changes/%2e%2e/",
    "/document/one/events.jsonl",
    "/at/~root/",
    "/at/%ff%fe",
    "/at/" + "a" * 5000,
    "/at/" + "a/" * 5000,
]


@pytest.fixture
def hostile(tmp_path: Path, results: Path) -> Client:
    """What is beside the served folder, and links to it."""
    outside = tmp_path / "outside"
    SlowLog(outside, name=SECRET).finished()
    for folder in (tmp_path, outside):
        (folder / "secret.txt").write_text(SECRET)
    (results / "link.txt").symlink_to(tmp_path / "secret.txt")
    (results / "linked").symlink_to(outside)
    (results / "one" / "link").symlink_to("../../secret.txt")
    (results / "circle").symlink_to("circle")
    (results / "dangling").symlink_to("nothing")
    os.mkfifo(results / "pipe")
    return asking(results)


@pytest.mark.parametrize("address", WAYS_OUT)
def test_there_is_no_way_out(address: str, hostile: Client, tmp_path: Path) -> None:
    outside = str(tmp_path)
    written = address.format(outside=outside, outside_encoded=outside.replace("/", "%2F"))
    answer = hostile.get(written)
    assert answer.status == 404, answer
    assert SECRET not in answer.text


def test_links_within_the_folder_are_followed(results: Path) -> None:
    (results / "latest").symlink_to("one")
    client = asking(results)
    assert client.get("/at/latest/events.jsonl").content == (results / "one" / "events.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("name", "target"),
    [("events.jsonl", "events.jsonl"), ("scenario.toml", "scenario.toml"), ("summary.json", "secret.txt"), ("x", ".")],
)
def test_a_page_is_not_made_over_links_out(name: str, target: str, results: Path, tmp_path: Path) -> None:
    SlowLog(tmp_path / "outside", seed=77).finished()
    (tmp_path / "outside" / "secret.txt").write_text(f'"{SECRET}"')
    path = results / "one" / name
    path.unlink(missing_ok=True)
    path.symlink_to(tmp_path / "outside" / target)
    found = asking(results).get("/document/one/").text
    assert f"one/{name}: a link out of the folder that is served: not followed" in found
    assert SECRET not in found and "77" not in found


def test_the_listing_leaves_links_out_alone(hostile: Client, results: Path, tmp_path: Path) -> None:
    (results / "two").mkdir()
    (results / "two" / "events.jsonl").symlink_to(tmp_path / "outside" / "events.jsonl")
    assert [study.name for study in Listing(Served(results)).studies()] == ["one"]


@pytest.mark.parametrize("key", ["profile.sources", "workload.trace"])
def test_a_scenario_cannot_have_files_read_that_lie_outside(key: str, results: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text(f"{SECRET},2\n")
    scenario = results / "one" / "scenario.toml"
    text = scenario.read_text()
    if key == "profile.sources":
        text = text.replace('"profile.csv"', '"../../secret.csv"')
    else:
        text = text.replace("[[workload", '[workload]\ntrace = "../../secret.csv"\n\n[[workload', 1)
    assert "secret.csv" in text
    scenario.write_text(text)
    found = asking(results).get("/document/one/").text
    assert "names '../../secret.csv', outside the folder that is served: not read" in found
    assert SECRET not in found


def test_a_scenario_above_the_served_folder_is_not_read(results: Path) -> None:
    run = results / "one"
    (run / "seed-0").mkdir()
    (run / "events.jsonl").rename(run / "seed-0" / "events.jsonl")
    assert '"test"' not in asking(run / "seed-0").get("/document/").text
    assert "is not in the folder that is served, but above" in asking(run / "seed-0").get("/document/").text
    assert '"title":"test"' in asking(run).get("/document/seed-0/").text


def test_a_pipe_does_not_hold_the_page_up(results: Path) -> None:
    (results / "one" / "events.jsonl").unlink()
    os.mkfifo(results / "one" / "events.jsonl")
    client = asking(results)
    assert "one/events.jsonl: neither a file nor a folder: not read" in client.get("/document/one/").text


def test_there_must_be_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder; name one with results in it"):
        Served(tmp_path / "none")


NAMES = ["a b", "<script>alert(1)<", "x\ny", 'q"uote', "per%2e%2ecent", "ü€", "?token=1", "#x", "&amp;", "..."]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_of_a_folder_and_a_file_can_be_opened(name: str, tmp_path: Path) -> None:
    run = SlowLog(tmp_path / name).finished()
    (run.folder / name).write_text("found")
    served, client = Served(tmp_path), asking(tmp_path)
    assert client.get(f"/at/{served.written(run.folder)}/{served.written(run.folder)}").text == "found"
    page = client.get(f"/at/{served.written(run.folder)}/")
    assert page.status == 200 and "<script>alert" not in page.text
    answer = client.get(f"/at/{served.written(run.folder / name)}")
    assert answer.headers["content-disposition"] == f"attachment; filename*=utf-8''{served.written(run.folder)}"


def test_names_that_are_not_utf_8(tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe"))
    try:
        SlowLog(odd).finished()
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    client = asking(tmp_path)
    assert client.get("/at/%ff%fe/").status == client.get("/document/").status == 200
