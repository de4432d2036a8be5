"""Every setting of every job: one typed tree with its defaults, validated by pydantic."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

# The one setting that is a secret of ours; Spark's own are told by their names, as Spark does itself, which
# does not know those of Azure's and Google's stores.
SECRET = "scrape.token"
SPARK_SECRETS = re.compile(r"(?i)secret|password|token|(access|account|private|encryption)[.]?key|[.]sas[.]")
HIDDEN = "**********"

Share = Annotated[float, Field(ge=0, le=1)]
# What Spark and TensorFlow take for a number of things.
LARGEST = 2**31 - 1
Count = Annotated[int, Field(ge=1, le=LARGEST)]
Natural = Annotated[int, Field(ge=0, le=LARGEST)]
Dropout = Annotated[float, Field(ge=0, lt=1)]


def _fit_for_a_header(token: SecretStr) -> SecretStr:
    if not re.fullmatch("[!-~]*", token.get_secret_value()):
        raise ValueError("white space, line breaks and letters beyond ASCII cannot be sent")
    return token


def _of_the_web(url: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]+\S*", url):
        raise ValueError("an address begins with http:// or https:// and a host, and has no white space")
    return url


def _without_password(url: str) -> str:
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise ValueError("an address that holds a password would be printed; use ADC_SCRAPE__TOKEN")
    return url


def _one_folder(name: str) -> str:
    # Hadoop keeps no file with a colon in its name, as those of a model's checkpoints.
    if not re.fullmatch(r"[^/\\@:\s.][^/\\@:\s]*", name):
        raise ValueError("a folder's name, not beginning with a dot, and without /, \\, @, : and white space")
    return name


def _listed(names: object) -> object:
    """Names by commas, as on a command line; lists stay as they are."""
    if names is None:
        return ()
    return [name.strip() for name in names.split(",") if name.strip()] if isinstance(names, str) else names


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


Names = Annotated[tuple[str, ...], BeforeValidator(_listed), AfterValidator(_each_once)]


class Section(BaseModel):
    """A named group of settings."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class LakeSettings(Section):
    """Where the tables are."""

    root: str = Field(
        "lake", min_length=1, description="Folder or URI of the tables, models, checkpoints and staged files."
    )
    catalog: str | None = Field(
        None,
        description="catalog.schema that holds the tables by name, there already and kept by a metastore; "
        "unset: they are paths under lake.root.",
    )
    small_files: Count = Field(
        64,
        description="A job ends with OPTIMIZE when a table it wrote has more small files (below 32 MB) than "
        "this, and they hold a tenth of its bytes or are ten times as many.",
    )


class ScrapeSettings(Section):
    """Looking up tweets over HTTP."""

    url: Annotated[str, AfterValidator(_of_the_web), AfterValidator(_without_password)] | None = Field(
        None, description="Address of the look-up API."
    )
    api: Literal["batch", "x2"] = Field(
        "batch",
        description="The API's contract; batch: POST of a JSON array of at most 1000 ids; x2: X API v2, "
        "GET of at most 100 (scrape.url is then the address of its /2/tweets).",
    )
    token: Annotated[SecretStr, AfterValidator(_fit_for_a_header)] | None = Field(
        None, description="Bearer token; only from the environment, as ADC_SCRAPE__TOKEN."
    )
    batch_size: Count | None = Field(
        None, description="Ids a request; unset: as many as the API takes, batch 1000, x2 100."
    )
    in_flight: Count = Field(8, description="Requests under way at once, for the whole job.")
    rate_limit: Annotated[float, Field(ge=0)] = Field(
        0, description="Requests a second for the whole job; 0: no limit."
    )
    timeout: Annotated[float, Field(gt=0)] = Field(
        30,
        description="Seconds to connect, and between two parts of an answer; ten times that for all of it.",
    )
    max_attempts: Count = Field(
        6,
        description="Times a batch that fails is asked before it is split, a lone id before it is `failed`; "
        "the job stops when max_attempts × (2 × in_flight + 2) tries in a row have failed.",
    )
    max_body: Count = Field(
        256 * 1024 * 1024,
        description="Most bytes of one answer; for a longer one the batch is split. "
        "A task holds in_flight of them at most.",
    )
    wave_seconds: Annotated[float, Field(gt=0)] = Field(
        60,
        description="How long a wave of look-ups should take: a kill costs it and those not committed yet.",
    )
    gate_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        0,
        description="Port that the driver listens on for the tasks' turns, where only known ports are open; "
        "0: chosen by the system.",
    )


class InputSettings(Section):
    """Which columns of a user's file hold what."""

    format: Literal["auto", "csv", "parquet", "json", "delta", "text"] = Field(
        "auto",
        description="Form of the input; auto: by its name, else its first bytes; json: lines, arrays, pages "
        "or tweets.js.",
    )
    id: str | None = Field(
        None,
        description="Column of the tweet id, user.id_str for one within another; none: there are no ids, or "
        "only row numbers, and a row gets its text's hash; unset, here and below: the first that is there of "
        "id_str, id, tweet_id, tweetid, status_id.",
    )
    text: str | None = Field(
        None,
        description="Column of the text; unset: text, full_text, tweet, tweet_text, content, body, value.",
    )
    label: str | None = Field(None, description="Column of the dialect; unset: dialect, label, country.")
    labels: str | None = Field(
        None,
        description="File that maps spellings of dialects to codes: YAML `Egypt: EG`, or CSV of two columns.",
    )
    keep: Names = Field(
        (),
        description="Further columns, by commas, to carry into clean_tweets and predictions as strings.",
    )
    author: str | None = Field(
        None,
        description="Column of the author: one author's tweets share a split; unset: author, author_id, "
        "user_id, user.id_str, user.id, author.id.",
    )
    created_at: str | None = Field(
        None, description="Column of the tweet's time; unset: created_at, date, timestamp."
    )
    source: str | None = Field(None, description="Name kept in `source`; unset: the input's file name.")
    weight: Annotated[float, Field(gt=0)] = Field(1.0, description="Weight of these rows in training.")
    split: Literal["auto", "train", "val", "test"] = Field(
        "auto",
        description="Split of these rows; auto: 80 % train, 10 % val, 10 % test, by hash of author or text.",
    )


class CleanSettings(Section):
    """Cleaning the texts."""

    profile: str = Field("model", description="Cleaning profile: model, light, or a YAML file of switches.")
    min_words: Count = Field(2, description="Arabic words below which a text is quarantined as too short.")
    min_arabic: Share = Field(0.5, description="Least share of Arabic among a text's letters.")


class ModelSettings(Section):
    """The network."""

    cell: Literal["lstm", "gru", "rnn", "none"] = Field(
        "gru", description="Recurrent cell; rnn and none are for study."
    )
    units: Count = Field(64, description="Units of the recurrent layer, each way.")
    embedding: Natural = Field(
        64, description="Size of a word's vector; 0: words are read by their evidence only."
    )
    dense: Natural = Field(
        128, description="Size of the dense layer that reads tokens beside the recurrent one; 0: none."
    )
    evidence: bool = Field(
        True,
        description="Whether each token carries the evidence of linear n-gram models, fitted out of fold.",
    )
    gram_min_count: Count = Field(
        5, description="Training texts that a character n-gram or a pair of words must occur in to be kept."
    )
    soft_labels: Share = Field(
        0.3, description="Share of the linear models' out-of-fold probabilities in what is learnt."
    )
    blend: Share = Field(
        0.5,
        description="Share of the linear models' log-probabilities in the answer; 0: the network answers "
        "alone, the bundle is smaller and scores faster.",
    )
    bayes_min_count: Natural = Field(
        2,
        description="Training texts that an n-gram must occur in for the naive Bayes among the linear "
        "models, the largest part of a bundle; 0: they do without it.",
    )
    vocabulary: Count = Field(40000, description="Most words kept, the commonest first.")
    min_count: Count = Field(2, description="Texts a word must occur in to be kept.")
    max_tokens: Count = Field(56, description="Tokens of a text that are read; the rest is cut off.")
    dropout: Dropout = Field(0.6, description="Share of word vectors' channels dropped in training.")
    evidence_dropout: Dropout = Field(
        0.1,
        description="Share of tokens whose evidence is hidden in training, so that the network learns from "
        "the words themselves, too.",
    )
    output_dropout: Dropout = Field(0.5, description="Share of the last layer's inputs dropped in training.")


class TrainSettings(Section):
    """Training it."""

    name: Annotated[str, AfterValidator(_one_folder)] = Field(
        "adc", description="Name of the bundle, under <lake.root>/models unless --bundle is given."
    )
    preset: Literal["adc", "classic-lstm", "classic-gru", "linear"] = Field(
        "adc",
        description="Values of model.… that are not set elsewhere; adc: the defaults; classic-lstm and "
        "classic-gru: the field's usual network on word ids; linear: evidence summed, no network.",
    )
    num_proc: Count = Field(2, description="Horovod ranks, one a task slot.")
    batch_size: Count = Field(128, description="Examples a step over all ranks.")
    epochs: Count = Field(3, description="Passes over the training split.")
    learning_rate: Annotated[float, Field(gt=0)] = Field(2e-3, description="Peak rate of Adam.")
    warmup_steps: Natural = Field(200, description="Steps over which the rate rises; at most a tenth of all.")
    evidence_rows: Count = Field(
        200_000, description="Training tweets that the linear models are fitted on, at most."
    )
    smoothing: Share = Field(0.03, description="Part of a label that is given to all dialects alike.")
    class_weight: Share = Field(
        0.3, description="Power of (mean / n) by which tweets of a dialect with n tweets are weighed."
    )
    plain_share: Share = Field(
        0.25,
        description="Share of training tweets read without their links, mentions and line breaks, as a text "
        "typed into a program has none.",
    )
    patience: Natural = Field(
        0,
        description="Epochs without a better validation macro-F1 after which training stops and the best is "
        "taken; 0: all epochs are run, and the last is taken.",
    )
    mixed_precision: bool = Field(
        False,
        description="Whether to compute in bfloat16, for GPUs that are faster so; all weights, and what the "
        "recurrent layer computes, stay float32.",
    )
    xla: bool = Field(False, description="Whether to compile the training step with XLA.")
    tensorboard: str | None = Field(
        None, description="Folder on the driver for TensorBoard's logs, one folder a run; unset: none."
    )
    shards: Count = Field(16, description="Files that the encoded training data is written to.")
    start_timeout: Count = Field(120, description="Seconds to wait for all ranks to start.")


_CLASSIC = {
    "model.evidence": False,
    "model.soft_labels": 0.0,
    "model.blend": 0.0,
    "model.dense": 0,
    "model.embedding": 128,
    "model.units": 128,
}
# Under what environment files, variables and the command line say, over the defaults.
PRESETS: dict[str, dict[str, Any]] = {
    "adc": {},
    "classic-lstm": _CLASSIC | {"model.cell": "lstm"},
    "classic-gru": _CLASSIC | {"model.cell": "gru"},
    "linear": {"model.cell": "none", "model.dense": 0, "model.embedding": 0, "model.blend": 0.0},
}


class ScoreSettings(Section):
    """Scoring archives."""

    bundle: str | None = Field(
        None,
        description="Bundle to score with when --bundle is not given; unset: the one that comes with adc.",
    )
    abstain_below: Share = Field(0, description="Confidence below which dialect is left null.")
    plausible_mass: Share = Field(
        0.9, description="Probability mass that the dialects in `plausible` hold together."
    )
    shares: Names = Field(
        (),
        description="What the table `shares` groups a corpus by: all, day, week, month or columns of "
        "predictions, by commas; empty: no shares are counted.",
    )
    top_k: Count = Field(3, description="Dialects listed in top_k.")
    batch_size: Count = Field(256, description="Texts a forward pass.")


class Settings(Section):
    """The whole tree."""

    seed: Natural = Field(0, description="Seed of all that is drawn at random.")
    lake: LakeSettings = LakeSettings()
    scrape: ScrapeSettings = ScrapeSettings()
    input: InputSettings = InputSettings()
    clean: CleanSettings = CleanSettings()
    model: ModelSettings = ModelSettings()
    train: TrainSettings = TrainSettings()
    score: ScoreSettings = ScoreSettings()
    spark: dict[str, str] = Field(
        default_factory=dict, description="Spark's own settings by their full names, spark.…"
    )

    def masked(self) -> dict[str, Any]:
        """By dotted key, fit to print and to keep: a secret shows only that it is set."""
        spark = {key: HIDDEN if SPARK_SECRETS.search(key) else value for key, value in self.spark.items()}
        return {key: value for key, value, _ in _leaves(self)} | spark


def _leaves(section: Section, prefix: str = "") -> Iterator[tuple[str, Any, str]]:
    """(dotted key, printable value, description) of every setting but the open `spark` group."""
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from _leaves(value, f"{prefix}{name}.")
        elif not isinstance(value, dict):
            shown = str(value) if isinstance(value, SecretStr) else value
            shown = ",".join(value) if isinstance(value, tuple) else shown
            yield f"{prefix}{name}", shown, field.description or ""


def describe() -> list[tuple[str, Any, str]]:
    """(dotted key, default, meaning) of every setting."""
    return list(_leaves(Settings()))
