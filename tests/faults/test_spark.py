"""Batches on Spark: the same lake as without, whatever becomes of executors; secrets stay where they are."""

import contextlib
import datetime as dt
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, takewhile
from pathlib import Path
from typing import Any

import boto3
import ceph_store
import pytest
from conftest import free_port, require_spark, wait_for_port
from harness import SETTINGS, Judge, Place, judge, s3_place
from proxy import Fault, Handler, Request, Upstream, delay, fault_proxy
from pydantic import SecretStr

from etl.api import Lake
from etl.config import EngineName, Privacy, Settings
from etl.errors import AccessLakeError, UsageError
from etl.ingest import run as run_module
from etl.ingest.plan import Batch, plan_while_listing
from etl.ingest.remote import pack_batch
from etl.ingest.run import RunSummary
from etl.ingest.spark import SparkEngine
from etl.sources import Found, discover_objects, parse_source
from etl.spark import context as spark_module
from etl.store import S3Session

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # of pyspark's sockets

ROOT = Path(__file__).parents[2]
JOB = ROOT / "config" / "spark" / "accesslake_job.py"
HERE = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
}
KEY = "a key of at least sixteen bytes"
OTHER_KEY = "another key, just as long as it"


@pytest.fixture(scope="module", autouse=True)
def java(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tests are skipped where there is none; coverage is not measured in executors, which are killed."""
    require_spark(request)
    with pytest.MonkeyPatch.context() as patch:
        for name in [one for one in os.environ if one.startswith("COV")]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="module")
def ceph(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Judge | None]:
    """A judge of lakes on Ceph, None where that is not installed; its keys are in the environment, as in executors'."""
    if not ceph_store.is_installed() and not request.config.getoption("--all-servers"):
        yield None
        return
    with ceph_store.ceph(tmp_path_factory.mktemp("ceph")) as running, pytest.MonkeyPatch.context() as patch:
        access_key, secret_key = running.create_user("owner")
        patch.setenv("AWS_ACCESS_KEY_ID", access_key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", secret_key)
        client = boto3.session.Session().client("s3", endpoint_url=running.endpoint_url)
        yield judge(s3_place(client, running.endpoint_url, "spark"))


@pytest.fixture(scope="module")
def moto(moto_server: str, ceph: Judge | None) -> Judge:  # noqa: ARG001 - its keys come first
    return judge(s3_place(boto3.client("s3", endpoint_url=moto_server), moto_server, "spark"))


def on_spark(place: Place, lake: str, endpoint_url: str | None = None, **settings: Any) -> Settings:
    """The settings of a run on Spark that has six batches in hand at a time."""
    changed = {"engine": EngineName.SPARK, "workers": 6, "endpoint_url": endpoint_url or place.endpoint_url, **settings}
    return place.settings(lake).model_copy(update=changed)


def options(master: str, **more: str) -> tuple[str, ...]:
    """As `--spark-conf`, for a Spark of a test's own."""
    conf = {**HERE, "spark.master": master, **{name.replace("_", "."): value for name, value in more.items()}}
    return tuple(f"{name}={value}" for name, value in conf.items())


# --- Where Spark, or an executor, is not as it should be ------------------------------------------------------------


@pytest.mark.parametrize(
    ("workers", "expected"), [(0, [3, 3, 3, 3]), (1, [1]), (3, [1, 1, 1]), (9, [3, 3, 3]), (10, [3, 3, 3, 1])]
)
def test_waves_are_bounded(workers: int, expected: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Four jobs of as many batches as there are cores, or of `workers` in all; no more than those are planned."""
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    planned: list[Batch] = []

    def batches() -> Iterator[Batch]:
        while True:
            planned.append(Batch((), Settings(lake="s3://b/lake"), "run"))
            yield planned[-1]

    engine = SparkEngine(Settings(engine=EngineName.SPARK, workers=workers))
    sizes: list[int] = []
    waves = engine._waves(batches(), sizes)
    while engine._next_size(sizes):
        sizes.append(len(next(waves)))
    assert sizes == expected
    assert len(planned) == sum(expected)
    # When a job is done, another takes its place.
    sizes.pop(0)
    assert len(next(waves)) == expected[0]
    assert list(engine._waves(iter(()), [])) == []


def test_what_is_refused_before_spark_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret among the options, which others could see; a lake on a disk, of which each executor has its own."""
    for name in (
        "spark.executorEnv.ACCESSLAKE_PRIVACY_HASH_KEY",
        "spark.yarn.appMasterEnv.ACCESSLAKE_PRIVACY_HASH_KEY",
        "spark.kubernetes.driverEnv.ACCESSLAKE_PING_URL",
        "spark.hadoop.fs.s3a.secret.key",
    ):
        with pytest.raises(UsageError, match=f"^{re.escape(name)}: a secret is no option") as refused:
            SparkEngine(Settings(engine=EngineName.SPARK, spark_conf=(f"{name}={KEY}",)))
        assert KEY not in str(refused.value)
    places = (
        "spark.kubernetes.executor.secretKeyRef.ACCESSLAKE_PRIVACY_HASH_KEY=accesslake:hash-key",
        "spark.kubernetes.driver.secrets.accesslake=/etc/accesslake",
        "spark.kubernetes.authenticate.driver.oauthTokenFile=/etc/token",
    )
    assert len(SparkEngine(Settings(engine=EngineName.SPARK, spark_conf=places))._options) == len(places)
    for urls in (["/lake"], ["s3://b/lake", "/logs"]):
        spark_module.refuse_local_disks(urls, "local-cluster[2,1,1024]")
        with pytest.raises(UsageError, match="executors of yarn have disks of their own"):
            spark_module.refuse_local_disks(urls, "yarn")
    monkeypatch.setattr(spark_module, "find_spec", lambda _name: None)
    with pytest.raises(UsageError, match=r"pip install 'accesslake\[spark\]'"):
        SparkEngine(Settings(engine=EngineName.SPARK))


def test_what_is_sent_has_no_secret() -> None:
    """A batch travels without the key for addresses, the URL to ping, and the options for Spark."""
    settings = Settings(
        lake="s3://b/lake",
        ping_url=SecretStr("https://ping/secret"),
        spark_conf=("spark.driver.extraJavaOptions=-Dkey=kept-here",),
        privacy=Privacy(remote_ip="hash", hash_key=SecretStr(KEY)),
    )
    sent = zlib.decompress(pack_batch(Batch((), settings, "run")))
    assert b"s3://b/lake" in sent
    assert KEY.encode() not in sent
    assert b"ping/secret" not in sent
    assert b"kept-here" not in sent


@pytest.mark.parametrize("there", ["nothing", "another version", "no pyarrow"])
def test_executors_without_the_same_accesslake(
    there: str, moto: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line says which executor has what; nothing is written."""
    more, expected = {}, "has accesslake 9.9"
    if there == "nothing":
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
        monkeypatch.setenv("PYSPARK_PYTHON", str(tmp_path / "bare" / "bin" / "python"))
        more, expected = {"spark_executorEnv_PYTHONPATH": ""}, "accesslake is not installed there"
        monkeypatch.delenv("PYTHONPATH", raising=False)
    elif there == "another version":
        metadata = tmp_path / "accesslake-9.9.dist-info" / "METADATA"
        metadata.parent.mkdir()
        metadata.write_text("Metadata-Version: 2.1\nName: accesslake\nVersion: 9.9\n")
        more = {"spark_executorEnv_PYTHONPATH": str(tmp_path)}
    else:
        (tmp_path / "pyarrow.py").write_text("raise ImportError('libarrow.so: cannot open')\n")
        more, expected = {"spark_executorEnv_PYTHONPATH": str(tmp_path)}, "cannot be imported there: libarrow.so"
    settings = on_spark(moto.place, f"none-{len(there)}", spark_conf=options("local[1]", **more))
    with pytest.raises(UsageError, match=rf"^executor \S+, \S+python\S*: .*{expected}.*config/spark.md$"):
        Lake(settings).ingest()
    assert (
        moto.place.client.list_objects_v2(Bucket="spark-lakes", Prefix=f"none-{len(there)}/access_log")["KeyCount"] == 0
    )


@pytest.mark.parametrize("engine", [EngineName.LOCAL, EngineName.SPARK])
def test_what_is_planned_is_ingested_while_listing_stands_still(
    engine: EngineName, moto: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last day is listed no sooner than all batches before it are in the lake, and the run says so."""
    monkeypatch.setattr(run_module, "_CHUNK_OBJECTS", 1)
    choice: dict[str, Any] = (
        {"workers": 0, "spark_conf": options("local[3]")} if engine == EngineName.SPARK else {"workers": 3}
    )
    choice |= {"since": dt.date(2026, 1, 1), "batch_size": 32_000}
    settings = on_spark(moto.place, f"stalled-{engine}", engine=engine, **choice)
    source, session = parse_source(moto.place.source), S3Session(moto.place.endpoint_url)
    found = discover_objects(source, settings.since, dt.date(2026, 1, 2), session, Found())
    listed = [one for one in found if "b-bucket/2026/01/02/" not in one.name]
    planned = plan_while_listing(chain(listed, [None]), settings, "run", workers=3)
    sizes = [len(batch.objects) for batch in takewhile(bool, planned) if batch]
    assert len(sizes) % 3  # the last ones are not enough for a wave
    all_in, was_in_time = threading.Event(), []

    def hold(handler: Handler, upstream: Upstream) -> None:
        was_in_time.append(all_in.wait(60))
        handler.answer(upstream())

    def look(summary: RunSummary) -> None:
        if summary.result.objects_ingested == sum(sizes):
            all_in.set()

    with fault_proxy(moto.place.endpoint_url or "") as proxy:
        proxy.rule = lambda request: hold if "b-bucket%2F2026%2F01%2F02%2F" in request.path else None
        Lake(settings.model_copy(update={"endpoint_url": proxy.endpoint_url})).ingest(progress=look)
    assert set(was_in_time) == {True}
    moto.is_whole(f"stalled-{engine}")


def test_spark_gives_up(moto: Judge) -> None:
    """Where a batch fails as often as Spark tries, one line says so, and the next run completes the lake."""
    with fault_proxy(moto.place.endpoint_url or "") as proxy:
        proxy.rule = on_put("/access_log/", lambda: kill_all("pyspark.daemon", os.getpid()))
        settings = on_spark(moto.place, "given-up", proxy.endpoint_url, spark_conf=options("local[2]"))
        with pytest.raises(AccessLakeError, match=r"^Spark gave up: .*[Pp]ython worker exited unexpectedly[^\n]*$"):
            Lake(settings).ingest()
    moto.recovers("given-up")


def test_a_cluster_without_executors(moto: Judge, tmp_path: Path) -> None:
    """A run says after a while what it waits for, and ends after the time that is set, with exit code 1."""
    arguments, environment = command(moto.place, "nobody")
    environment["ACCESSLAKE_SPARK_WAIT_SECONDS"] = "8"
    with standalone(tmp_path) as url:
        conf = [part for text in options(url, spark_executor_memory="3g") for part in ("--spark-conf", text)]
        started = [sys.executable, "-m", "etl", *arguments, *conf]
        run = subprocess.run(started, env=environment, capture_output=True, text=True, check=False, timeout=120)
    lines = [json.loads(line) for line in run.stderr.splitlines() if line.startswith("{")]
    waits, failed = [line for line in lines if line["event"] != "progress"]
    assert (waits["event"], waits["level"]) == ("run_waits", "warning")
    assert (failed["event"], failed["exit_code"], run.returncode) == ("run_failed", 1, 1)
    for line in (waits, failed):
        problem = rf"Spark has begun no batch for \d+ s: .*whether {url} has workers.*spark.executor.memory \(3g"
        assert re.match(problem, line["message"])
    assert "spark_wait_seconds" in failed["message"]
    moto.recovers("nobody")


def test_tasks_of_two_cores(moto: Judge, tmp_path: Path) -> None:
    """With spark.task.cpus=2 a job for four cores has two batches, and the lake is the same."""
    more = {"spark_eventLog_enabled": "true", "spark_eventLog_compress": "false"}
    more["spark_eventLog_dir"] = tmp_path.as_uri()
    conf = options("local[4]", spark_task_cpus="2", **more)
    ingest(on_spark(moto.place, "two-cores", workers=0, spark_conf=conf))
    moto.is_whole("two-cores")
    tasks = Cluster(None, tmp_path).tasks()
    assert len(tasks) > 2
    assert max(Counter(one["Stage ID"] for one in tasks).values()) == 2


# --- A cluster of two hosts, with an executor each --------------------------------------------------------------------


@dataclass(frozen=True)
class Cluster:
    """A running Spark of this process, with real executors."""

    context: Any
    log: Path

    def tasks(self) -> list[dict[str, Any]]:
        """The tasks that have ended, in Spark's own words."""
        (log,) = self.log.rglob("*events_1*")
        events = [json.loads(line) for line in log.read_text().splitlines()]
        return [one for one in events if one["Event"] == "SparkListenerTaskEnd"]


@pytest.fixture(scope="module")
def master(moto: Judge, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:  # noqa: ARG001 - keys first
    """A standalone cluster: as `local-cluster`, but of two hosts, or Spark would not run a task twice at a time."""
    with standalone(tmp_path_factory.mktemp("work"), "127.0.0.2", "127.0.0.3") as url:
        yield url


@contextlib.contextmanager
def standalone(work: Path, *hosts: str) -> Iterator[str]:
    """A standalone master with a worker of one core on each of the hosts."""
    port = free_port()
    url = f"spark://127.0.0.1:{port}"
    home = Path(importlib.util.find_spec("pyspark").origin).parent  # type: ignore[union-attr, arg-type]
    daemons = [["master.Master", "--host", "127.0.0.1", "--port", str(port)]]
    for host in hosts:
        resources = ["--cores", "1", "--memory", "1g", "--work-dir", str(work / host)]
        daemons.append(["worker.Worker", "--host", host, *resources, url])
    with contextlib.ExitStack() as running, (work / "log").open("wb") as log:
        for name, *arguments in daemons:
            start = [
                str(home / "bin" / "spark-class"),
                f"org.apache.spark.deploy.{name}",
                "--webui-port",
                "0",
                *arguments,
            ]
            environment = {**os.environ, "SPARK_HOME": str(home)}
            process = running.enter_context(subprocess.Popen(start, env=environment, stdout=log, stderr=log))
            running.callback(process.kill)
        wait_for_port(port)
        yield url


@pytest.fixture(scope="module")
def cluster(master: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    log = tmp_path_factory.mktemp("events")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        context = spark_module.start(
            {
                **HERE,
                "spark.master": master,
                "spark.eventLog.enabled": "true",
                "spark.eventLog.compress": "false",
                "spark.eventLog.dir": log.as_uri(),
                "spark.speculation": "true",
                "spark.speculation.interval": "100ms",
                "spark.speculation.multiplier": "1.5",
                "spark.speculation.quantile": "0.3",
                "spark.executorEnv.ACCESSLAKE_PING_URL": "https://ping/secret",
                # Java, which outlives a Spark, has kept that of a test above.
                "spark.executorEnv.PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            }
        )
    yield Cluster(context, log)
    context.stop()


def ingest(settings: Settings) -> RunSummary:
    """A run whose progress ends with all that it read and wrote."""
    summary = Lake(settings).ingest()
    activity = summary.activity
    assert activity.objects_read == summary.new > 0
    assert activity.bytes_read == activity.bytes_new
    assert activity.parts_written == activity.parts_planned > 0
    return summary


@pytest.mark.parametrize("store", ["moto", "ceph"])
def test_a_run_on_spark(store: str, request: pytest.FixtureRequest, cluster: Cluster) -> None:
    """Row for row the lake of a run without Spark; requests of executors are counted."""
    whole: Judge | None = request.getfixturevalue(store)
    if whole is None:
        pytest.skip("Ceph is not installed (Debian: radosgw ceph-mon ceph-osd ceph-common)")
    summary = ingest(on_spark(whole.place, "on-spark"))
    whole.is_whole("on-spark")
    assert summary.usage.requests.get >= summary.new
    assert len(cluster.tasks()) > 6  # more than a wave
    assert Lake(on_spark(whole.place, "on-spark")).ingest().new == 0


@pytest.mark.parametrize("victims", ["CoarseGrainedExecutorBackend", "pyspark.daemon"])
def test_executors_killed_in_mid_batch(victims: str, moto: Judge, cluster: Cluster) -> None:
    """SIGKILL for all executors, or all their Python processes, while a part is written: the run completes the lake."""
    before = len(failed(cluster))
    with fault_proxy(moto.place.endpoint_url or "") as proxy:
        proxy.rule = on_put("/access_log/", lambda: kill_all(victims, os.getpid()), once=True)
        Lake(on_spark(moto.place, victims, proxy.endpoint_url)).ingest()
        assert proxy.injected == 1
    assert len(failed(cluster)) > before
    moto.is_whole(victims)


def test_speculative_tasks(moto: Judge, cluster: Cluster) -> None:
    """A batch that Spark has ingested twice at a time, as it took long, is in the lake once."""
    with fault_proxy(moto.place.endpoint_url or "") as proxy:
        proxy.rule = first_put("/access_log/", delay(8))
        Lake(on_spark(moto.place, "speculative", proxy.endpoint_url)).ingest()
    assert any(one["Task Info"]["Speculative"] for one in cluster.tasks())
    moto.is_whole("speculative")


def test_secrets(moto: Judge, ceph: Judge | None, cluster: Cluster, tmp_path: Path) -> None:
    """Executors have their own key for addresses, the lake's, or nothing is written; Spark's log shows no secret."""
    key_file = tmp_path / "key"
    key_file.write_text(KEY)
    known = Privacy(remote_ip="hash", hash_key_file=key_file)
    Lake(moto.place.settings("hashed").model_copy(update={"privacy": known})).ingest()
    ingest(on_spark(moto.place, "hashed-on-spark", privacy=known))
    hashed = [Lake(moto.place.settings(lake)).sql(
        "SELECT remote_ip, count(*) AS records FROM access_log GROUP BY 1 ORDER BY 1"
    ).to_arrow() for lake in ("hashed", "hashed-on-spark")]  # fmt: skip
    assert hashed[0] == hashed[1]
    assert hashed[0].num_rows > 1
    for number, (own, problem) in enumerate([(None, "needs a key"), (key_file, "or another key")]):
        privacy = Privacy(remote_ip="hash", hash_key=SecretStr(OTHER_KEY), hash_key_file=own)
        with pytest.raises(UsageError, match=rf"^executor \S+: .*{problem}"):
            Lake(on_spark(moto.place, f"refused-{number}", privacy=privacy)).ingest()
    log = "".join(path.read_text() for path in cluster.log.rglob("*") if path.is_file())
    assert "refused-0" in log  # the description of a job
    secrets = [KEY, OTHER_KEY, "ping/secret"]
    if ceph:  # moto takes any
        secrets.append(os.environ["AWS_SECRET_ACCESS_KEY"])
    assert [secret for secret in secrets if secret in log] == []


def test_other_options_than_those_of_a_running_spark(moto: Judge, cluster: Cluster) -> None:  # noqa: ARG001 - it runs
    """Options are for the start of Spark: one that comes too late is an error, not ignored."""
    settings = on_spark(moto.place, "late", spark_conf=("spark.task.maxFailures=9",))
    with pytest.raises(UsageError, match=r"spark.task.maxFailures: Spark runs already, with None"):
        Lake(settings).ingest()


def failed(cluster: Cluster) -> list[dict[str, Any]]:
    return [one for one in cluster.tasks() if one["Task End Reason"]["Reason"] not in ("Success", "TaskKilled")]


# --- The command line -----------------------------------------------------------------------------------------------


def command(place: Place, lake: str, endpoint_url: str | None = None) -> tuple[list[str], dict[str, str]]:
    """The arguments of a run as a user gives them, and its environment."""
    arguments = ["ingest", "--engine", "spark", "--json", "--source", place.source, "--lake", f"{place.lakes}/{lake}"]
    arguments += ["--endpoint-url", endpoint_url or place.endpoint_url or ""]
    variables = {f"ACCESSLAKE_{name.upper()}": str(value) for name, value in SETTINGS.items()}
    return arguments, {**os.environ, **variables, "PYSPARK_PYTHON": sys.executable}


def test_spark_submit(moto: Judge) -> None:
    """The script for spark-submit takes the arguments of the command line; the summary is the last line."""
    arguments, environment = command(moto.place, "submitted")
    conf = [part for text in options("local[2]") for part in ("--conf", text)]
    submit = [str(Path(sys.executable).with_name("spark-submit")), *conf, str(JOB), *arguments]
    run = subprocess.run(submit, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout.splitlines()[-1])["rows"] == moto.rows.total()
    moto.is_whole("submitted")


def test_sigterm(moto: Judge) -> None:
    """A run on Spark that is ended ends Java, too, with exit code 143; the next run completes the lake."""
    with fault_proxy(moto.place.endpoint_url or "") as proxy:
        arguments, environment = command(moto.place, "ended", proxy.endpoint_url)
        conf = [part for text in options("local[2]") for part in ("--spark-conf", text)]
        started = [sys.executable, "-m", "etl", *arguments, *conf]
        process = subprocess.Popen(
            started, env=environment, text=True, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        proxy.rule = on_put("/access_log/", process.terminate, once=True)
        # Java has the same pipes: they end when it has.
        _, errors = process.communicate(timeout=240)
    assert process.returncode == 128 + signal.SIGTERM, errors
    assert "run it again" in errors
    assert "Traceback" not in errors
    moto.recovers("ended")


# --- What happens to a run ------------------------------------------------------------------------------------------


def on_put(path: str, act: Callable[[], object], *, once: bool = False) -> Callable[[Request], Fault | None]:
    """Act before a PUT below a path is passed on."""

    def fault(handler: Handler, upstream: Upstream) -> None:
        act()
        handler.answer(upstream())

    return first_put(path, fault) if once else lambda request: fault if is_put(request, path) else None


def first_put(path: str, fault: Fault) -> Callable[[Request], Fault | None]:
    """A fault for the first PUT below a path."""
    left = [fault]
    return lambda request: left.pop() if left and is_put(request, path) else None


def is_put(request: Request, path: str) -> bool:
    return request.method == "PUT" and path in request.path


def kill_all(name: str, ancestor: int) -> None:
    """SIGKILL for the descendants of a process with this name in their command lines."""
    parents, names = {}, {}
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            stat, line = (directory / "stat").read_text(), (directory / "cmdline").read_bytes()
        except OSError:  # gone meanwhile
            continue
        pid = int(directory.name)
        parents[pid] = int(stat.rpartition(")")[2].split()[1])
        names[pid] = line.replace(b"\0", b" ").decode(errors="replace")
    for pid in [one for one, text in names.items() if re.search(re.escape(name), text)]:
        above = pid
        while above in parents and above != ancestor:
            above = parents[above]
        if above == ancestor:
            os.kill(pid, signal.SIGKILL)
