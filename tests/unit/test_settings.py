import pickle

import pytest

from adc.errors import UsageError
from adc.settings import PRESETS, Settings, describe
from adc.settings_layers import load_settings

TOKEN = "s3cr3t-t0k3n"


def load(tmp_path, file="", environ=None, overrides=()) -> Settings:
    path = tmp_path / "env.yaml"
    path.write_text(file, encoding="utf-8")
    return load_settings(path, overrides, environ or {})


def changed(settings: Settings) -> dict[str, object]:
    """What differs from the defaults, by dotted key."""
    defaults = Settings().masked()
    return {key: value for key, value in settings.masked().items() if defaults.get(key) != value}


def refusal(tmp_path, **layers) -> str:
    with pytest.raises(UsageError) as refused:
        load(tmp_path, **layers)
    return str(refused.value).replace(str(tmp_path), "…")


def test_the_settings_that_scripts_rely_on_have_these_defaults():
    assert changed(load_settings(environ={})) == {}
    defaults = Settings().masked()
    assert {
        key: defaults[key] for key in ("seed", "lake.root", "scrape.url", "scrape.api", "scrape.batch_size")
    } == {
        "seed": 0,
        "lake.root": "lake",
        "scrape.url": None,
        "scrape.api": "batch",
        "scrape.batch_size": None,
    }


@pytest.mark.parametrize(
    ("file", "environ", "overrides", "epochs"),
    [
        ("", {}, [], 3),
        ("train: {epochs: 5}", {}, [], 5),
        ("train: {epochs: 5}", {"ADC_TRAIN__EPOCHS": "6"}, [], 6),
        ("train: {epochs: 5}", {"ADC_TRAIN__EPOCHS": "6"}, ["train.epochs=7"], 7),
        ("train: {epochs: 5}", {}, ["train.epochs=7"], 7),
        ("train.epochs: 5", {"ADC_TRAIN__EPOCHS": "6"}, ["train.epochs=7", "train.epochs=8"], 8),
    ],
)
def test_later_layers_win(tmp_path, file, environ, overrides, epochs):
    assert load(tmp_path, file, environ, overrides).train.epochs == epochs


def test_a_preset_sets_what_is_not_set_anywhere_else(tmp_path):
    settings = load(
        tmp_path,
        "train: {preset: linear}\nmodel: {units: 7}",
        {"ADC_TRAIN__PRESET": "classic-lstm", "ADC_MODEL__EMBEDDING": "50"},
        ["model.dropout=0.1"],
    )
    assert changed(settings) == {
        "train.preset": "classic-lstm",
        "model.cell": "lstm",
        "model.evidence": False,
        "model.soft_labels": 0.0,
        "model.blend": 0.0,
        "model.dense": 0,
        "model.embedding": 50,
        "model.units": 7,
        "model.dropout": 0.1,
    }


def test_every_preset_is_valid_and_the_default_changes_nothing():
    for preset, values in PRESETS.items():
        settings = load_settings(overrides=[f"train.preset={preset}"], environ={})
        assert settings.masked() == Settings().masked() | values | {"train.preset": preset}
    assert not PRESETS["adc"]


def test_layers_add_up_within_a_group(tmp_path):
    settings = load(
        tmp_path,
        "seed: 3\nscrape:\n  url: http://localhost:1/\n  in_flight: 2\n",
        {"ADC_SCRAPE__IN_FLIGHT": "3", "ADC_SCRAPE__TIMEOUT": "1.5", "HOME": "/", "ADC_CACHE": "/cache"}
        # Of a service adc-ui in Kubernetes.
        | {
            "ADC_UI_SERVICE_HOST": "10.0.0.1",
            "ADC_UI_SERVICE_PORT_HTTP": "80",
            "ADC_UI_PORT": "tcp://10.0.0.1:80",
        }
        | {
            "ADC_UI_PORT_80_TCP_ADDR": "10.0.0.1",
            "ADC_UI_SERVICE_PORT": "80",
            "ADC_UI_PORT_80_TCP": "tcp://",
        },
        [" input.source = big = bigger", "score.bundle=null"],
    )
    assert changed(settings) == {
        "seed": 3,
        "scrape.url": "http://localhost:1/",
        "scrape.in_flight": 3,
        "scrape.timeout": 1.5,
        "input.source": " big = bigger",
    }


def test_names_by_commas_lose_the_space_around_them(tmp_path):
    settings = load(tmp_path, overrides=["input.keep= city , place,", "score.shares= all , week,,all"])
    assert settings.input.keep == ("city", "place")
    assert settings.score.shares == ("all", "week")


def test_an_overlay_may_list_names_one_by_one(tmp_path):
    settings = load(tmp_path, "input: {keep: [city, place]}\nscore: {shares: [all, week, all]}")
    assert changed(settings) == {"input.keep": "city,place", "score.shares": "all,week"}


@pytest.mark.parametrize("empty", ["", "# nothing\n", "scrape:\n", "spark:\nscrape:\n  # url: …\n"])
def test_an_environment_file_may_leave_everything_out(tmp_path, empty):
    assert changed(load(tmp_path, empty)) == {}


def test_nulls_unset(tmp_path):
    file = "score: {bundle: models/a}"
    assert load(tmp_path, file, overrides=["score.bundle=null"]).score.bundle is None
    assert load(tmp_path, "score: {bundle: null}").score.bundle is None
    file = "spark: {spark.a: 1, spark.b: null}"
    assert load(tmp_path, file, overrides=["spark.a=null"]).spark == {}


@pytest.mark.parametrize(
    ("layers", "complaint"),
    [
        (
            {"overrides": ["scrape.bach_size=3"]},
            "unknown setting scrape.bach_size (from --set); did you mean scrape.batch_size?",
        ),
        (
            {"file": "scrape: {timeot: 3}"},
            "unknown setting scrape.timeot (from …/env.yaml); did you mean scrape.timeout?",
        ),
        (
            {"environ": {"ADC_TRAIN__EPOCH": "3"}},
            "unknown setting train.epoch (from environment variable ADC_TRAIN__EPOCH); "
            "did you mean train.epochs?",
        ),
        ({"overrides": ["xyz=1"]}, "unknown setting xyz (from --set); `adc settings` lists all"),
        ({"file": "xyz:\n"}, "unknown setting xyz (from …/env.yaml); `adc settings` lists all"),
        ({"overrides": ["spark=1"]}, "unknown setting spark (from --set); `adc settings` lists all"),
        ({"overrides": ["train.epochs"]}, "--set train.epochs: expected key=value"),
        (
            {"overrides": ["train.epochs=many"]},
            "setting train.epochs=many (from --set): Input should be a valid integer, "
            "unable to parse string as an integer",
        ),
        (
            {"environ": {"ADC_SCRAPE__BATCH_SIZE": "0"}},
            "setting scrape.batch_size=0 (from environment variable ADC_SCRAPE__BATCH_SIZE): "
            "Input should be greater than or equal to 1",
        ),
        (
            {"file": "model: {cell: transformer}"},
            "setting model.cell=transformer (from …/env.yaml): "
            "Input should be 'lstm', 'gru', 'rnn' or 'none'",
        ),
        (
            {"file": "lake: {root: [a, b]}", "overrides": ["train.epochs=0"]},
            "setting lake.root=['a', 'b'] (from …/env.yaml): Input should be a valid string\n"
            "setting train.epochs=0 (from --set): Input should be greater than or equal to 1",
        ),
        (
            {"overrides": ["lake.root="]},
            "setting lake.root= (from --set): String should have at least 1 character",
        ),
        (
            {"overrides": ["scrape.timeout=inf"]},
            "setting scrape.timeout=inf (from --set): Input should be a finite number",
        ),
        (
            {"overrides": ["scrape.timeout=0", "model.dropout=1", "model.blend=1.1"]},
            "setting scrape.timeout=0 (from --set): Input should be greater than 0\n"
            "setting model.blend=1.1 (from --set): Input should be less than or equal to 1\n"
            "setting model.dropout=1 (from --set): Input should be less than 1",
        ),
        (
            {"overrides": ["train.preset=best"]},
            "setting train.preset=best (from --set): "
            "Input should be 'adc', 'classic-lstm', 'classic-gru' or 'linear'",
        ),
        (
            {"overrides": ["train.name=../up"]},
            "setting train.name=../up (from --set): Value error, a folder's name, not beginning with a dot, "
            "and without /, \\, @, : and white space",
        ),
        (
            {"overrides": ["train.name=v1:2"]},
            "setting train.name=v1:2 (from --set): Value error, a folder's name, not beginning with a dot, "
            "and without /, \\, @, : and white space",
        ),
        (
            {"overrides": ["seed=1764200000000000"]},
            "setting seed=1764200000000000 (from --set): Input should be less than or equal to 2147483647",
        ),
        ({"file": "- lake"}, "environment file …/env.yaml: expected settings by name, found list"),
    ],
)
def test_what_is_wrong_is_refused_with_its_name_and_origin(tmp_path, layers, complaint):
    assert refusal(tmp_path, **layers) == complaint


def test_an_address_with_a_password_is_refused_without_showing_it(tmp_path):
    complaint = refusal(tmp_path, overrides=["scrape.url=https://me:hush@example.org/tweets"])
    assert complaint.startswith("setting scrape.url (from --set): ")
    assert "ADC_SCRAPE__TOKEN" in complaint
    assert "hush" not in complaint


@pytest.mark.parametrize("url", ["localhost:8077", "ftp://example.org/", "http://", "https:///path", "a b"])
def test_an_address_that_cannot_be_asked_is_refused_before_anything_is_marked_failed(tmp_path, url):
    assert refusal(tmp_path, overrides=[f"scrape.url={url}"]).startswith(
        f"setting scrape.url={url} (from --set): Value error, an address begins with http:// or https://"
    )


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"scrape: [1", "environment file …/env.yaml cannot be read: while parsing"),
        (b"seed: \xff", "environment file …/env.yaml cannot be read: 'utf-8' codec"),
        (None, "environment file …/env.yaml does not exist"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, content, complaint):
    path = tmp_path / "env.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError) as refused:
        load_settings(path, environ={})
    assert str(refused.value).replace(str(tmp_path), "…").startswith(complaint)


def test_spark_settings_are_free_and_keep_their_names(tmp_path):
    settings = load(
        tmp_path,
        "spark:\n  spark.ui.enabled: false\n  spark.sql.shuffle.partitions: 4\nspark.app.name: x\n",
        {"ADC_SPARK__SQL__SHUFFLE__PARTITIONS": "8"},
        ["spark.sql.autoBroadcastJoinThreshold=-1"],
    )
    assert settings.spark == {
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "8",
        "spark.app.name": "x",
        "spark.sql.autoBroadcastJoinThreshold": "-1",
    }
    assert changed(settings) == settings.spark


def test_the_token_comes_from_the_environment_and_is_shown_nowhere(tmp_path):
    settings = load(tmp_path, environ={"ADC_SCRAPE__TOKEN": TOKEN})
    assert settings.scrape.token is not None
    assert settings.scrape.token.get_secret_value() == TOKEN
    shown = (repr(settings), str(settings), str(settings.masked()), settings.model_dump_json())
    assert not [text for text in shown if TOKEN in text]
    assert changed(settings) == {"scrape.token": "**********"}
    assert Settings().masked()["scrape.token"] is None


@pytest.mark.parametrize("name", ["env.yaml", "environment.yaml"])
@pytest.mark.parametrize("environ", [{}, {"ADC_SCRAPE__TOKEN": "another"}])
def test_a_token_in_a_file_is_refused_even_under_one_from_the_environment(
    tmp_path, monkeypatch, name, environ
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text(f"scrape: {{token: {TOKEN}}}")
    with pytest.raises(UsageError) as refused:
        load_settings(tmp_path.joinpath(name).relative_to(tmp_path), environ=environ)
    assert str(refused.value) == f"scrape.token may not stand in {name}: set ADC_SCRAPE__TOKEN instead"


def test_a_token_on_the_command_line_is_refused(tmp_path):
    complaint = refusal(tmp_path, overrides=[f"scrape.token={TOKEN}"])
    assert complaint == "scrape.token may not stand in --set: set ADC_SCRAPE__TOKEN instead"


@pytest.mark.parametrize(
    "environ",
    [
        {"ADC_SCRAPE__TOKEN": f"{TOKEN}\n"},
        {"ADC_SCRAPE__TOKEN": f"{TOKEN} رمز"},
        {"ADC_SCRAPE__TOKENS": TOKEN},
        {"ADC_SCRAPE__TOKEN": TOKEN, "ADC_SCRAPE__BATCH_SIZE": "0"},
    ],
)
def test_errors_do_not_show_the_token(tmp_path, environ):
    complaint = refusal(tmp_path, environ=environ)
    assert TOKEN not in complaint
    assert "ADC_SCRAPE__" in complaint


def test_secrets_of_sparks_own_are_masked_too(tmp_path):
    secret = (
        "spark.hadoop.fs.s3a.secret.key",
        "spark.hadoop.fs.s3a.session.token",
        "spark.hadoop.fs.azure.account.key.store.dfs.core.windows.net",
        "spark.hadoop.fs.azure.sas.container.store.blob.core.windows.net",
        "spark.hadoop.fs.gs.auth.service.account.private.key",
        "spark.ssl.keyPassword",
    )
    settings = load(tmp_path, f"spark: {{{', '.join(f'{key}: hush' for key in secret)}, spark.x: shown}}")
    assert settings.spark["spark.hadoop.fs.s3a.secret.key"] == "hush"
    assert changed(settings) == dict.fromkeys(secret, "**********") | {"spark.x": "shown"}


def test_every_setting_is_described_once():
    described = describe()
    assert [key for key, _, meaning in described if not meaning.endswith(".")] == []
    assert len({key for key, _, _ in described}) == len(described) > 40
    assert {key.partition(".")[0] for key, _, _ in described} == set(Settings.model_fields) - {"spark"}


def test_settings_cannot_be_changed_and_travel_to_executors():
    settings = load_settings(overrides=["seed=5"], environ={"ADC_SCRAPE__TOKEN": TOKEN})
    with pytest.raises(ValueError, match="frozen"):
        settings.seed = 6
    assert pickle.loads(pickle.dumps(settings)) == settings
