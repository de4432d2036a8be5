"""Every reader of users' files: any form in, one shape of rows out."""

from adc.archives.columns import archive_rows, id_rows, kept_columns
from adc.archives.opening import checked_archive, open_archive
from adc.archives.readers import read_archive

__all__ = ["archive_rows", "checked_archive", "id_rows", "kept_columns", "open_archive", "read_archive"]
