"""The command adc: what needs neither Spark nor TensorFlow."""

import argparse
import codecs
import io
import os
import select
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from adc.errors import AdcError, UsageError

# Of standard input: some 2,000 tweets, if so many are there.
BYTES_AT_ONCE = 1 << 18


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one subcommand and returns its exit status: 0, 1 for a full disk, 2 for wrong usage or input."""
    parser = argparse.ArgumentParser(prog="adc", description="Arabic dialect classification.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_classify(commands)
    _add_clean(commands)
    _add_lookup_server(commands)
    _add_sample_corpus(commands)
    settings = commands.add_parser("settings", help="list every setting with its default and meaning")
    settings.set_defaults(run=_settings)
    args = parser.parse_args(argv)
    # Whatever the locale: the texts are Arabic.
    sys.stdout.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    try:
        args.run(args)
        # What is left to Python's exit and cannot be written there is no error that could be caught.
        sys.stdout.flush()
    except AdcError as error:
        print(f"adc: {error}", file=sys.stderr)
        return error.exit_status
    except OSError as error:
        # Nothing more may be written at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # the reader, such as `head`, has seen enough
            print(f"adc: {error}", file=sys.stderr)
            return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _lines(args: argparse.Namespace) -> Iterator[list[str]]:
    """The texts given as arguments, else the lines of standard input, in lists; each is answered at once."""
    for lines in [args.text] if args.text else _standard_input():
        yield lines
        sys.stdout.flush()


def _standard_input() -> Iterator[list[str]]:
    """Its lines, as many at once as are there: who writes one may wait for what is told of it."""
    from adc.texts import LINES_SEEN, require_utf8

    if sys.stdin is None:
        raise UsageError("there is no standard input; give a text")
    # A byte order mark is no part of the first text.
    utf8 = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
    decoder = io.IncrementalNewlineDecoder(utf8, translate=True)
    rest, first = "", list[str]()
    for chunk in _chunks(sys.stdin.buffer):
        *lines, rest = (rest + decoder.decode(chunk, final=not chunk)).split("\n")
        if rest and not chunk:
            lines.append(rest)
        if len(first) < LINES_SEEN:
            first += [line for line in lines if line.strip()]
            require_utf8(first, "standard input")
        if lines:
            yield lines


def _chunks(stdin: Any) -> Iterator[bytes]:
    """Its bytes, as many at once as are there; at the end none."""
    while chunk := stdin.read1(BYTES_AT_ONCE):
        while len(chunk) < BYTES_AT_ONCE and _more_is_there() and (more := stdin.read1(BYTES_AT_ONCE)):
            chunk += more
        yield chunk
    yield b""


def _more_is_there() -> bool:
    """Whether standard input need not be waited for; where that cannot be told, it is."""
    try:
        return bool(select.select([sys.stdin], [], [], 0)[0])
    except (OSError, ValueError):
        return True


def _add_classify(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("classify", help="say the dialect of texts, or of lines on standard input")
    parser.add_argument("text", nargs="*", help="a text; none: lines of standard input")
    parser.add_argument(
        "--bundle", metavar="DIR", help="the model (default: score.bundle, else the one that comes with adc)"
    )
    parser.add_argument("--json", action="store_true", help="JSON lines with all columns of `predictions`")
    parser.add_argument(
        "--csv",
        metavar="FILE",
        help="a CSV file in place of texts: its rows as CSV, what is said of each behind",
    )
    parser.add_argument(
        "--text", dest="text_column", metavar="COLUMN", help="the file's column of texts (default: text)"
    )
    parser.set_defaults(run=_classify)


def _classify(args: argparse.Namespace) -> None:
    from adc.classification import classify

    if args.csv is not None:
        _classify_csv(args)
        return
    if args.text_column is not None:
        raise UsageError("--text names a column of --csv FILE; a text stands by itself: adc classify TEXT")
    for texts in _lines(args):
        found = classify(texts, args.bundle)
        if args.json:
            print(found.to_json(orient="records", lines=True, force_ascii=False, date_format="iso"), end="")
            continue
        for row in found.to_dict(orient="records"):
            likely = ", ".join(f"{one['dialect']} {one['probability']:.2f}" for one in row["top_k"] or ())
            region = f"{row['region']} {row['region_confidence']:.2f}" if row["region"] else ""
            print(row["dialect"] or row["note"], region, likely, sep="\t")


def _classify_csv(args: argparse.Namespace) -> None:
    import csv

    from adc.classified_csv import classified_csv

    if not args.csv or args.text or args.json:
        raise UsageError("--csv takes a file's name, and neither texts nor --json beside it")
    # So that bytes which are no UTF-8 stay as they are.
    sys.stdout.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
    plain, quoted = (
        csv.writer(sys.stdout, lineterminator="\n", quoting=quoting)
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL)
    )
    column = "text" if args.text_column is None else args.text_column
    for record in classified_csv(args.csv, column, args.bundle):
        # The module does not quote \r, at which readers of CSV, itself too, end a row.
        (quoted if any("\r" in value for value in record) else plain).writerow(record)


def _add_clean(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("clean", help="clean texts, or lines of standard input")
    parser.add_argument("text", nargs="*", help="a text; none: lines of standard input")
    parser.add_argument("--profile", default="light", help="light, model, or a YAML file (default: light)")
    parser.set_defaults(run=_clean)


def _clean(args: argparse.Namespace) -> None:
    import pyarrow as pa

    from adc.cleaning import clean_array, load_profile
    from adc.texts import whole_text

    profile = load_profile(args.profile)
    for texts in _lines(args):
        # Arguments may hold bytes that are no UTF-8, as surrogates.
        whole = [whole_text(text, "a text") for text in texts]
        print(*clean_array(pa.array(whole, pa.string()), profile).to_pylist(), sep="\n")


def _add_lookup_server(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "lookup-server", help="serve a corpus over the look-up API, to rehearse a scrape"
    )
    parser.add_argument(
        "--corpus", required=True, metavar="FILE", help="CSV, Parquet or JSON lines with id and text"
    )
    parser.add_argument("--id", default="id", metavar="COLUMN", help="column of the ids (default: id)")
    parser.add_argument(
        "--text", default="text", metavar="COLUMN", help="column of the texts (default: text)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8077, help="port; 0 takes a free one (default: 8077)")
    parser.add_argument("--latency", type=float, default=0, metavar="S", help="seconds before every answer")
    parser.add_argument(
        "--rate-limit", type=float, default=0, metavar="N", help="requests a second; more get 429"
    )
    for fault, meaning in (
        ("error", "an error status or a body that is not the API's"),
        ("cut", "a body that breaks off"),
        ("reset", "a reset connection"),
        ("drip", "a body that comes slowly"),
    ):
        parser.add_argument(
            f"--{fault}-rate",
            type=float,
            default=0,
            metavar="P",
            help=f"share of requests that get {meaning}",
        )
    parser.add_argument(
        "--drip-seconds", type=float, default=5, metavar="S", help="how long a slow body takes"
    )
    parser.add_argument("--token", help="the bearer token to ask for")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of faults")
    parser.set_defaults(run=_lookup_server)


def _lookup_server(args: argparse.Namespace) -> None:
    from dataclasses import fields

    from adc.lookup_server.corpus import load_corpus
    from adc.lookup_server.faults import Behaviour
    from adc.lookup_server.server import LookupServer

    behaviour = Behaviour(**{field.name: getattr(args, field.name) for field in fields(Behaviour)})
    texts = load_corpus(args.corpus, args.id, args.text)
    with LookupServer(texts, behaviour, args.host, args.port) as server:
        print(f"serving {len(texts):,} texts at {server.url} (Ctrl-C ends it)", flush=True)
        server.wait()


def _add_sample_corpus(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("sample-corpus", help="write invented tweets in all 18 dialects as CSV")
    parser.add_argument("path", metavar="FILE.csv", help="where to write (id, dialect, text)")
    parser.add_argument("--rows", type=int, default=4000, help="how many (default: 4000)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, another corpus (default: 0)")
    parser.set_defaults(run=_sample_corpus)


def _sample_corpus(args: argparse.Namespace) -> None:
    from adc.samples import write_sample_corpus

    write_sample_corpus(args.path, args.rows, args.seed)
    print(f"{args.rows:,} tweets written to {args.path}")


def _settings(args: argparse.Namespace) -> None:
    from adc.settings import describe

    for key, default, meaning in describe():
        shown = "null" if default is None else default
        print(f"{key} = {shown}\n    {meaning}")
    print("spark.… = \n    Any setting of Spark's own, by its full name.")
    print("\nSet by --set key=value, by ADC_SECTION__NAME in the environment, or in a file (--env).")
