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
MIB = 1024 * 1024


def _one_or_many(value: object) -> object:
    """A source list may be written as one string, its parts separated by spaces (environment variables)."""
    return value.split() if isinstance(value, str) else value


class Settings(BaseModel):
    """Everything that can be set. `config/accesslake.toml` says what each one means."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Annotated[tuple[str, ...], BeforeValidator(_one_or_many)] = ()
    lake: str | None = None
    endpoint_url: str | None = None
    since: dt.date | None = None
    lookback_days: int = Field(default=10, ge=0)
    batch_size: ByteSize = Field(default=ByteSize(256 * MIB), ge=1)
    min_part_size: ByteSize = Field(default=ByteSize(32 * MIB), ge=1)
    workers: int = Field(default=0, ge=0, le=256)
    fetch_concurrency: int = Field(default=64, ge=1, le=1024)
    max_reject_fraction: float = Field(default=0.01, ge=0, le=1)
    lease_seconds: int = Field(default=120, ge=5)


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


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """One warning for each `ACCESSLAKE_*` variable that no setting has."""
    known = {ENV_PREFIX + key.upper() for key in Settings.model_fields} | {ENV_PREFIX + "CONFIG"}
    return [
        f"environment variable {name} is not a setting of accesslake and is ignored{nearest(name, known)}"
        for name in sorted(environ)
        if name.startswith(ENV_PREFIX) and name not in known
    ]


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
    names = {key: ENV_PREFIX + key.upper() for key in Settings.model_fields}
    return {key: (environ[name], f"environment variable {name}") for key, name in names.items() if name in environ}


def _refuse_unknown(keys: Iterable[str], path: str) -> None:
    for key in keys:
        if key not in Settings.model_fields:
            raise UsageError(f"{path}: unknown key {key!r}{nearest(key, Settings.model_fields)}")
