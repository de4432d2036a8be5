from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from adc.lookup_server.faults import Behaviour
from adc.lookup_server.server import LookupServer
from adc.samples import SampleTweet, sample_corpus, write_sample_corpus
from tests.end_to_end.submit import Submitter


@pytest.fixture(scope="module")
def submit(tmp_path_factory: pytest.TempPathFactory) -> Submitter:
    return Submitter(tmp_path_factory.mktemp("pipeline") / "lake")


@pytest.fixture(scope="module")
def corpus() -> list[SampleTweet]:
    return sample_corpus(1500, seed=7)


@pytest.fixture(scope="module")
def corpus_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "corpus.csv"
    write_sample_corpus(path, 1500, seed=7)
    return path


@pytest.fixture
def serve(corpus: list[SampleTweet]) -> Iterator[Callable[..., LookupServer]]:
    """Starts a look-up server on the corpus that behaves as told."""
    servers: list[LookupServer] = []

    def start(**behaviour: Any) -> LookupServer:
        servers.append(LookupServer({t.id: t.text for t in corpus}, Behaviour(**behaviour)).start())
        return servers[-1]

    yield start
    for server in servers:
        server.close()
