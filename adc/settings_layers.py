"""Where settings come from: layers over the defaults of `adc.settings`, later over earlier.

Preset < environment file < environment variables < command line. Values are gathered by dotted key with
their origin, so that an error can name both.
"""

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from adc.errors import UsageError
from adc.settings import PRESETS, SECRET, Settings, describe

ENVIRONMENT_PREFIX = "ADC_"
# Variables of the set-up scripts, which are no settings of a job.
RESERVED_VARIABLES = frozenset({"ADC_CACHE"})


def load_settings(
    env_file: Path | None = None,
    overrides: Iterable[str] = (),
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Settings from an environment file, ADC_… variables and `key=value` overrides, in that order.

    Raises UsageError naming the setting and where its value came from.
    """
    file = _from_file(env_file) if env_file else {}
    environment = _from_environment(os.environ if environ is None else environ)
    command_line = _from_overrides(overrides)
    for layer in (file, command_line):
        if SECRET in layer:
            raise UsageError(f"{SECRET} may not stand in {layer[SECRET][1]}: set ADC_SCRAPE__TOKEN instead")
    given = file | environment | command_line
    preset, origin = given.get("train.preset", ("adc", ""))
    # One that does not exist is refused with all other values below.
    under = PRESETS.get(str(preset), {})
    given = {key: (value, f"train.preset={preset}, {origin}") for key, value in under.items()} | given

    known = [key for key, _, _ in describe()]
    tree: dict[str, Any] = {}
    for key, (value, origin) in given.items():
        value = None if value == "null" else value
        if key.startswith("spark."):
            if value is not None:
                tree.setdefault("spark", {})[key] = _spark_value(value)
            continue
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]}?" if near else "; `adc settings` lists all"
            raise UsageError(f"unknown setting {key} (from {origin}){hint}")
        section, _, name = key.rpartition(".")
        (tree.setdefault(section, {}) if section else tree)[name] = value
    try:
        return Settings.model_validate(tree)
    except ValidationError as invalid:
        raise UsageError("\n".join(_complaints(invalid, given))) from None


def _complaints(invalid: ValidationError, given: Mapping[str, tuple[Any, str]]) -> Iterator[str]:
    for error in invalid.errors():
        key = ".".join(str(part) for part in error["loc"])
        origin = next(
            (origin for name, (_, origin) in given.items() if f"{key}.".startswith(f"{name}.")), "defaults"
        )
        # An address may hold a password, even one that is refused for it.
        secret = key == SECRET or (key == "scrape.url" and "@" in str(error["input"]))
        shown = "" if secret else f"={error['input']}"
        yield f"setting {key}{shown} (from {origin}): {error['msg']}"


def _from_file(path: Path) -> dict[str, tuple[Any, str]]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise UsageError(f"environment file {path} does not exist") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"environment file {path} cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise UsageError(
            f"environment file {path}: expected settings by name, found {type(content).__name__}"
        )
    return {key: (value, str(path)) for key, value in _flattened(content)}


def _flattened(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, dict):
            # Spark's names are whole already: `spark: {spark.sql.…: 4}`.
            yield from _flattened(value, "" if key == "spark" and not prefix else f"{prefix}{key}.")
        elif value is None and not prefix and key in Settings.model_fields:
            continue  # a group whose settings are all commented out
        else:
            yield f"{prefix}{key}", value


def _from_environment(environ: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    # What Kubernetes puts into pods for a service whose name begins with adc is no setting.
    host = "_SERVICE_HOST"
    services = {name.removesuffix(host) for name in environ if name.endswith(host) and "__" not in name}
    told = tuple(f"{service}_{kind}" for service in services for kind in ("SERVICE_", "PORT"))
    return {
        name.removeprefix(ENVIRONMENT_PREFIX).lower().replace("__", "."): (
            value,
            f"environment variable {name}",
        )
        for name, value in environ.items()
        if name.startswith(ENVIRONMENT_PREFIX)
        and name not in RESERVED_VARIABLES
        and not name.startswith(told)
    }


def _from_overrides(overrides: Iterable[str]) -> dict[str, tuple[Any, str]]:
    layer: dict[str, tuple[Any, str]] = {}
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            raise UsageError(f"--set {override}: expected key=value")
        layer[key.strip()] = (value, "--set")
    return layer


def _spark_value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
