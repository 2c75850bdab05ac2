"""The table in AWS Glue is made and kept up to date, with as few calls as can be, and belongs to others as well."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from conftest import S3, run_cli
from lines import LINE

from etl import Lake, open_lake
from etl.cli.commands.engines import target_of
from etl.engines import GlueChange
from etl.engines.table import COLUMNS
from etl.errors import CatalogError, UsageError

DATABASE = "logs"


class Glue:
    """AWS Glue, as moto serves it, and a lake on S3 with a record of each bucket."""

    def __init__(self, s3: S3) -> None:
        self.s3 = s3
        self.client = boto3.client("glue", endpoint_url=s3.endpoint_url)
        self.client.create_database(DatabaseInput={"Name": DATABASE})
        self.options = ("--lake", f"s3://{s3.lake}/lake", "--endpoint-url", s3.endpoint_url)

    def put_log(self, bucket: str) -> None:
        """Log a request to a bucket."""
        name = f"logs/2026-02-06-00-10-00-{bucket.encode().hex().upper()}"
        self.s3.put(name, f"{LINE}\n".replace(" site ", f" {bucket} ").encode())

    def ingest(self, *buckets: str) -> None:
        """A run in this process."""
        for bucket in buckets:
            self.put_log(bucket)
        source = [f"s3://{self.s3.logs}/logs/"]
        open_lake(f"s3://{self.s3.lake}/lake", self.s3.endpoint_url, source=source, workers=1).ingest(full=True)

    def run_ingest(self, *options: str) -> Any:
        """A run of the command line."""
        return run_cli("ingest", "--full", "--source", f"s3://{self.s3.logs}/logs/", *self.options, *options)

    def run(self, *options: str) -> Any:
        return run_cli("glue", "--database", DATABASE, *self.options, *options)

    def keep(self, **options: Any) -> GlueChange:
        """What the command does, in this process."""
        return self.lake().glue(DATABASE, **options)

    def lake(self, **settings: Any) -> Lake:
        return open_lake(f"s3://{self.s3.lake}/lake", self.s3.endpoint_url, **settings)

    def table(self, name: str = "access_log") -> dict[str, Any]:
        table: dict[str, Any] = self.client.get_table(DatabaseName=DATABASE, Name=name)["Table"]
        return table

    def versions(self) -> int:
        """How often the table was written: moto keeps each version."""
        return int(self.table()["VersionId"])

    def edit(self, **changes: Any) -> None:
        """A change by somebody else."""
        members = self.client.meta.service_model.shape_for("TableInput").members
        table = {name: value for name, value in self.table().items() if name in members}
        self.client.update_table(DatabaseName=DATABASE, TableInput={**table, **changes})


@pytest.fixture
def glue(s3: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[Glue]:
    monkeypatch.setenv("AWS_ENDPOINT_URL_GLUE", s3.endpoint_url)
    glue = Glue(s3)
    yield glue
    glue.client.delete_database(Name=DATABASE)


def test_a_table_is_made_once_and_then_changed_only_where_it_differs(glue: Glue) -> None:
    """What `ddl` prints and what Glue has are of one source."""
    glue.ingest("site", "12345")
    would = glue.run("--dry-run")
    assert would.stdout == "logs.access_log would be created\n", would.stderr
    assert glue.client.get_tables(DatabaseName=DATABASE)["TableList"] == []
    assert glue.run().stdout == "logs.access_log is created\n"
    table = glue.table()
    assert table["Parameters"]["projection.bucket.values"] == "12345,site"
    assert table["Parameters"]["projection.date.range"] == "2026-02-06,NOW"
    assert table["StorageDescriptor"]["Location"] == f"s3://{glue.s3.lake}/lake/access_log/"
    assert [(one["Name"], one["Type"]) for one in table["PartitionKeys"]] == [("bucket", "string"), ("date", "date")]
    columns = table["StorageDescriptor"]["Columns"]
    assert [one["Name"] for one in columns] == [one.name for one in COLUMNS]
    assert all(0 < len(one["Comment"]) <= 255 for one in columns)  # as much as Glue takes
    statement = str(glue.lake().ddl("athena"))
    for name, value in table["Parameters"].items():
        assert f"'{name}' = '{value}'" in statement or name == "EXTERNAL"
    assert all(f"`{one['Name']}` {one['Type']} COMMENT" in statement for one in columns)
    assert glue.keep().action == "unchanged"
    assert glue.versions() == 1


def test_a_new_bucket_is_listed_after_the_run_that_brought_it(glue: Glue) -> None:
    """Without that its rows would be missing in Athena, silently."""
    glue.ingest("site")
    glue.keep()
    glue.put_log("another")
    run = glue.run_ingest("--glue", "logs.access_log", "--json")
    assert json.loads(run.stdout)["exit_code"] == 0
    (event,) = [one for one in map(json.loads, run.stderr.splitlines()) if "changes" in one]
    assert event["message"] == "logs.access_log is updated"
    assert event["changes"] == ["projection.bucket.values: site -> another,site"]
    assert glue.table()["Parameters"]["projection.bucket.values"] == "another,site"
    assert glue.versions() == 2


def test_the_settings_name_the_table_for_each_run_and_command(glue: Glue, tmp_path: Path) -> None:
    """What a flag says goes before them, name by name."""
    config = tmp_path / "accesslake.toml"
    config.write_text('glue = "logs.records"\n')
    glue.put_log("site")
    assert "logs.records is created" in glue.run_ingest("--config", str(config)).stderr
    shown = run_cli("glue", "--config", str(config), *glue.options)
    assert shown.stdout == "logs.records is up to date\n", shown.stderr
    assert glue.run("--config", str(config), "--table", "others").stdout == "logs.others is created\n"
    run = glue.run_ingest("--config", str(config), "--glue", "logs.others")
    assert "logs.others is up to date" in run.stderr
    assert "logs.records" not in run.stderr


def test_a_catalog_of_another_account(glue: Glue) -> None:
    """Each call names it, and so does an error."""
    glue.ingest("site")
    lake = glue.lake(glue="logs.access_log", glue_catalog_id="444455556666")
    calls = [intercepted(lake, name, []) for name in ("GetTable", "CreateTable", "UpdateTable")]
    assert lake.glue().action == "created"
    glue.ingest("other")
    assert lake.glue().action == "updated"
    assert [[one["CatalogId"] for one in asked] for asked in calls] == [["444455556666"] * n for n in (2, 1, 1)]
    intercepted(lake, "GetTable", ["AccessDeniedException"])
    with pytest.raises(CatalogError, match="in AWS Glue, catalog 444455556666: "):
        lake.glue()
    named = glue.run("--catalog-id", "")
    assert "--catalog-id ''" in named.stderr


def test_what_others_gave_the_table_stays(glue: Glue) -> None:
    """Parameters, comments, a column that we do not know, the order; a column that is missing comes back."""
    glue.ingest("site", "other")
    glue.keep()
    table = glue.table()
    storage = table["StorageDescriptor"]
    key, *others = [one for one in storage["Columns"] if one["Name"] != "time"]
    columns = [{"Name": "of_a_newer_version", "Type": "string"}, *others, {**key, "Comment": "whose bucket"}]
    parameters = {**table["Parameters"], "team": "web", "projection.bucket.values": "site"}
    glue.edit(Owner="web", Description="ours", Parameters=parameters, StorageDescriptor=storage | {"Columns": columns})
    run = glue.run("--dry-run")
    assert run.stdout.splitlines() == [
        "logs.access_log would be updated",
        "  projection.bucket.values: site -> other,site",
        "  column time: none -> timestamp (when S3 received the request [UTC])",
    ]
    assert glue.versions() == 2
    assert glue.keep().action == "updated"
    after = glue.table()
    assert (after["Owner"], after["Description"]) == ("web", "ours")
    assert after["Parameters"] == {**table["Parameters"], "team": "web"}
    names = [one["Name"] for one in after["StorageDescriptor"]["Columns"]]
    assert names == ["of_a_newer_version", *(one["Name"] for one in others), key["Name"], "time"]
    assert after["StorageDescriptor"]["Columns"][-2]["Comment"] == "whose bucket"
    assert glue.keep().action == "unchanged"


def test_a_table_whose_queries_name_their_buckets_stays_so(glue: Glue) -> None:
    """Until somebody says otherwise: a new bucket changes nothing there."""
    glue.ingest("site")
    run = glue.run("--injected")
    assert "every query has to name its buckets" in run.stderr
    assert "projection.bucket.values" not in glue.table()["Parameters"]
    glue.ingest("other")
    assert glue.keep().action == "unchanged"
    assert glue.keep(injected=False).action == "updated"
    assert glue.table()["Parameters"]["projection.bucket.type"] == "enum"
    assert glue.table()["Parameters"]["projection.bucket.values"] == "other,site"
    assert glue.keep(injected=True).action == "updated"
    assert "projection.bucket.values" not in glue.table()["Parameters"]


def test_a_table_of_something_else_is_refused(glue: Glue) -> None:
    """Another location, another layout, or a table format that owns its files."""
    glue.ingest("site")
    glue.keep()
    before = glue.table()
    storage, keys, parameters = before["StorageDescriptor"], before["PartitionKeys"], before["Parameters"]
    for changes, message in (
        ({"StorageDescriptor": {**storage, "Location": "s3://elsewhere/lake/access_log/"}}, "is of s3://elsewhere/"),
        ({"StorageDescriptor": {**storage, "InputFormat": "org.apache.hadoop.mapred.TextInputFormat"}}, "drop it"),
        ({"PartitionKeys": [keys[0], {**keys[1], "Type": "string"}]}, "drop it"),
        ({"PartitionKeys": []}, "drop it"),
        ({"Parameters": {**parameters, "table_type": "ICEBERG"}}, "drop it"),
    ):
        glue.edit(**{"StorageDescriptor": storage, "PartitionKeys": keys, "Parameters": parameters, **changes})
        versions = glue.versions()
        with pytest.raises(UsageError, match=message):
            glue.keep()
        assert glue.versions() == versions
    # The scheme of Hadoop's client names the same files.
    of_hadoop = storage["Location"].replace("s3://", "s3a://").rstrip("/")
    glue.edit(StorageDescriptor={**storage, "Location": of_hadoop}, PartitionKeys=keys, Parameters=parameters)
    assert glue.keep().action == "unchanged"


def test_a_failure_after_a_run_undoes_nothing_of_it(glue: Glue, tmp_path: Path) -> None:
    """It is said, and the exit code is 1, which no gauge calls a success; the next run tries again."""
    glue.put_log("site")
    gauges = tmp_path / "lake.prom"
    failed = glue.run_ingest("--glue", "nowhere.access_log", "--json", "--metrics-file", str(gauges))
    assert "accesslake_last_success_timestamp_seconds" not in gauges.read_text()
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["rows"] == 1
    assert json.loads(failed.stdout)["exit_code"] == 1
    assert "there is no database 'nowhere' in us-east-1" in failed.stderr
    assert "the records are in the lake" in failed.stderr
    again = glue.run_ingest("--glue", "logs.access_log", "--exit-code-if-nothing-new", "99")
    assert again.returncode == 99
    assert glue.table()["Parameters"]["projection.bucket.values"] == "site"


def test_what_cannot_be_a_table_is_refused_before_anything_is_read(glue: Glue, tmp_path: Path) -> None:
    """A target that is none, and a lake on a disk."""
    for target in ("access_log", "logs.", ".access_log"):
        with pytest.raises(UsageError, match=r"DATABASE\.TABLE"):
            glue.lake(glue=target)
    with pytest.raises(UsageError, match="know S3 only"):
        target_of(open_lake(str(tmp_path / "lake"), glue="logs.access_log"))
    with pytest.raises(UsageError, match="lower-case"):
        target_of(glue.lake(glue="logs.Access-Log"))
    with pytest.raises(UsageError, match=r"--database D, or set glue"):
        glue.lake().glue()
    glue.ingest("site")
    with pytest.raises(UsageError, match="lower-case"):
        glue.keep(table="Access-Log")


def test_a_dry_run_and_a_lake_without_records_need_no_table(glue: Glue) -> None:
    """Neither fails, as a first run may find nothing yet."""
    first = glue.run_ingest("--glue", "logs.access_log")
    assert (first.returncode, "no records yet" in first.stderr) == (0, True)
    with pytest.raises(UsageError, match="no records yet"):
        glue.keep()
    glue.put_log("site")
    assert glue.run_ingest("--dry-run", "--glue", "logs.access_log").returncode == 0
    assert glue.client.get_tables(DatabaseName=DATABASE)["TableList"] == []


def intercepted(lake: Lake, operation: str, codes: list[str]) -> list[dict[str, Any]]:
    """Answer requests of a lake to Glue by these errors, one after the other; what it asks for, as it comes."""
    asked: list[dict[str, Any]] = []

    def refuse(request: Any, **_: Any) -> AWSResponse | None:
        asked.append(json.loads(request.body))
        if not codes:
            return None
        body = json.dumps({"__type": codes.pop(0), "message": "no"}).encode()
        response = AWSResponse(request.url, 400, {}, None)
        response._content = body
        return response

    events = lake._session.boto3_session._session.get_component("event_emitter")
    events.register(f"before-send.glue.{operation}", refuse)
    return asked


def test_a_table_that_somebody_else_changes_at_the_same_time_is_looked_at_again(glue: Glue) -> None:
    """An update is of the version that was read, and leaves no older version behind."""
    glue.ingest("site")
    glue.keep()
    glue.ingest("other")
    lake = glue.lake()
    asked = intercepted(lake, "UpdateTable", ["ConcurrentModificationException"])
    assert lake.glue(DATABASE).action == "updated"
    assert [(one["SkipArchive"], one["VersionId"]) for one in asked] == [(True, "1"), (True, "1")]
    assert glue.versions() == 2


def test_errors_say_what_to_do(glue: Glue, monkeypatch: pytest.MonkeyPatch) -> None:
    """No permission, and no region."""
    glue.ingest("site")
    lake = glue.lake()
    intercepted(lake, "GetTable", ["AccessDeniedException"])
    with pytest.raises(CatalogError, match="glue:GetTable, glue:CreateTable and glue:UpdateTable"):
        lake.glue(DATABASE)
    lake = glue.lake()
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(CatalogError, match="set AWS_REGION"):
        lake.glue(DATABASE)
