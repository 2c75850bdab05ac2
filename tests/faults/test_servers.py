"""Real servers: a Ceph object store, which checks credentials and policies, and one that ignores preconditions."""

import functools
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import ceph_store
import pytest
from conftest import TALLY, free_port, run_cli, wait_for_port
from harness import KILLED, Judge, Place, finish, judge, run_and_kill, s3_place

DOCUMENTATION = (Path(__file__).parents[2] / "config" / "README.md").read_text("utf-8")


@dataclass(frozen=True)
class Store:
    """A running Ceph, its owner's keys, a place in it and the judge of its lakes."""

    ceph: ceph_store.Ceph
    owner: dict[str, str]
    whole: Judge

    @property
    def place(self) -> Place:
        return self.whole.place

    def client(self) -> Any:
        return self.place.client

    def user(self, name: str) -> dict[str, str]:
        """A new user, as variables of the environment."""
        return keys(*self.ceph.create_user(name))

    def allow(self, user: str, bucket: str, statements: list[dict[str, Any]]) -> None:
        """Give a user, and the owner, permissions on a bucket: an object belongs to whoever wrote it."""
        principal = {"AWS": [f"arn:aws:iam:::user/{user}", "arn:aws:iam:::user/owner"]}
        policy = {
            "Version": "2012-10-17",
            "Statement": [{**statement, "Principal": principal} for statement in statements],
        }
        self.client().put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))


def keys(access_key: str, secret_key: str) -> dict[str, str]:
    return {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_key}


@pytest.fixture(scope="module")
def ceph(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[ceph_store.Ceph]:
    if not ceph_store.is_installed() and not request.config.getoption("--all-servers"):
        pytest.skip("Ceph is not installed (Debian: radosgw ceph-mon ceph-osd ceph-common)")
    with ceph_store.ceph(tmp_path_factory.mktemp("ceph")) as running:
        yield running


@pytest.fixture(scope="module")
def store(ceph: ceph_store.Ceph) -> Iterator[Store]:
    owner = keys(*ceph.create_user("owner"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in owner.items():
            patch.setenv(name, value)
        client = boto3.session.Session().client("s3", endpoint_url=ceph.endpoint_url)  # with the owner's keys
        yield Store(ceph, owner, judge(s3_place(client, ceph.endpoint_url, "ceph")))


@pytest.fixture(params=["s3fs", "obstore"], autouse=True)
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test is run with both readers; the name of one."""
    monkeypatch.setenv("ACCESSLAKE_READER", request.param)
    return str(request.param)


def documented_policy(title: str, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """The statements of the documented policy under a title, with the buckets of a test in them."""
    (text,) = re.findall(rf"{re.escape(title)}.*?```json\n(.*?)```", DOCUMENTATION, flags=re.DOTALL)
    for example, name in names.items():
        text = text.replace(example, name)
    statements: list[dict[str, Any]] = json.loads(text)["Statement"]
    return statements


def for_bucket(statements: list[dict[str, Any]], bucket: str) -> list[dict[str, Any]]:
    def concerns(resource: str) -> bool:
        return resource.removeprefix("arn:aws:s3:::").partition("/")[0] == bucket

    return [statement for statement in statements if concerns(statement["Resource"])]


def test_a_run_on_ceph(store: Store, reader: str) -> None:
    """What all tests do on moto works on a real store, too: a run with two workers, verify and a report."""
    code, errors = finish(store.place.start(reader, workers=2, environment=store.owner))
    assert code == 0, errors
    store.whole.is_whole(reader)
    lake = ("--lake", f"{store.place.lakes}/{reader}", "--endpoint-url", store.ceph.endpoint_url)
    verified = run_cli("verify", *lake, "--source", store.place.source)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "all is right" in verified.stdout
    assert "200" in run_cli("report", "website/response_codes", *lake).stdout


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("put", [5, 11, 17, 23])
def test_a_killed_run_on_ceph(moment: str, put: int, store: Store, reader: str) -> None:
    """As on moto, at some of the points."""
    lake = f"killed-{moment}-{put}-{reader}"
    code, _ = run_and_kill(store.place, lake, moment, put, environment=store.owner)
    assert code == KILLED
    TALLY.kills += 1
    store.whole.recovers(lake)


def refused(store: Store, lake: str, environment: dict[str, str]) -> str:
    """What a run says that fails without having written anything."""
    code, errors = finish(store.place.start(lake, environment=environment))
    assert code == 1, errors
    assert "Traceback" not in errors
    lakes = store.place.lakes.removeprefix("s3://")
    written = [
        one["Key"] for one in store.client().list_objects_v2(Bucket=lakes, Prefix=f"{lake}/").get("Contents", [])
    ]
    assert written == []
    return errors


def test_wrong_credentials(store: Store, reader: str) -> None:
    """An unknown key and a wrong secret are told apart; nothing is written."""
    assert "InvalidAccessKeyId to GetObject: the store does not know this access key" in refused(
        store, f"wrong-key-{reader}", keys("NOSUCHKEY", "secret")
    )
    wrong = {**store.owner, "AWS_SECRET_ACCESS_KEY": "wrong"}
    assert "SignatureDoesNotMatch to GetObject: the secret key does not belong to the access key" in refused(
        store, f"wrong-secret-{reader}", wrong
    )


def test_too_few_permissions(store: Store, reader: str) -> None:
    """Who may not write the lake, or list or read the source, learns which permission to add; nothing is written."""
    logs, lakes = (url.removeprefix("s3://").rstrip("/") for url in (store.place.source, store.place.lakes))
    allow = functools.partial(_statement, "Allow")
    name = f"{reader}-reader"
    may_read = store.user(name)
    store.allow(name, logs, [allow("s3:ListBucket", logs), allow("s3:GetObject", f"{logs}/*")])
    store.allow(name, lakes, [allow("s3:ListBucket", lakes), allow("s3:GetObject", f"{lakes}/*")])
    assert "must allow s3:PutObject" in refused(store, f"{reader}-no-write", may_read)
    name = f"{reader}-writer"
    writer = store.user(name)
    lake_rights = [allow("s3:ListBucket", lakes), allow(["s3:GetObject", "s3:PutObject"], f"{lakes}/*")]
    store.allow(name, lakes, lake_rights)
    store.allow(name, logs, [allow("s3:GetObject", f"{logs}/*")])
    errors = refused(store, f"{reader}-no-list", writer)
    assert f"s3://{logs}/: S3 answered AccessDenied to ListObjectsV2" in errors
    assert "must allow s3:ListBucket" in errors
    store.allow(name, logs, [allow("s3:ListBucket", logs)])
    code, errors = finish(store.place.start(f"{reader}-no-read", environment=writer))
    assert code == 1
    assert "S3 answered AccessDenied to GetObject" in errors
    assert "must allow s3:GetObject" in errors
    written = store.client().list_objects_v2(Bucket=lakes, Prefix=f"{reader}-no-").get("Contents", [])
    assert not [one["Key"] for one in written if one["Key"].endswith(".parquet")]


def _statement(effect: str, action: str | list[str], resource: str) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": f"arn:aws:s3:::{resource}"}


def test_the_policies_of_the_readme(store: Store, tmp_path: Path, reader: str) -> None:
    """The IAM permissions that the README gives to job and readers suffice, and those of readers allow no write."""
    logs, lakes = (url.removeprefix("s3://").rstrip("/") for url in (store.place.source, store.place.lakes))
    names = {"/logs/*": "/*", "my-log-bucket": logs, "my-analytics-bucket": lakes, "access-lake/": f"{reader}-least/"}
    users = [f"{reader}-job", f"{reader}-analyst"]
    job, analyst = map(store.user, users)
    policy = documented_policy("The policy for the job", names)
    for bucket in (logs, lakes):
        store.allow(users[0], bucket, for_bucket(policy, bucket))
    code, errors = finish(store.place.start(f"{reader}-least", environment=job))
    assert code == 0, errors
    lake = ("--lake", f"{store.place.lakes}/{reader}-least", "--endpoint-url", store.ceph.endpoint_url)
    counted = run_cli("sql", *lake, "SELECT count(*) AS n FROM access_log", "--format", "json", environment=job)
    assert json.loads(counted.stdout) == [{"n": store.whole.rows.total()}]
    policy = for_bucket(documented_policy("The policy for readers", names), lakes)
    principals = {"AWS": [f"arn:aws:iam:::user/{name}" for name in (*users, "owner")]}
    statements = [{**one, "Principal": principals} for one in policy]
    store.client().put_bucket_policy(
        Bucket=lakes, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements})
    )
    assert run_cli("sql", *lake, "SELECT count(*) AS n FROM access_log", environment=analyst).returncode == 0
    assert run_cli("verify", *lake, environment=analyst).returncode == 0
    writing = Place(str(tmp_path), store.place.lakes, store.place.endpoint_url)
    assert "must allow s3:PutObject" in finish(writing.start(f"{reader}-least", environment=analyst))[1]


@pytest.fixture
def rclone(tmp_path: Path) -> Iterator[str]:
    """A store that takes conditional writes and ignores the conditions."""
    (tmp_path / "lakes").mkdir()
    port = free_port()
    program = str(Path(sys.executable).with_name("rclone"))
    command = [program, "serve", "s3", "--config", "/dev/null", "--auth-key", "test,test"]
    with subprocess.Popen(
        [*command, "--addr", f"127.0.0.1:{port}", str(tmp_path)], stderr=subprocess.DEVNULL
    ) as server:
        try:
            wait_for_port(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()  # what ends the `with` waits for it


def test_a_store_that_ignores_preconditions_is_refused(rclone: str, tmp_path: Path) -> None:
    """Two runs could overwrite each other's records there, so not one is written."""
    (tmp_path / "logs").mkdir()
    place = Place(str(tmp_path / "logs"), "s3://lakes", rclone)
    code, errors = finish(place.start("lake", environment=keys("test", "test")))
    assert code == 1
    assert "this store ignores conditional writes (it accepted If-None-Match: * and a stale If-Match)" in errors
    assert [path.name for path in (tmp_path / "lakes").rglob("*") if path.is_file()] == ["_probe.json"]
