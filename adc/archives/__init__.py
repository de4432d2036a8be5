"""Every reader of users' files: any form in, one shape of rows out."""

from adc.archives.columns import archive_rows, id_rows, kept_columns
from adc.archives.lines import Source
from adc.archives.opening import checked_archive, open_archive
from adc.archives.readers import read_archive
from adc.archives.untaken import Untaken

__all__ = [
    "Source",
    "Untaken",
    "archive_rows",
    "checked_archive",
    "id_rows",
    "kept_columns",
    "open_archive",
    "read_archive",
]
