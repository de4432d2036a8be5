"""What the first lines of a CSV tell: its separator, its line ending, and the names of its columns."""

import pytest

from adc.archives.csv_files import _compared, _csv_shape, _header
from adc.csv_header import NO_SEPARATOR
from adc.errors import UsageError


@pytest.mark.parametrize(
    ("lines", "separator", "line_ending"),
    [
        (["id,text", "1,a;b;c"], ",", "\n"),
        (["id;text,long;dialect"], ";", "\n"),
        (["id\ttext"], "\t", "\n"),
        (["id,text\r", "1,a\r"], ",", "\n"),
        # Lines that end with \r alone are one line to who looks for \n.
        (["id,text\r1,a\r2,b"], ",", None),
        (["   ", " \r", "id;text"], ";", "\n"),
        (["text"], NO_SEPARATOR, "\n"),
        ([], NO_SEPARATOR, "\n"),
    ],
)
def test_the_first_line_that_is_not_blank_shows_the_shape(lines, separator, line_ending):
    assert _csv_shape(lines) == (separator, line_ending)


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        (["id,text"], ["id", "text"]),
        (["\ufeffid,text\r"], ["id", "text"]),
        ([' id , "text" '], ["id", "text"]),
        (['\ufeff"id","te,xt"'], ["id", "te,xt"]),
        (['id,"two', 'lines",dialect'], ["id", "two\nlines", "dialect"]),
        ([",text,"], ["_c0", "text", "_c2"]),
        ([], []),
    ],
)
def test_names_are_read_without_quotes_and_blanks(lines, names):
    assert _header("a.csv", lines) == names


@pytest.mark.parametrize(("lines", "why"), [([" , ,"], "its first line is blank"), (["   "], "is blank")])
def test_a_header_without_a_name_is_refused_with_the_file(lines, why):
    with pytest.raises(UsageError, match=rf"^input a\.csv: .*{why}"):
        _header("a.csv", lines)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (["id", "Text"], ["ID", "text"], True),
        (["id", "text"], ["text", "id"], False),
        (["1175358310087892993"], ["7"], True),
        (["1175358310087892993"], ["ids"], False),
    ],
)
def test_headers_are_compared_without_regard_to_case_and_first_ids(one, other, alike):
    assert (_compared(one) == _compared(other)) is alike
