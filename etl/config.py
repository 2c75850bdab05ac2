"""Settings: flags, then `ACCESSLAKE_*` variables, then the TOML file, then defaults.

Loaded once, at the edge (the command line or `open_lake`); no other module reads the environment.
"""

import datetime as dt
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ByteSize, ConfigDict, Field, ValidationError

from etl.errors import UsageError, nearest

ENV_PREFIX = "ACCESSLAKE_"
_NO_SETTINGS = frozenset({"ACCESSLAKE_CONFIG", "ACCESSLAKE_SAMPLES", "ACCESSLAKE_EXAMPLES"})
"""Where the settings file is, and two variables of the tests."""
MIB = 1024 * 1024


def _one_or_many(value: object) -> object:
    """A single source needs no list."""
    return (value,) if isinstance(value, str) else value


def _day(value: object) -> object:
    """A day is written `YYYY-MM-DD`, or as a date in TOML; no number is one."""
    if isinstance(value, str):
        return dt.date.fromisoformat(value)
    if value is None or type(value) is dt.date:
        return value
    raise ValueError("write YYYY-MM-DD")


class Settings(BaseModel):
    """Everything that can be set. `config/accesslake.toml` says what each one means."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Annotated[tuple[str, ...], BeforeValidator(_one_or_many)] = ()
    lake: str | None = None
    endpoint_url: str | None = None
    since: Annotated[dt.date | None, BeforeValidator(_day)] = None
    lookback_days: int = Field(default=10, ge=0)
    batch_size: ByteSize = Field(default=ByteSize(256 * MIB), ge=1)
    min_part_size: ByteSize = Field(default=ByteSize(32 * MIB), ge=1)
    workers: int = Field(default=0, ge=0, le=256)
    fetch_concurrency: int = Field(default=64, ge=1, le=1024)
    max_reject_fraction: float = Field(default=0.01, ge=0, le=1)
    lease_seconds: int = Field(default=120, ge=5)

    @property
    def lake_url(self) -> str:
        """The lake, which most commands need. Raises UsageError where none is set."""
        if not self.lake:
            raise UsageError("no lake given; use --lake URL, ACCESSLAKE_LAKE or the configuration file")
        return self.lake


def load_settings(flags: Mapping[str, Any], environ: Mapping[str, str], config_file: str | None = None) -> Settings:
    """Settings merged from `flags` (None: not given), `environ` and the TOML file.

    Raises UsageError, naming the key, where it was set, and the nearest valid name.
    """
    config_file = config_file or environ.get(ENV_PREFIX + "CONFIG")
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    layers = (
        _from_file(config_file) if config_file else {},
        _from_environment(environ),
        {key: (value, f"--{key.replace('_', '-')}") for key, value in flags.items() if value is not None},
    )
    for layer in layers:
        for key, (value, where) in layer.items():
            values[key], origin[key] = value, where
    try:
        return Settings(**values)
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0])
        raise UsageError(f"{origin[key]}: bad value {values[key]!r} for {key}: {first['msg']}") from error


def _from_file(path: str) -> dict[str, tuple[Any, str]]:
    try:
        table = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot read the configuration file: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not valid TOML: {error}") from error
    _refuse_unknown(table, path)
    return {key: (value, path) for key, value in table.items()}


def _from_environment(environ: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    names = {ENV_PREFIX + key.upper(): key for key in Settings.model_fields}
    values: dict[str, tuple[Any, str]] = {}
    for name in sorted(environ):
        if name.startswith(ENV_PREFIX) and name not in _NO_SETTINGS:
            if name not in names:
                raise UsageError(f"environment variable {name}: no such setting{nearest(name, names)}")
            value = environ[name].split() if names[name] == "source" else environ[name]
            values[names[name]] = (value, f"environment variable {name}")
    return values


def _refuse_unknown(keys: Iterable[str], path: str) -> None:
    for key in keys:
        if key not in Settings.model_fields:
            raise UsageError(f"{path}: unknown key {key!r}{nearest(key, Settings.model_fields)}")
