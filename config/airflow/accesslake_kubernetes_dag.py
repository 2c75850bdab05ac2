"""accesslake under Airflow 3 on Kubernetes: the tasks of `accesslake_dag.py`, with a pod for each but `rejects`.

Needs apache-airflow-providers-cncf-kubernetes, and an image built from `config/docker/Dockerfile`. The settings file is
a config map called `accesslake`, with the key `accesslake.toml`; credentials come from the service account of the same
name. A pod keeps no files, so the page goes to S3: Airflow's variable `accesslake_dashboard` is its URL.

Other than there, runs are not bound to days, so backfills by dates are for that one, and a wrong setting (exit code 2)
is tried three times again like a store that fails.
"""

import datetime as dt

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Asset
from kubernetes.client import models as k8s

IMAGE = "registry.example.com/accesslake:0.1.0"
DASHBOARD = "{{ var.value.get('accesslake_dashboard', 's3://my-analytics-bucket/dashboard.html') }}"
LAKE = Asset("accesslake://lake")
NOTHING_NEW = 99
NO_RECORDS = 2
# Where a sidecar of the pod takes the XCom from.
XCOM = "/airflow/xcom/return.json"

# What it finds does not change when it is tried again.
ONCE = {"retries": 0}
# Also where there was nothing new, which is what some of the findings are about.
WHATEVER_IS_NEW = {"trigger_rule": "none_failed"}


def pod(task_id: str, script: str, **options: object) -> KubernetesPodOperator:
    """A pod in which a shell runs this script; its last command takes the shell's place, to get SIGTERM."""
    settings = k8s.V1Volume(
        name="settings", config_map=k8s.V1ConfigMapVolumeSource(name="accesslake")
    )
    mount = k8s.V1VolumeMount(
        name="settings", mount_path="/etc/accesslake", read_only=True
    )
    needs = k8s.V1ResourceRequirements(
        requests={"cpu": "1", "memory": "2Gi"}, limits={"memory": "2Gi"}
    )
    return KubernetesPodOperator(
        task_id=task_id,
        name=f"accesslake-{task_id.replace('_', '-')}",
        image=IMAGE,
        cmds=["sh", "-c"],
        arguments=[script],
        volumes=[settings],
        volume_mounts=[mount],
        env_vars={"ACCESSLAKE_CONFIG": "/etc/accesslake/accesslake.toml"},
        service_account_name="accesslake",
        container_resources=needs,
        # SIGTERM ends a run cleanly within two seconds.
        termination_grace_period=30,
        **options,
    )


with DAG(
    "accesslake_kubernetes",
    description="Amazon S3 server access logs into a Parquet lake",
    schedule="30 2 * * *",
    start_date=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": dt.timedelta(minutes=10)},
    doc_md=__doc__,
) as dag:
    # With too many rejects (3) the records are in the lake all the same: `rejects` is what fails then.
    ingest = pod(
        "ingest",
        f"accesslake ingest --json --exit-code-if-nothing-new {NOTHING_NEW} >{XCOM} & run=$!; "
        # A pod that is ended ends its shell, which has to tell the run, and to stay until that has ended.
        "trap 'kill $run; wait $run' TERM; wait $run; code=$?; [ $code -eq 3 ] || exit $code",
        skip_on_exit_code=NOTHING_NEW,
        do_xcom_push=True,
        outlets=[LAKE],
    )
    # Needs no pod: it only ends with what the summary says.
    rejects = BashOperator(
        task_id="rejects",
        bash_command="exit {{ ti.xcom_pull(task_ids='ingest')['exit_code'] }}",
        **ONCE,
    )
    verify_on_sundays = pod(
        "verify_on_sundays",
        f"[ {{{{ dag_run.run_after.isoweekday() }}}} -eq 7 ] || exit {NOTHING_NEW}; exec accesslake verify",
        skip_on_exit_code=NOTHING_NEW,
        **ONCE,
        **WHATEVER_IS_NEW,
    )
    findings = pod(
        "findings",
        f"exec accesslake findings --json --fail-on alarm >{XCOM}",
        # Until the first log objects are delivered there are no records. A wrong setting would have failed `ingest`.
        skip_on_exit_code=[NO_RECORDS],
        do_xcom_push=True,
        **ONCE,
        **WHATEVER_IS_NEW,
    )
    dashboard = pod("dashboard", f"exec accesslake dashboard --output {DASHBOARD}")
    ingest >> [rejects, verify_on_sundays, findings, dashboard]
