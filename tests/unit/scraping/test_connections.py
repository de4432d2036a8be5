"""What stands between a look-up and its API: certificates, proxies, and answers of many megabytes."""

import shutil
import ssl
import subprocess

import pytest
from odd_api import served

from adc.lookup_server.server import LookupServer
from adc.scraping.apis import BatchApi
from adc.settings import Settings

FOUND = (200, b'{"4": "a"}', {})


def asked(url):
    """The answer for the id, and what is wrong with it."""
    response, answers = BatchApi(url, None, 5.0, Settings().scrape.max_body).ask(["4"])
    return answers.get("4"), response.problem


@pytest.fixture
def elsewhere(monkeypatch):
    """This machine taken for another one: of this very one nothing is read from the environment."""
    monkeypatch.setattr("adc.scraping.apis.is_loopback", lambda url: False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl to make a certificate with")
def test_a_certificate_that_nobody_vouches_for_is_refused(elsewhere, monkeypatch, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=here"
    places = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*made.split(), *places], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with served("POST", lambda _: FOUND, tls) as url:
        refused = asked(url)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        trusted = asked(url)
    assert refused == (None, "SSLError")
    assert trusted == ("a", None)


@pytest.mark.parametrize(
    ("scheme", "method", "path"),
    [("http", "POST", "http://api.example.org/look"), ("https", "CONNECT", "api.example.org:443")],
)
def test_a_proxy_of_the_environment_is_used_for_other_machines(monkeypatch, elsewhere, scheme, method, path):
    paths = []

    def answer(request):
        paths.append(request.path)
        return FOUND if scheme == "http" else (403, b"", {})  # no tunnel, so nothing is asked outside

    with served(method, answer) as proxy:
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", proxy)
        found = asked(f"{scheme}://api.example.org/look")
    assert paths == [path]
    assert found == (("a", None) if scheme == "http" else (None, "ProxyError"))


def test_a_text_of_ten_megabytes_is_kept():
    text = "شلونك " * 1_000_000
    assert len(text.encode()) > 10_000_000
    with LookupServer({"4": text}) as server:
        assert asked(server.url) == (text, None)
