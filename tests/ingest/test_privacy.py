"""What of people is kept: addresses and query strings leave before anything is written, rejects included."""

import datetime as dt
import hashlib
import hmac
import subprocess
from pathlib import Path

import duckdb
import pytest
from conftest import ingest_local, rows_of, run_every_report
from geo_databases import write_geo_databases
from lines import LINE
from pydantic import SecretStr

from etl.api import Lake
from etl.config import Privacy, Settings, load_settings
from etl.errors import StoreError, UsageError
from etl.ingest.privacy import protect, with_hash_key
from etl.parser.parser import Parser

KEY = "a key of more than sixteen bytes"
IP = "203.0.113.77"
SECRET = "X-Amz-Signature=deadbeef"  # noqa: S105
SIGNED = LINE.replace("192.0.2.3", IP).replace("/a.html HTTP/1.1", f"/a.html?{SECRET} HTTP/1.1")


def protected(line: str, **privacy: str) -> dict[str, object]:
    parser = Parser(dt.datetime(2027, 1, 1))  # noqa: DTZ001
    parser.add("log", line.encode())
    parsed = protect(parser.finish(), Privacy.model_validate(privacy))
    records: list[dict[str, object]] = parsed.records.to_pylist()
    rejects: list[dict[str, object]] = parsed.rejects.to_pylist()
    return (records or rejects)[0]


@pytest.mark.parametrize(
    ("address", "truncated"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("2001:db8:85a3:8d3:1319:8a2e:370:7348", "2001:db8:85a3::"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("2002:cb00:714d::1", "203.0.113.0"),
        ("-", None),
        ("not-an-address", None),
    ],
)
def test_truncated_addresses(address: str, truncated: str | None) -> None:
    """24 bits of IPv4 and 48 of IPv6 stay, also of an IPv4 address in IPv6's form; what is no address goes."""
    assert protected(LINE.replace("192.0.2.3", address), remote_ip="truncate")["remote_ip"] == truncated


def test_hashed_addresses() -> None:
    """HMAC-SHA256 of the address in its usual form, 128 bits of it; NULL stays NULL."""
    expected = hmac.new(KEY.encode(), b"2001:db8::1", hashlib.sha256).hexdigest()[:32]
    for form in ("2001:db8::1", "2001:DB8:0:0:0:0:0:1"):
        assert protected(LINE.replace("192.0.2.3", form), remote_ip="hash", hash_key=KEY)["remote_ip"] == expected
    assert protected(LINE.replace("192.0.2.3", "-"), remote_ip="hash", hash_key=KEY)["remote_ip"] is None
    assert protected(LINE, remote_ip="drop")["remote_ip"] is None
    assert protected(LINE, remote_ip="keep")["remote_ip"] == "192.0.2.3"


@pytest.mark.parametrize(
    ("uri", "kept"),
    [
        ("GET /a?b=c HTTP/1.1", "GET /a HTTP/1.1"),
        ("GET /a?b=c d?e HTTP/1.1", "GET /a HTTP/1.1"),
        ("GET /a? HTTP/2", "GET /a HTTP/2"),
        ("GET /a?b=c", "GET /a"),
        ("GET /a HTTP/1.1", "GET /a HTTP/1.1"),
    ],
)
def test_query_strings_of_uris(uri: str, kept: str) -> None:
    """What stands between `?` and the protocol goes, spaces and all."""
    assert protected(LINE.replace("GET /a.html HTTP/1.1", uri), query_strings="drop")["request_uri"] == kept


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://x.example/a?t=1#f", "https://x.example/a"),
        ("https://x/#t", "https://x/"),
        ("https://u:t@x/@", "https://x/@"),
    ],
)
def test_query_strings_of_referrers(url: str, kept: str) -> None:
    """Query and fragment go, and whoever logs in by URL; of a user agent all that follows a question mark."""
    row = protected(
        LINE.replace("https://example.com/", url).replace("curl/7.79.1", "bot (+https://b/?t=1; x)"),
        query_strings="drop",
    )
    assert row["referrer"] == kept
    assert row["user_agent"] == "bot (+https://b/"


def test_ambiguous_lines_lose_what_may_be_more_of_a_query_string() -> None:
    """Where a line can be parsed in several ways, the end of a query string may be in the next text."""
    hostile = f'GET /a.html?x" 200 - 1 2 3 4 "{SECRET}" "y HTTP/1.1'
    row = protected(LINE.replace("GET /a.html HTTP/1.1", hostile), query_strings="drop")
    assert row["parse_note"] == "ambiguous"
    assert SECRET not in str(row)


@pytest.mark.parametrize("mode", ["truncate", "hash", "drop"])
@pytest.mark.parametrize("address", [IP, "2001:db8:85a3:8d3:1319:8a2e:370:7348", "::ffff:203.0.113.77"])
@pytest.mark.parametrize(
    ("line", "is_reject"),
    [
        (f"{SIGNED[:200]}{SIGNED}", False),  # two records in one line; the second passes for a text of the first
        (f"{SIGNED[:60]}{SIGNED}", True),
        (SIGNED[:200], True),
        (SIGNED[:65], True),
        (f'&{SECRET} HTTP/1.1" 200 - 1 2 3 4 "-" "{IP}" -', True),
        (f"nonsense {IP} {IP}:443 [{IP}]:443 ?{SECRET}", True),
    ],
)
def test_lines_that_are_hard_to_read(mode: str, address: str, line: str, is_reject: bool) -> None:
    """Where nobody knows what is what, no address and nothing behind a `?` is kept."""
    row = protected(line.replace(IP, address), remote_ip=mode, hash_key=KEY, query_strings="drop")
    assert ("reason" in row) == is_reject
    assert row.get("parse_note") in (None, "ambiguous")
    assert address not in str(row)
    assert SECRET not in str(row)
    assert is_reject or row["request_uri"] is None
    if is_reject and line.startswith(SIGNED[:60]):
        assert str(row["line"]).startswith("79a59df900b9 site [06/Feb/2026:00:00:38 +0000] (")


def test_a_hash_needs_a_key(tmp_path: Path) -> None:
    """From a file or the environment, long enough, and never in the settings file or in a message."""
    with pytest.raises(UsageError, match=r"needs a key of at least 16 bytes.*ACCESSLAKE_PRIVACY_HASH_KEY"):
        with_hash_key(Privacy(remote_ip="hash"))
    with pytest.raises(UsageError, match="at least 16 bytes") as caught:
        with_hash_key(Privacy(remote_ip="hash", hash_key=SecretStr("shortkey")))
    assert "shortkey" not in str(caught.value)
    with pytest.raises(UsageError, match="no-such-file: cannot read the key"):
        with_hash_key(Privacy(remote_ip="hash", hash_key_file=tmp_path / "no-such-file"))
    (tmp_path / "key").write_text(KEY + "\n")
    config = tmp_path / "settings.toml"
    config.write_text(f'[privacy]\nremote_ip = "hash"\nhash_key_file = "{tmp_path / "key"}"\n')
    settings = load_settings({}, {}, str(config))
    key = with_hash_key(settings.privacy).hash_key
    assert key is not None
    assert key.get_secret_value() == KEY
    assert KEY not in repr(with_hash_key(settings.privacy))
    assert load_settings({}, {"ACCESSLAKE_PRIVACY_HASH_KEY": KEY}).privacy.hash_key == SecretStr(KEY)
    config.write_text(f'[privacy]\nhash_key = "{KEY}"\n')
    with pytest.raises(UsageError, match=r"a key is not set here: .*, privacy\.hash_key_file"):
        load_settings({}, {}, str(config))
    config.write_text('[privacy]\nremote_ips = "drop"\n')
    with pytest.raises(UsageError, match=r"unknown key 'privacy\.remote_ips'; did you mean 'privacy\.remote_ip'"):
        load_settings({}, {}, str(config))
    with pytest.raises(UsageError, match=r"ACCESSLAKE_PRIVACY_REMOTE_IP: bad value 'x' for privacy\.remote_ip"):
        load_settings({}, {"ACCESSLAKE_PRIVACY_REMOTE_IP": "x"})


@pytest.mark.parametrize("mode", ["truncate", "hash", "drop"])
def test_nothing_private_reaches_the_disk(mode: str, tmp_path: Path) -> None:
    """Neither in records nor in rejects, in no file of the lake; runs with the same key agree; all reports work."""
    logs, lake = tmp_path / "logs", tmp_path / "lake"
    logs.mkdir()
    privacy = Privacy(remote_ip=mode, query_strings="drop", hash_key=SecretStr(KEY))  # type: ignore[arg-type]
    for number, key in enumerate("EF"):
        again = SIGNED.replace("3E57427F3EXAMPLE", f"3{key}57427F3EXAMPLE")
        (logs / f"2026-02-06-0{number}-00-00-AA").write_text(f"{again}\nnonsense {IP} ?{SECRET}\n")
        ingest_local(logs, lake, privacy=privacy)
    rows = rows_of(lake)
    assert len(rows) == 2
    assert len({row["remote_ip"] for row in rows}) == 1
    for path in lake.rglob("*.parquet"):
        texts = str(duckdb.connect().sql("SELECT * FROM read_parquet($1)", params=[str(path)]).fetchall())
        assert IP not in texts
        assert SECRET not in texts
    grep = subprocess.run(["/bin/grep", "-rlE", f"{IP}|{SECRET}", str(lake)], capture_output=True, check=False)
    assert grep.stdout == b""
    run_every_report(lake, geo_database=write_geo_databases(tmp_path))


def test_a_run_without_a_key_writes_nothing(tmp_path: Path) -> None:
    """A missing key is an error before any log object is read."""
    (tmp_path / "2026-02-06-00-00-00-AA").write_text(LINE)
    settings = load_settings(
        {"source": (str(tmp_path),), "lake": str(tmp_path / "lake")}, {"ACCESSLAKE_PRIVACY_REMOTE_IP": "hash"}
    )
    with pytest.raises(UsageError, match="needs a key"):
        Lake(settings).ingest()
    assert not (tmp_path / "lake").exists()


def test_other_settings_for_the_same_lake_are_refused(tmp_path: Path) -> None:
    """A record that is delivered again after a change would not be recognized: one policy and key for a lake."""
    logs, lake = tmp_path / "logs", tmp_path / "lake"
    logs.mkdir()
    (logs / "2026-02-06-00-00-00-AA").write_text(LINE)
    hashed = Privacy(remote_ip="hash", hash_key=SecretStr(KEY))
    ingest_local(logs, lake, privacy=hashed)
    assert KEY not in (lake / "_privacy.json").read_text()
    ingest_local(logs, lake, privacy=hashed)
    others = [Privacy(), Privacy(remote_ip="drop"), Privacy(remote_ip="hash", hash_key=SecretStr(KEY[::-1]))]
    for other in [*others, hashed.model_copy(update={"query_strings": "drop"})]:
        with pytest.raises(UsageError, match="is written with other privacy settings"):
            ingest_local(logs, lake, privacy=other)
    with pytest.raises(UsageError, match="is written with other privacy settings"):
        Lake(Settings(source=(str(logs),), lake=str(lake))).repair()
    (lake / "_privacy.json").write_text("{garbled")
    with pytest.raises(StoreError, match=r"_privacy\.json: not readable"):
        ingest_local(logs, lake, privacy=hashed)
