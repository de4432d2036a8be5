import pytest

from adc.model.encoder import UNKNOWN, Encoder

ENCODER = Encoder(("كيف", "<user>", "😂", "ok"), max_tokens=4)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("كيف <user> 😂 ok", [2, 3, 4, 5]),
        ("كيف كيف", [2, 2]),
        ("كيفك كيف", [UNKNOWN, 2]),
        ("OK", [UNKNOWN]),
        ("ok ok ok ok كيف كيف", [5, 5, 5, 5]),
        ("", [UNKNOWN]),
    ],
)
def test_words_become_their_rank_after_padding_and_the_unknown_word(text, ids):
    assert ENCODER.encode_all([text, text]) == [ids, ids]
    tokens = ENCODER.tokens([text, "ok", text])
    assert tokens.lengths.tolist() == [len(ids), 1, len(ids)]
    assert tokens.flat.tolist() == [*ids, 5, *ids]
    assert len(set(tokens.words)) == len(tokens.words) == len(tokens.ids)


def test_the_size_counts_padding_and_the_unknown_word():
    assert ENCODER.size == 6
    assert Encoder((), 1).size == 2
    assert Encoder((), 1).encode_all(["كيف حالك"]) == [[UNKNOWN]]


def test_no_texts_have_no_tokens():
    assert ENCODER.encode_all([]) == []
    assert ENCODER.tokens([]).flat.tolist() == []
