"""Who gets in, and what a browser is told."""

from pathlib import Path

import pytest

from hetsched.report.server.access import is_known
from tests.report.server.asking import PORT, TOKEN, Client, asking

ADDRESSES = ["/", "/list", "/at/one/", "/at/one/events.jsonl", "/document/one/", "/changes/one/", "/no-such"]
WRONG_QUERIES = ["", "?token=", "?token=a-toke", "?token=a-token-", f"?token={TOKEN}&token={TOKEN}", "?Token=a-token"]
WRONG_COOKIES = ["", "a", "a-token-", "\xe9", '"', ";"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_without_the_token_nothing(address: str, results: Path) -> None:
    client = asking(results)
    for query in WRONG_QUERIES:
        answer = client.get(address + query, cookie="")
        assert (answer.status, "set-cookie" in answer.headers) == (403, False), query
        assert "fusion" not in answer.text and TOKEN not in answer.text
    for cookie in WRONG_COOKIES:
        assert client.get(address, cookie=f"hetsched-{PORT}={cookie}").status == 403
    assert client.get(address, cookie=f"hetsched-{PORT + 1}={TOKEN}").status == 403


def test_the_token_becomes_a_cookie_that_only_this_site_gets(client: Client) -> None:
    answer = client.get(f"/?token={TOKEN}", cookie="")
    assert answer.headers["set-cookie"] == f"hetsched-{PORT}={TOKEN}; HttpOnly; Path=/; SameSite=strict"
    assert answer.status == 200 and "fusion" not in answer.text
    assert TOKEN not in answer.text, "nor is it in the address that comes next"
    assert client.get("/", cookie=f"a=b; hetsched-{PORT}={TOKEN}").status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
@pytest.mark.parametrize("address", ["/", "/at/one/events.jsonl"])
def test_it_can_only_be_read(method: str, address: str, client: Client, results: Path) -> None:
    before = (results / "one" / "events.jsonl").read_bytes()
    answer = client.get(address, method=method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert (results / "one" / "events.jsonl").read_bytes() == before


@pytest.mark.parametrize("address", ["/", "/at/one/", "/at/one/events.jsonl", "/document/one/", "/no-such"])
def test_headers(address: str, client: Client) -> None:
    said = client.get(address).headers
    assert said["x-content-type-options"] == "nosniff"
    assert said["cache-control"] == "no-store"
    assert said["referrer-policy"] == "no-referrer"
    assert said["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in said
    policy = said["content-security-policy"]
    assert policy.startswith("default-src 'none'; ") and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy and "http" not in policy and "*" not in policy


OTHERS = ["evil.example", "evil.example:8765", "localhost.evil.example", "localhost.", "127.0.0.1.evil.example"]
OTHERS += ["10.0.0.1", "0.0.0.0", "user@evil.example", "[::1", "localhost,evil.example", ""]


@pytest.mark.parametrize("host", OTHERS)
def test_another_name_is_refused(host: str, client: Client) -> None:
    answer = client.get("/", host=host)
    assert answer.status == 400 and "fusion" not in answer.text
    assert client.get(f"/?token={TOKEN}", host=host, cookie="").status == 400


@pytest.mark.parametrize("host", ["localhost", "localhost:9000", "127.0.0.1:1", "[::1]:8765", "LOCALHOST", "127.8.8.8"])
def test_this_machine_is_known_by_any_port(host: str, client: Client) -> None:
    assert client.get("/", host=host).status == 200


def test_a_server_for_others_is_known_by_its_addresses_and_the_name_it_was_given() -> None:
    assert is_known("10.0.0.1:80", "0.0.0.0") and is_known("[fe80::1]", "::") and is_known("lab.example", "lab.example")
    assert not is_known("evil.example", "0.0.0.0") and not is_known("evil.example", "lab.example")
