"""What holds for every text: properties of the rules and of the shipped profiles."""

import itertools
import random
import re
import struct
import time
import unicodedata
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adc.cleaning import Profile, by_text, clean_array, clean_text, load_profile, profiles, rules, words
from adc.cleaning.patterns import MAYBE_MARKS, NOT_PLAIN, in_python
from adc.cleaning.profiles import MANY, profile_of
from adc.cleaning.rows import AGGRESSIVE
from adc.cleaning.rules import MARKERS, RULES
from adc.errors import UsageError

PROFILES = ("model", "light")
INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u061c\u202a\u202c\u2066\u2069\ufeff\u00ad\u2060\ufe0f\x00\x7f"
LETTERS = "ابتثجحخدذرزسشصضطظعغفقكلمنهويىةءؤئأإآ"
# What tweets are made of. No lone >: a tag that is spelled with stretched or full-width letters is only
# seen by a second cleaning.
PIECES = (
    *LETTERS,
    *"ٱگچڤپﷲﻻﷺ\u0640\u064e\u0651\u0670٠٥۹",
    *"abtzRTİé059٫.,:;!?؟،/\\-_#@<()\"'*+=%",
    *" \t\n\r\x0b\x85\u00a0\u2028\u3000",
    *INVISIBLE,
    *"😂❤©‼™\U0001f1ea\U0001f1ec👍\U0001f3fd♀👩🔥\u20e3①½²Ａ",
    *("&amp;", "&amp;lt;", "&quot;", "<br>", "</b>", "RT @", "@a:", "a@b.example"),
    *("https://t.co/", "http://", "www.", "t.co/", "pic.twitter.com/"),
    *("USER", "URL", "NEWLINE", "HASHTAG", "[رابط]"),
    *("الله", "كلمة", "ههههه", "اااا", "ssss", *MARKERS.values(), *MARKERS),
)
MORE_PIECES = (
    *"ااااههههخخحلل",
    *"\x01\x1c\x7f\u0600\u0605\u061a\u06dd\u0620\u0653\u0654\u0301",
    *("هاها", "lol", "haha"),
)
TWEETS = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)
ANYTHING = st.text(alphabet=st.characters(exclude_categories=()), max_size=60)  # lone surrogates too
quick = settings(max_examples=100, derandomize=True, deadline=None)


@pytest.mark.parametrize("profile", PROFILES)
@given(text=ANYTHING | TWEETS)
@quick
def test_any_text_is_cleaned_to_tidy_text(profile, text):
    cleaned = clean_text(text, profile)
    cleaned.encode("utf-8")
    assert cleaned.split(" ") == cleaned.split() or cleaned == ""
    assert not re.search("[\u200b\u200e\u200f\ufeff\x00\u064e\u0640]", cleaned)


@pytest.mark.parametrize("profile", PROFILES)
@given(text=TWEETS)
@quick
def test_cleaning_what_is_clean_changes_nothing(profile, text):
    once = clean_text(text, profile)
    assert clean_text(once, profile) == once


@pytest.mark.parametrize("profile", PROFILES)
@given(texts=st.lists(TWEETS | ANYTHING.filter(str.isprintable) | st.none(), max_size=8))
@quick
def test_a_column_is_cleaned_as_its_texts_are_and_nulls_stay(profile, texts):
    column = pa.array(texts + ["كلمة"] * MANY, pa.string())
    cleaned = clean_array(column, load_profile(profile)).to_pylist()[: len(texts)]
    assert cleaned == [None if text is None else clean_text(text, profile) for text in texts]


ALONE = [
    profile_of("alone", {"tashkeel": True, "white_space": True, rule.name: choice})
    for rule in RULES
    for choice in rule.choices
]
FIRST, LAST = (profile_of("all", {rule.name: [*rule.choices][place] for rule in RULES}) for place in (0, -1))


def in_words_and_whole(texts: list[str | None], profile: Profile) -> tuple[list[str], list[str]]:
    """The texts cleaned as a column that is taken apart into words, and rule by rule."""
    column = pa.array(texts, pa.string())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(profiles, "MANY", 0)
        by_words = clean_array(column, profile).to_pylist()
        patch.setattr(profiles, "MANY", len(column) + 1)
        return by_words, clean_array(column, profile).to_pylist()


@pytest.mark.parametrize("profile", [FIRST, LAST])
def test_every_character_is_cleaned_by_words_as_rule_by_rule(profile, monkeypatch):
    # No neighbour's kinds shall make up for a kind that a word lacks.
    monkeypatch.setattr(words, "_WORDS_A_TEXT", 1)
    parts = ((0, 0x3400), (0xA640, 0xABC0), (0xE000, 0xE020), (0xF900, 0x10000), (0x10780, 0x107C0))
    more = (
        (0x1D400, 0x1D800),
        (0x1DF00, 0x1E100),
        (0x1EE00, 0x1EF00),
        (0x1F000, 0x1FC00),
        (0xE0000, 0xE0200),
    )
    codes = itertools.chain(*(range(*part) for part in (*parts, *more)))
    texts = [f"{char}ب كم{char} {char} a{char * 3}1 ا{char}\u0653 .{char}." for char in map(chr, codes)]
    by_words, whole = in_words_and_whole(texts, profile)
    assert by_words == whole


@pytest.mark.parametrize("profile", [FIRST, LAST, *ALONE], ids=str)
@given(texts=st.lists(TWEETS, min_size=20, max_size=60))
@settings(max_examples=2, derandomize=True, deadline=None)
def test_any_words_are_cleaned_as_rule_by_rule(profile, texts):
    by_words, whole = in_words_and_whole(texts, profile)
    assert by_words == whole


@pytest.mark.parametrize("profile", [FIRST, LAST, *map(load_profile, PROFILES), AGGRESSIVE])
def test_short_words_of_few_characters_are_cleaned_as_rule_by_rule(profile, monkeypatch):
    monkeypatch.setattr(words, "_WORDS_A_TEXT", 1)
    draw = random.Random(0)
    alphabets = [draw.sample(PIECES + MORE_PIECES, draw.choice([2, 2, 3, 4])) for _ in range(4000)]
    texts = ["".join(draw.choices(alphabet, k=draw.randint(1, 8))) for alphabet in alphabets]
    by_words, whole = in_words_and_whole(texts, profile)
    assert by_words == whole


@pytest.mark.parametrize(
    "text",
    [
        "كلمة \n \u2028كلمة",
        "أول\n \n ثاني",
        "\u200fR\u0640T @somebody: كلمة",
        "كلمة RT @somebody: كلمة",
        "<b كلمة> كلمة",
        "كلمة &lt;br كلمة&gt;",
        "™ كلمة \U000107bb",
        "aaa \u0130\u0130\u0130 aaa",
        "\x1fكلمة\x1f \x1f",
        "قاا\x01ام",
        "  ",
        "",
    ],
)
@pytest.mark.parametrize("profile", [FIRST, LAST, load_profile("model"), load_profile("light")])
def test_neighbours_make_no_difference(profile, text, monkeypatch):
    alone = clean_text(text, profile)
    monkeypatch.setattr(profiles, "MANY", 0)
    for neighbour in ("", "اااا", "aaa", "<b> & @a ™", "😂\u200d", "x>", "\n"):
        column = clean_array(pa.array([neighbour, text, neighbour]), profile)
        assert column[1].as_py() == alone


def test_controls_at_a_words_end_stay_where_no_rule_takes_them_out():
    profile = profile_of("own", {"tashkeel": True, "digits": True, "white_space": True})
    texts = ["a\x1c b", "\x1f٥ b\x1d", "كلمة"] * 10
    by_words, whole = in_words_and_whole(texts, profile)
    assert by_words == whole == ["a\x1c b", "\x1f5 b\x1d", "كلمة"] * 10


def test_bytes_under_a_null_are_no_text():
    offsets, data = (pa.py_buffer(part) for part in (struct.pack("3i", 0, 8, 16), "هههههههه".encode()))
    texts = pa.StringArray.from_buffers(2, offsets, data, pa.py_buffer(b"\x02"))
    assert clean_array(texts, profile_of("own", {"elongation": "two"})).to_pylist() == [None, "هه"]


def test_columns_may_be_slices_empty_or_of_nothing():
    model = load_profile("model")
    texts = ["كلمة", None, "", "@a حلوووو", " "] * MANY
    cleaned = clean_array(pa.array(texts, pa.string()), model)
    assert clean_array(pa.array(texts, pa.string()).slice(3, 2 * MANY), model).equals(
        cleaned.slice(3, 2 * MANY)
    )
    assert clean_array(pa.array(texts, pa.large_string()), model).equals(cleaned)
    for nothing in ([], [None] * MANY, [""] * MANY, ["كلمة"] * MANY):
        assert clean_array(pa.array(nothing, pa.string()), model).to_pylist() == nothing


@given(texts=st.lists(st.sampled_from([*MARKERS.values(), "كلمة", "NLP"]), max_size=10))
@quick
def test_markers_survive_where_they_already_stand(texts):
    assert clean_text(" ".join(texts), "model") == " ".join(texts).replace("NLP", "nlp")


@pytest.mark.parametrize("profile", PROFILES)
@given(words=st.lists(st.text(LETTERS, min_size=1, max_size=6), min_size=1, max_size=6), marks=st.data())
@quick
def test_invisible_marks_neither_split_nor_join_words(profile, words, marks):
    text = " ".join(words)
    places = marks.draw(st.lists(st.integers(0, len(text)), max_size=8))
    marked = text
    for place in sorted(places, reverse=True):
        marked = marked[:place] + marks.draw(st.sampled_from(INVISIBLE)) + marked[place:]
    assert clean_text(marked, profile) == clean_text(text, profile)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("written", ["الله", "اللّٰه", "اللَّهُ", "ﷲ", "الل\u0640ـه", "\u200fالله\u200c", "ﺍﻟﻠﻪ"])
def test_allah_survives(profile, written):
    assert clean_text(f"والحمد {written} دايما", profile) == "والحمد الله دايما"


@pytest.mark.parametrize("name", ["\ue000", "\ue005", "&#xe000;", "&#57344;"])
def test_private_characters_of_the_text_are_not_taken_for_markers(name):
    assert clean_text(f"كلمة {name} كلمة", "model") == "كلمة \ufffd كلمة"


def test_every_rule_but_first_and_last_can_be_switched_alone():
    text = (
        "RT @a: <b>مَــرحبا</b>\n#يا_ناس ٥ OK اااا أإؤة على ﻻ\u200f 😍 https://t.co/a a@b.example كيف؟ "
        "ک چ :) !!! هههه URL "
    )
    for rule in RULES:
        for choice in rule.choices:
            alone = clean_array(pa.array([text]), profile_of("alone", {rule.name: choice}))[0].as_py()
            assert alone != text, (rule.name, choice)


def test_profiles_are_told_apart_by_their_switches_alone():
    model = load_profile("model")
    assert profile_of("other", dict(reversed(model.switches.items()))).hash == model.hash
    assert profile_of("model", {**model.switches, "alef": True}).hash != model.hash
    assert profile_of("model", {**model.switches, "alef": False}).hash == model.hash
    assert len({load_profile(name).hash for name in PROFILES}) == 2
    assert re.fullmatch("[0-9a-f]{16}", model.hash)


def test_a_users_own_profile(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("alef: true\nemoji: drop\nlatin: false\nwhite_space: 'on'\n")
    assert clean_text("أهلا 😍 OK", str(file)) == "اهلا OK"
    assert load_profile(str(file)).name == "mine"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("alif: true", "no rule alif; there are html, line_breaks"),
        ("emoji: rop", "emoji: rop; it can be true, false, keep, marker, drop"),
        ("emoji: 1", "emoji: 1; it can be"),
        ("emoji: [drop]", "emoji: ['drop']; it can be"),
        ("- emoji", "expected a switch by rule name"),
        ("emoji: [", "while parsing"),
        ("3: true", "no rule 3"),
        ("3: true\nalif: true", "no rule 3"),
        (b"emoji: \xff", "'utf-8' codec can't decode"),
    ],
)
def test_a_profile_that_is_wrong_is_refused_by_name(tmp_path, content, complaint):
    file = tmp_path / "mine.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError) as refused:
        load_profile(str(file))
    assert re.sub("^cleaning profile .*?: ", "", str(refused.value)).startswith(complaint)
    assert "mine" in str(refused.value)


def test_a_profile_that_is_not_there():
    with pytest.raises(UsageError, match=r"clean.profile=nope: neither model nor light, nor a file"):
        load_profile("nope")


def test_what_counts_as_plain_is_what_nfkc_leaves_alone():
    letters = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x110000))))
    plain = [char for char in letters if not re.match(in_python(NOT_PLAIN), char)]
    changed = [char for char in plain if unicodedata.normalize("NFKC", char) != char]
    assert len(plain) > 1500
    assert changed == []
    # Nor does one compose with another, but for vowel marks' order.
    marks = [char for char in plain if unicodedata.combining(char)]
    for char in plain:
        for mark in marks:
            assert set(unicodedata.normalize("NFKC", char + mark)) == {char, mark}


def test_the_documentation_lists_every_rule_with_its_choices():
    page = (Path(__file__).parents[3] / "docs" / "cleaning.md").read_text(encoding="utf-8")
    for rule in RULES:
        choices = " ".join(f"`{choice}`" for choice in rule.choices)
        assert f"| `{rule.name}` | {rule.meaning} | {choices} |" in page


def test_an_entity_of_more_digits_than_python_reads_is_no_character():
    assert clean_text(f"كلام &#{'9' * 5000}; بس") == "كلام \ufffd بس"


LONG_CHAINS = {
    "ampersands": ("&", "amp;", ""),
    "numbers": ("&", "#38;#x26;AMP;", ""),
    "names": ("&", "amp", ";"),
    "entities of entities": ("", "&#", "5" + "3;" * 1000),
    "marks": ("e", "\u0327\u0301", ""),
    "marks beside a sign": ("™e", "\u0327\u0301", ""),
    "vowels": ("é", "\u064e\u0650", ""),
    "several marks as one": ("e", "\u0344\u0345\u0f73", ""),
    "marks of other kinds": ("e", "\uff9e\u0301\ufc5e", ""),
    "marks that Python does not know": ("e", "\u0301\U00010efd", ""),
}


@pytest.mark.parametrize("chain", LONG_CHAINS)
def test_a_text_made_to_take_long_takes_no_longer_than_its_length(chain):
    first, part, last = LONG_CHAINS[chain]
    text = first + part * (600_000 // len((first + part).encode())) + last
    start = time.process_time()
    alone = clean_text(text, "model")
    # In the square of its length it would be a minute or more.
    assert time.process_time() - start < 10
    column = clean_array(pa.array([text] + ["كلمة é"] * MANY), load_profile("model"))
    assert column[0].as_py() == alone


def test_a_chain_of_joined_emoji_takes_no_longer_than_its_length():
    repeats = profile_of("own", {"repeats": "one"})
    start = time.process_time()
    clean_array(pa.array(["👩\u200d" * 20_000 + "👩!!!"]), repeats)
    # In the square of its length it would be a minute or more.
    assert time.process_time() - start < 10
    family = "👩\u200d👩\u200d👧\u200d👦"
    assert clean_array(pa.array([f"بيت {family * 3} حلو!!!"]), repeats)[0].as_py() == f"بيت {family} حلو!"


@pytest.mark.parametrize("level", [1, 2, 7, 12, 40, 3000])
def test_entities_are_replaced_to_a_fixed_point(level):
    for ampersand in ("amp;", "AMP;", "#38;", "#x26;"):
        assert clean_text(f"a &{ampersand * level}lt; b &{ampersand * level} c") == "a < b & c"


@given(
    st.lists(st.sampled_from("e\u0301\u0327\u064e\u0651\u0344\u0f73\uff9e\ufc5e\u0345é™½ﷲ😂・"), min_size=1)
)
@quick
def test_long_runs_of_marks_are_normalised_as_short_ones(characters):
    def cleaned() -> str:
        return clean_array(pa.array(["".join(characters)]), profile_of("own", {"unicode": True}))[0].as_py()

    short = cleaned()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "MANY_MARKS", 1)
        patch.setattr(by_text, "_MARKS", re.compile(in_python(f"{MAYBE_MARKS}+")))
        assert cleaned() == short
