"""JSON that is no lines, cut into its values: nothing is lost, nothing passes through a number."""

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adc.archives.json_values import json_values, spans_lines, split_texts

OBJECTS = st.lists(
    st.dictionaries(st.text(max_size=5), st.text(max_size=20) | st.integers() | st.none(), max_size=4),
    max_size=5,
)
WAYS = {
    "array": json.dumps,
    "printed": lambda objects: json.dumps(objects, indent=2, ensure_ascii=False),
    "one after the other": lambda objects: "\n".join(json.dumps(each, indent=1) for each in objects),
    "side by side": lambda objects: " ".join(map(json.dumps, objects)),
    "archive": lambda objects: f"window.YTD.tweets.part0 = {json.dumps(objects, indent=4)}",
    "byte order mark": lambda objects: "\ufeff" + json.dumps(objects),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@given(objects=OBJECTS)
def test_every_object_comes_out_as_it_went_in(way, objects):
    assert [json.loads(value) for value in json_values(way(objects))] == objects


def test_numbers_are_left_as_they_are_written():
    digits = "12345678901234567890123456789"
    assert list(json_values(f'[{{"id": {digits}, "at": 1.50}}]')) == [f'{{"id": {digits}, "at": 1.50}}']


def test_after_a_torn_object_reading_goes_on_where_the_next_begins_as_far_in():
    text = '[\n  {"id": "1"},\n  {"id": "2", "text": {\n    {"inner": 1}\n  {"id": "3"},\n  {"id": "4"}\n]'
    assert list(json_values(text)) == [
        '{"id": "1"}',
        '{"id": "2", "text": {\n    {"inner": 1}',
        '{"id": "3"}',
        '{"id": "4"}',
    ]


@pytest.mark.parametrize(
    "torn", ['{"id": "2", "te', '{"id": "2"}, {"id', '{"a": ' * 100_000], ids=["short", "second", "deep"]
)
def test_what_is_torn_to_the_end_is_one_value(torn):
    *whole, last = json_values(f'[{{"id": "1"}},\n{torn}')
    assert whole[0] == '{"id": "1"}'
    assert torn.endswith(last)


@pytest.mark.parametrize(
    ("first", "second", "more_than_a_value_a_line"),
    [
        ('{"id": "1"}', '{"id": "2"}', False),
        ('{"id": "1"}', "", False),
        ("{", '  "id": "1"', True),
        ('{"data": [', "]}", True),
        # A line that is torn, among others; and one that is all there is.
        ('{"id": "1", "te', '{"id": "2"}', False),
        ('{"id": "1", "te', "", False),
        ("[", '{"id": "1"},', True),
        ('[{"id": "1"}]', "", False),
        ('\ufeff[{"id": "1"},', "", True),
        ("window.YTD.tweets.part0 = [", "{", True),
        ("window.YTD.tweets.part0 = []", "", True),
        ("", "", False),
    ],
)
def test_two_lines_tell_whether_a_line_is_a_value(first, second, more_than_a_value_a_line):
    assert spans_lines(first, second) is more_than_a_value_a_line


def test_files_come_in_and_values_go_out_a_batch_at_a_time(monkeypatch):
    monkeypatch.setattr("adc.archives.json_values.BATCH", 2)
    files = pa.RecordBatch.from_pydict({"value": ["[1, 2, 3]", "", "[4, 5]"], "day": [1, 2, None]})
    found = [batch.to_pydict() for batch in split_texts([files])]
    assert found == [
        {"value": ["1", "2"], "day": [1, 1]},
        {"value": ["3"], "day": [1]},
        {"value": ["4", "5"], "day": [None, None]},
    ]
