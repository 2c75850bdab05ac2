"""Settings: where they come from, in which order, and what a wrong one is told."""

import re
import tomllib
from pathlib import Path

import pytest

from etl.api import open_lake
from etl.config import SETTINGS, Settings, load_settings
from etl.errors import UsageError
from etl.kinds import Severity
from etl.resources import bundled

REFERENCE = bundled("config") / "accesslake.toml"


def toml(tmp_path: Path, text: str) -> str:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    return str(path)


def test_flag_before_variable_before_file_before_default(tmp_path: Path) -> None:
    """Each layer covers the one below it, an explicit zero included."""
    config = toml(tmp_path, 'lookback_days = 3\nworkers = 3\nlease_seconds = 30\nbatch_size = "1MiB"')
    environ = {"ACCESSLAKE_LOOKBACK_DAYS": "0", "ACCESSLAKE_WORKERS": "2", "ACCESSLAKE_SOURCE": "s3://a/ s3://b/"}
    settings = load_settings({"workers": 1, "lake": None}, environ, config)
    assert (settings.workers, settings.lookback_days, settings.lease_seconds) == (1, 0, 30)
    assert settings.batch_size == 1024 * 1024
    assert settings.max_reject_fraction == 0.01
    assert settings.source == ("s3://a/", "s3://b/")


def test_the_file_may_be_named_by_a_variable(tmp_path: Path) -> None:
    """ACCESSLAKE_CONFIG is --config for cron."""
    environ = {"ACCESSLAKE_CONFIG": toml(tmp_path, 'lake = "/data/lake"')}
    assert load_settings({}, environ).lake == "/data/lake"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("look_back_days = 3", r"settings\.toml: unknown key 'look_back_days'; did you mean 'lookback_days'\?"),
        ("lookback_days = -1", r"settings\.toml: bad value -1 for lookback_days: .*greater than or equal to 0"),
        ('min_part_size = "big"', r"settings\.toml: bad value 'big' for min_part_size"),
        (
            "since = 'some day'",
            r"settings\.toml: bad value 'some day' for since: it names no day; write 2026-11-24, .*yesterday or -7d$",
        ),
        ("lookback_days =", r"settings\.toml: not valid TOML"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, text: str, message: str) -> None:
    """The message names the file, the key and the nearest valid name."""
    with pytest.raises(UsageError, match=message):
        load_settings({}, {}, toml(tmp_path, text))


def test_wrong_variables_and_flags_are_named() -> None:
    """A bad value says whether it came from a variable or a flag; an unknown variable is warned of."""
    with pytest.raises(UsageError, match="environment variable ACCESSLAKE_WORKERS: bad value 'many' for workers"):
        load_settings({}, {"ACCESSLAKE_WORKERS": "many"})
    with pytest.raises(UsageError, match="--since '2026-13-01': it names no day; write 2026-11-24, 2026-11, 2026, "):
        load_settings({"since": "2026-13-01"}, {})
    with pytest.raises(UsageError, match="no-such-file: cannot read the configuration file"):
        load_settings({}, {}, "no-such-file")
    with pytest.raises(UsageError, match="ACCESSLAKE_LAKES: no such setting; did you mean 'ACCESSLAKE_LAKE'"):
        load_settings({}, {"ACCESSLAKE_LAKES": "x"})
    with pytest.raises(UsageError, match=r"--since 0: it names no day; write 2026-11-24"):
        load_settings({"since": 0}, {})


def test_a_source_with_a_space(tmp_path: Path) -> None:
    """In a file a source is what is written; in a variable spaces separate several."""
    assert load_settings({}, {}, toml(tmp_path, 'source = "/my logs"')).source == ("/my logs",)
    assert load_settings({}, {"ACCESSLAKE_SOURCE": "/a  /b"}).source == ("/a", "/b")


def test_prices_and_lists() -> None:
    """A table's settings have variables of their own; lists are separated by spaces there."""
    found = load_settings(
        {}, {"ACCESSLAKE_PRICES_EGRESS": "0.05", "ACCESSLAKE_SITE_HOSTS": "WWW.example.com a.example"}
    )
    assert (found.prices.egress, found.prices.get_and_others) == (0.05, 0.0004)
    assert found.site_hosts == ("www.example.com", "a.example")
    with pytest.raises(UsageError, match=r"bad value '-1' for prices.egress: .*greater than or equal to 0"):
        load_settings({}, {"ACCESSLAKE_PRICES_EGRESS": "-1"})


def test_open_lake_takes_the_settings_of_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arguments come before variables, and those before the file, as on the command line; wrong names are refused."""
    file = toml(tmp_path, 'lake = "/from-file"\nquery_seconds = 7\n[prices]\negress = 1.0\nget_and_others = 2.0')
    monkeypatch.setenv("ACCESSLAKE_CONFIG", file)
    monkeypatch.setenv("ACCESSLAKE_PRICES_GET_AND_OTHERS", "3.0")
    settings = open_lake().settings
    assert (settings.lake, settings.query_seconds) == ("/from-file", 7)
    assert (settings.prices.egress, settings.prices.get_and_others) == (1.0, 3.0)
    own = open_lake(str(tmp_path), source="/logs", prices={"egress": 5.0}).settings
    assert (own.lake, own.source, own.prices.egress, own.prices.get_and_others) == (str(tmp_path), ("/logs",), 5.0, 3.0)
    (tmp_path / "other").mkdir()
    other = toml(tmp_path / "other", "query_seconds = 8")
    assert open_lake(str(tmp_path), config=other).settings.query_seconds == 8
    with pytest.raises(UsageError, match="no setting 'query_second'; did you mean 'query_seconds'"):
        open_lake(str(tmp_path), query_second=1)
    monkeypatch.delenv("ACCESSLAKE_CONFIG")
    with pytest.raises(UsageError, match="no lake given"):
        open_lake()


def test_the_reference_file_has_every_setting_with_its_default() -> None:
    """config/accesslake.toml cannot go stale: it loads to the defaults, and names what has none."""
    text = REFERENCE.read_text()
    assert load_settings({}, {}, str(REFERENCE)) == Settings()
    table = tomllib.loads(text)
    privacy = {f"privacy.{name}" for name in table.pop("privacy")}
    tables = ("prices", "storage_prices", "exclude")
    of_tables = {f"{name}.{setting}" for name in tables for setting in table.pop(name)}
    of_tables |= {f"findings.{kind}.{name}" for kind, settings in table.pop("findings").items() for name in settings}
    top, _, below = text.partition("[privacy]")
    optional = set(re.findall(r"^# (\w+) = ", top, flags=re.MULTILINE))
    privacy |= {f"privacy.{name}" for name in re.findall(r"^# (\w+) = ", below, flags=re.MULTILINE)}
    assert set(table) | privacy | of_tables | optional | {"privacy.hash_key"} == SETTINGS


def test_findings_have_settings_by_their_name(tmp_path: Path) -> None:
    """Thresholds, severity and silence of each kind, from a file or a variable; wrong names are told the nearest."""
    text = '[findings.bulk-deletions]\nthreshold = 7\nsilent_buckets = "x-*"\n[findings.day-cost]\nseverity = "alarm"'
    environ = {"ACCESSLAKE_FINDINGS_MASS_READING_BYTES": "5000", "ACCESSLAKE_FINDINGS_STALE_SILENT": "true"}
    findings = load_settings({}, environ, toml(tmp_path, text)).findings
    assert (findings["bulk-deletions"].threshold(), findings["mass-reading"].threshold("bytes")) == (7, 5000)
    assert findings["bulk-deletions"].is_silent("x-1")
    assert not findings["bulk-deletions"].is_silent("y")
    assert (findings["day-cost"].severity, findings["stale"].silent) == (Severity.ALARM, True)
    for wrong, message in (
        ("[findings.bulk-deletion]\nthreshold = 1", "did you mean 'findings.bulk-deletions.threshold'"),
        ("[findings.bulk-deletions]\nthresold = 1", "did you mean 'findings.bulk-deletions.threshold'"),
        ("[findings.bulk-deletions]\nthreshold = -1", "bad value -1 for findings.bulk-deletions.threshold"),
        ('[findings.stale]\nseverity = "bad"', "bad value 'bad' for findings.stale.severity"),
    ):
        with pytest.raises(UsageError, match=message):
            load_settings({}, {}, toml(tmp_path, wrong))
    with pytest.raises(UsageError, match=r"did you mean 'findings\.newcomers\.silent'"):
        open_lake(str(tmp_path), findings={"newcomer": {"silent": True}})
