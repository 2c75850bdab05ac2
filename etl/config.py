"""Settings: flags, then `ACCESSLAKE_*` variables, then the TOML file, then defaults.

Loaded once, at the edge (the command line or `open_lake`). No other module reads settings from the environment, but for
what has no settings yet: completion in shells, and executors of Spark, which get no secrets with them.
"""

import datetime as dt
import ipaddress
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    ValidationInfo,
)

from etl.dates import parse_day, parse_last_day
from etl.errors import UsageError, nearest, reason_of
from etl.kinds import KINDS, FindingSettings, all_finding_settings, finding_defaults
from etl.store.requests import Requests, Usage
from etl.store.s3_session import ReaderName

ENV_PREFIX = "ACCESSLAKE_"
HASH_KEY_VARIABLE = "ACCESSLAKE_PRIVACY_HASH_KEY"
"""Where the key for hashed addresses may be, on executors too."""
# Where the settings file is, and two variables of the tests.
_NO_SETTINGS = frozenset(
    {"ACCESSLAKE_CONFIG", "ACCESSLAKE_SAMPLES", "ACCESSLAKE_EXAMPLES"}
)
# The forms of `dates.FORMS` that name days.
_DAYS = "2026-11-24, 2026-11, 2026, today, yesterday or -7d"
MIB = 1024 * 1024
_REQUESTS_PER_PRICE = 1000


def _one_or_many(value: object) -> object:
    """A single source needs no list."""
    return (value,) if isinstance(value, (str, Path)) else value


def _day(value: object) -> object:
    """A day is written as in `dates.FORMS`, or as a date in TOML; no number is one."""
    return _day_by(parse_day, value)


def _last_day(value: object) -> object:
    """As `_day`, but of a month or a year the last one."""
    return _day_by(parse_last_day, value)


def _day_by(parse: Callable[[str], dt.date], value: object) -> object:
    if value is None or type(value) is dt.date:
        return value
    try:
        return parse(value if isinstance(value, str) else "")
    except ValueError as error:
        raise ValueError(f"it names no day; write {_DAYS}") from error


def _not_before_since(until: dt.date | None, settings: ValidationInfo) -> dt.date | None:
    since = settings.data.get("since")
    if since and until and until < since:
        raise ValueError(f"that is before `since`, {since}")
    return until


def _glue_table(text: str) -> str:
    database, _, table = text.rpartition(".")
    if not (database and table):
        raise ValueError("write DATABASE.TABLE")
    return text


def _spark_option(text: str) -> str:
    if re.match(r"spark\.[^=\s]+=", text) is None:
        raise ValueError("an option for Spark is written spark.NAME=VALUE")
    return text


def _network(text: str) -> str:
    """An address or a network (CIDR); what its bits after the prefix are does not matter."""
    network = ipaddress.ip_network(text, strict=False)
    is_address = network.prefixlen == network.max_prefixlen
    return str(network.network_address if is_address else network)


def _web_url(url: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(url.get_secret_value())
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        # Its text may have the URL in it.
        is_web = False
    if not is_web:
        raise ValueError("not an https:// or http:// URL")
    return url


_Texts = Annotated[
    tuple[Annotated[str, StringConstraints(min_length=1)], ...],
    BeforeValidator(_one_or_many),
]

_SparkOptions = Annotated[
    tuple[Annotated[str, AfterValidator(_spark_option)], ...],
    BeforeValidator(_one_or_many),
]
_Networks = Annotated[
    tuple[Annotated[str, AfterValidator(_network)], ...], BeforeValidator(_one_or_many)
]


class EngineName(StrEnum):
    """What ingests batches."""

    LOCAL = "local"
    SPARK = "spark"


class Privacy(BaseModel):
    """What of a log is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    remote_ip: Literal["keep", "truncate", "hash", "drop"] = "keep"
    query_strings: Literal["keep", "drop"] = "keep"
    hash_key: SecretStr | None = None
    hash_key_file: Path | None = None


class Exclude(BaseModel):
    """Whose requests are left out of visits and downloads."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    addresses: _Networks = ()
    requesters: _Texts = ()
    user_agents: _Texts = ()

    def rows(self) -> Iterator[tuple[str, str]]:
        """What is excluded: its kind, and the address or network, the requester, or a part of the user agent."""
        for kind, values in (
            ("address", self.addresses),
            ("requester", self.requesters),
            ("user agent", self.user_agents),
        ):
            for value in values:
                yield kind, value


class Prices(BaseModel):
    """What S3 charges, in any currency: for 1,000 requests of each price class, and for each GB (2^30 bytes) sent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    put_copy_post_list: float = Field(default=0.005, ge=0)
    get_and_others: float = Field(default=0.0004, ge=0)
    get_standard_ia: float = Field(default=0.001, ge=0)
    get_onezone_ia: float = Field(default=0.001, ge=0)
    get_glacier_ir: float = Field(default=0.01, ge=0)
    transition_standard_ia: float = Field(default=0.01, ge=0)
    transition_onezone_ia: float = Field(default=0.01, ge=0)
    transition_intelligent_tiering: float = Field(default=0.01, ge=0)
    transition_glacier_ir: float = Field(default=0.02, ge=0)
    transition_glacier: float = Field(default=0.03, ge=0)
    transition_deep_archive: float = Field(default=0.05, ge=0)
    restore: float = Field(default=0.05, ge=0)
    restore_expedited: float = Field(default=10, ge=0)
    restore_deep_archive: float = Field(default=0.1, ge=0)
    restore_deep_archive_bulk: float = Field(default=0.025, ge=0)
    retrieval_standard_ia: float = Field(default=0.01, ge=0)
    retrieval_onezone_ia: float = Field(default=0.01, ge=0)
    retrieval_glacier_ir: float = Field(default=0.03, ge=0)
    retrieval: float = Field(default=0.01, ge=0)
    retrieval_expedited: float = Field(default=0.03, ge=0)
    retrieval_deep_archive: float = Field(default=0.02, ge=0)
    retrieval_deep_archive_bulk: float = Field(default=0.0025, ge=0)
    egress: float = Field(default=0.09, ge=0)
    egress_free_gb: float = Field(default=100, ge=0)
    egress_over_10_tb: float = Field(default=0.085, ge=0)
    egress_over_50_tb: float = Field(default=0.07, ge=0)
    egress_over_150_tb: float = Field(default=0.05, ge=0)
    egress_regions: float = Field(default=0.02, ge=0)
    acceleration: float = Field(default=0.04, ge=0)

    def usage(self, requests: Requests) -> Usage:
        """Requests with what they cost; to delete costs nothing."""
        writes = self.put_copy_post_list * (requests.put + requests.list)
        reads = self.get_and_others * (requests.get + requests.head + requests.other)
        return Usage(requests, (writes + reads) / _REQUESTS_PER_PRICE)


class StoragePrices(BaseModel):
    """What S3 charges to store a GB (2^30 bytes) for a month, in any currency, in each storage class."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    standard: float = Field(default=0.023, ge=0)
    reduced_redundancy: float = Field(default=0.024, ge=0)
    intelligent_tiering: float = Field(default=0.023, ge=0)
    standard_ia: float = Field(default=0.0125, ge=0)
    onezone_ia: float = Field(default=0.01, ge=0)
    glacier_ir: float = Field(default=0.004, ge=0)
    glacier: float = Field(default=0.0036, ge=0)
    deep_archive: float = Field(default=0.00099, ge=0)


class Settings(BaseModel):
    """Everything that can be set. `config/accesslake.toml` says what each one means."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Annotated[tuple[str, ...], BeforeValidator(_one_or_many)] = ()
    lake: str | None = None
    endpoint_url: str | None = None
    reader: ReaderName = "auto"
    since: Annotated[dt.date | None, BeforeValidator(_day)] = None
    until: Annotated[
        dt.date | None, BeforeValidator(_last_day), AfterValidator(_not_before_since)
    ] = None
    lookback_days: int = Field(default=10, ge=0)
    batch_size: ByteSize = Field(default=ByteSize(256 * MIB), ge=1)
    max_object_size: ByteSize = Field(default=ByteSize(8192 * MIB), ge=1)
    min_part_size: ByteSize = Field(default=ByteSize(4 * MIB), ge=1)
    workers: int = Field(default=0, ge=0, le=4096)
    engine: EngineName = EngineName.LOCAL
    spark_conf: _SparkOptions = ()
    spark_wait_seconds: int = Field(default=600, ge=0)
    fetch_concurrency: int = Field(default=64, ge=1, le=1024)
    max_reject_fraction: float = Field(default=0.01, ge=0, le=1)
    ping_url: Annotated[SecretStr, AfterValidator(_web_url)] | None = None
    glue: Annotated[str, AfterValidator(_glue_table)] | None = None
    glue_catalog_id: Annotated[str, StringConstraints(min_length=1)] | None = None
    lease_seconds: int = Field(default=120, ge=5)
    query_memory: ByteSize = Field(default=ByteSize(1536 * MIB), ge=64 * MIB)
    query_spill: ByteSize = Field(default=ByteSize(10 * 1024 * MIB), ge=0)
    query_seconds: int = Field(default=3600, ge=1, le=7 * 24 * 3600)
    sql_dir: Annotated[tuple[Path, ...], BeforeValidator(_one_or_many)] = ()
    geo_database: Annotated[tuple[Path, ...], BeforeValidator(_one_or_many)] = ()
    site_hosts: Annotated[
        tuple[Annotated[str, StringConstraints(to_lower=True)], ...],
        BeforeValidator(_one_or_many),
    ] = ()
    accounts: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=r"^\d{12}$")], ...],
        BeforeValidator(_one_or_many),
    ] = ()
    requester_pays: Annotated[tuple[str, ...], BeforeValidator(_one_or_many)] = ()
    exclude: Exclude = Exclude()
    prices: Prices = Prices()
    storage_prices: StoragePrices = StoragePrices()
    findings: Annotated[
        Mapping[str, FindingSettings],
        BeforeValidator(all_finding_settings),
        Field(validate_default=True),
    ] = {}
    """By the id of the kind of finding; all of them."""
    privacy: Privacy = Privacy()

    @property
    def lake_url(self) -> str:
        """The lake, which most commands need. Raises UsageError where none is set."""
        if not self.lake:
            raise UsageError(
                "no lake given; use --lake URL, ACCESSLAKE_LAKE or the configuration file"
            )
        return self.lake

    @property
    def glue_target(self) -> tuple[str, str] | None:
        """Database and table of `glue`."""
        if self.glue is None:
            return None
        database, _, table = self.glue.rpartition(".")
        return database, table


DEFAULTS = Settings()
_TABLES: dict[str, type[BaseModel]] = {
    "exclude": Exclude,
    "prices": Prices,
    "storage_prices": StoragePrices,
    "privacy": Privacy,
}
_FINDINGS = "findings"
_OF_FINDINGS = tuple(
    f"{_FINDINGS}.{name}.{setting}"
    for name, kind in KINDS.items()
    for setting in finding_defaults(kind)
)
# Settings of several values, which are separated by spaces in a variable.
_LISTS = frozenset(
    {
        "source",
        "sql_dir",
        "geo_database",
        "site_hosts",
        "accounts",
        "requester_pays",
        "spark_conf",
        *(f"exclude.{name}" for name in Exclude.model_fields),
        *(name for name in _OF_FINDINGS if name.endswith(".silent_buckets")),
    }
)
SETTINGS = frozenset(
    [name for name in Settings.model_fields if name not in (*_TABLES, _FINDINGS)]
    + list(_OF_FINDINGS)
    + [
        f"{table}.{name}"
        for table, model in _TABLES.items()
        for name in model.model_fields
    ]
)
"""The names of all settings; those of a table with its name."""
# In no message, and the first in no file.
_KEY = "privacy.hash_key"
_SECRETS = frozenset({_KEY, "ping_url"})


def load_settings(
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    config_file: str | None = None,
    name_of: Callable[[str], str] = lambda key: f"--{key.replace('_', '-')}",
) -> Settings:
    """Settings merged from `flags` (None: not given), `environ` and the TOML file.

    Raises UsageError, naming the key, where it was set, and the nearest valid name; `name_of` is how a flag is called.
    """
    config_file = config_file or environ.get(ENV_PREFIX + "CONFIG")
    values: dict[str, Any] = {}
    # Where each value is from, for the message if it is wrong.
    origin: dict[str, str] = {}
    layers = (
        _from_file(config_file) if config_file else {},
        _from_environment(environ),
        _from_flags(flags, name_of),
    )
    for layer in layers:
        for key, (value, where) in layer.items():
            values[key], origin[key] = value, where
    try:
        return Settings(**_nested(values))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"] if isinstance(part, str))
        key = next(known for known in origin if key.startswith(known))
        value = "" if key in _SECRETS else f" {values[key]!r}"
        # A flag is called like its setting, a file is not.
        is_flag = origin[key] == name_of(key)
        what = value if is_flag else f": bad value{value} for {key}"
        raise UsageError(f"{origin[key]}{what}: {reason_of(first['msg'])}") from error


def _from_file(path: str) -> dict[str, tuple[Any, str]]:
    try:
        table = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise UsageError(
            f"{path}: cannot read the configuration file: {error.strerror}"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not valid TOML: {error}") from error
    values = _flat(table)
    for key in values:
        if key == _KEY:
            raise UsageError(
                f"{path}: a key is not set here: put it into a file of its own, {key}_file, or a variable"
            )
        if key not in SETTINGS:
            raise UsageError(f"{path}: unknown key {key!r}{nearest(key, SETTINGS)}")
    return {key: (value, path) for key, value in values.items()}


def _from_flags(
    flags: Mapping[str, Any], name_of: Callable[[str], str]
) -> dict[str, tuple[Any, str]]:
    """Flags of the command line, or arguments of `open_lake`; None is one that was not given."""
    values = _flat({key: value for key, value in flags.items() if value is not None})
    for key in values:
        if key not in SETTINGS:
            known = [*_TABLES, _FINDINGS, *SETTINGS]
            raise UsageError(f"no setting {key!r}{nearest(key, known)}")
    return {key: (value, name_of(key)) for key, value in values.items()}


def _flat(table: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by name; those of a table as `privacy.remote_ip`, of a finding as `findings.newcomers.silent`."""
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key == _FINDINGS and isinstance(value, Mapping):
            values.update(_below(key, dict(_flattened(value))))
        elif key in _TABLES and isinstance(value, Mapping):
            values.update(_below(key, value))
        else:
            values[key] = value
    return values


def _flattened(findings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, settings in findings.items():
        if isinstance(settings, Mapping):
            yield from _below(name, settings).items()
        else:
            yield name, settings


def _below(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{name}.{key}": value for key, value in settings.items()}


def _from_environment(environ: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    names = {_variable(key): key for key in SETTINGS}
    values: dict[str, tuple[Any, str]] = {}
    for name in sorted(environ):
        if name.startswith(ENV_PREFIX) and name not in _NO_SETTINGS:
            if name not in names:
                raise UsageError(
                    f"environment variable {name}: no such setting{nearest(name, names)}"
                )
            value = environ[name].split() if names[name] in _LISTS else environ[name]
            values[names[name]] = (value, f"environment variable {name}")
    return values


def _variable(key: str) -> str:
    """The environment variable of a setting."""
    return ENV_PREFIX + key.upper().replace(".", "_").replace("-", "_")


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """`privacy.remote_ip` and its like are the fields of a table."""
    # pydantic checks each table by its own model.
    nested: dict[str, Any] = {}
    for key, value in values.items():
        *tables, name = key.split(".")
        table = nested
        for one in tables:
            table = table.setdefault(one, {})
        table[name] = value
    return nested
