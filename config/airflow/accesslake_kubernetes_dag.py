"""accesslake under Airflow 3 on Kubernetes: as `accesslake_dag.py`, with a pod for each task.

Needs apache-airflow-providers-cncf-kubernetes, and an image built from `config/docker/Dockerfile`. The settings file is
a config map called `accesslake`, with the key `accesslake.toml`; credentials come from the service account of the same
name. Its runs are not bound to days: backfills by dates are for `accesslake_dag.py`.
"""

import datetime as dt

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk import DAG, Asset
from kubernetes.client import models as k8s

IMAGE = "registry.example.com/accesslake:0.1.0"
LAKE = Asset("accesslake://lake")
NOTHING_NEW = 99


def pod(task_id: str, *arguments: str, **options: object) -> KubernetesPodOperator:
    """A pod that runs the command line with these arguments."""
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
        name=f"accesslake-{task_id}",
        image=IMAGE,
        arguments=list(arguments),
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
):
    ingest = pod(
        "ingest",
        "ingest",
        "--exit-code-if-nothing-new",
        str(NOTHING_NEW),
        skip_on_exit_code=NOTHING_NEW,
        outlets=[LAKE],
    )
    findings = pod(
        "findings",
        "findings",
        "--fail-on",
        "alarm",
        retries=0,
        trigger_rule="none_failed",
    )
    ingest >> findings
