"""accesslake under Airflow 3: every night the new logs, then what is unusual and the dashboard; on Sundays a check.

The tasks call the command line, so nothing of accesslake is installed in Airflow's own environment. Where it is, and
where the page goes, are Airflow's variables `accesslake_command` and `accesslake_dashboard`; where the settings are is
the environment variable `ACCESSLAKE_CONFIG` of the workers.

A run makes up for all runs that were missed before it. Triggered with the configuration `{"full": true}`, it lists
everything again, also log objects of days long past; with `{"since": "2026-08", "until": "2026-08"}` those of these
days. A run of a backfill reads the log objects of the day of its logical date, and no others.
"""

import datetime as dt
import json
from typing import Any

from airflow.exceptions import AirflowFailException
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Asset, Param

COMMAND = "{{ var.value.get('accesslake_command', '/opt/accesslake/bin/accesslake') }}"
DASHBOARD = (
    "{{ var.value.get('accesslake_dashboard', '/var/lib/accesslake/dashboard.html') }}"
)

# Another DAG waits for it with `schedule=[Asset("accesslake://lake")]`. A run without new records does not update it.
LAKE = Asset("accesslake://lake")

NOTHING_NEW = 99
NO_RECORDS = 2
WRONG_USAGE = 2
IS_BACKFILL = "{% if dag_run.run_type == 'backfill' %}"
DAYS = (
    f"{IS_BACKFILL} --since {{{{ ds }}}} --until {{{{ ds }}}}{{% else %}}"
    "{% if params.since %} --since {{ params.since }}{% endif %}"
    "{% if params.until %} --until {{ params.until }}{% endif %}"
    "{% if params.full %} --full{% endif %}{% endif %}"
)
# They are about the lake as it is now, and left to the nightly run.
NOT_IN_BACKFILLS = f"{IS_BACKFILL}exit {NOTHING_NEW}; {{% endif %}}"

# What somebody enters becomes part of a command: `2026-08-31`, `2026-08`, `yesterday`, `-7d`.
DAY = "^-?[0-9a-z][0-9a-z-]{0,9}$"

# What it finds does not change when it is tried again.
ONCE = {"retries": 0}
# Also where there was nothing new, which is what some of the findings are about.
WHATEVER_IS_NEW = {"trigger_rule": "none_failed"}


def summary_of(last_line: str) -> dict[str, Any]:
    """The summary of a run, which other tasks get as the XCom of `ingest`; a wrong setting is not tried again."""
    summary: dict[str, Any] = json.loads(last_line)
    if summary["exit_code"] == WRONG_USAGE:
        raise AirflowFailException("a wrong option or setting: no run will succeed")
    return summary


with DAG(
    "accesslake",
    description="Amazon S3 server access logs into a Parquet lake",
    schedule="30 2 * * *",
    # No log is older: backfills may begin anywhere.
    start_date=dt.datetime(2006, 3, 1, tzinfo=dt.UTC),
    catchup=False,
    max_active_runs=1,
    params={
        "full": Param(False, type="boolean"),
        "since": Param(None, type=["null", "string"], pattern=DAY),
        "until": Param(None, type=["null", "string"], pattern=DAY),
    },
    # A store that fails (exit code 1) and a lease that another run holds (75) are better later.
    default_args={
        "retries": 3,
        "retry_delay": dt.timedelta(minutes=10),
        "append_env": True,
    },
    doc_md=__doc__,
):
    # With too many rejects (3) the records are in the lake all the same: `rejects` is what fails then.
    ingest = BashOperator(
        task_id="ingest",
        bash_command=(
            f"{COMMAND} ingest --json --exit-code-if-nothing-new {NOTHING_NEW}{DAYS} || {{ code=$?; case $code in "
            f"3) ;; {WRONG_USAGE}) printf '{{\"exit_code\": %s}}' $code ;; *) exit $code ;; esac; }}"
        ),
        skip_on_exit_code=NOTHING_NEW,
        # The last line of its output is the summary.
        output_processor=summary_of,
        outlets=[LAKE],
        # One run at a time can write. Those of a backfill, which may be many at once, wait here.
        max_active_tis_per_dag=1,
    )
    rejects = BashOperator(
        task_id="rejects",
        bash_command="exit {{ ti.xcom_pull(task_ids='ingest')['exit_code'] }}",
        **ONCE,
    )
    verify_on_sundays = BashOperator(
        task_id="verify_on_sundays",
        bash_command=(
            f"{NOT_IN_BACKFILLS}"
            f"[ {{{{ dag_run.run_after.isoweekday() }}}} -eq 7 ] || exit {NOTHING_NEW}; {COMMAND} verify"
        ),
        skip_on_exit_code=NOTHING_NEW,
        **ONCE,
        **WHATEVER_IS_NEW,
    )
    findings = BashOperator(
        task_id="findings",
        bash_command=f"{NOT_IN_BACKFILLS}{COMMAND} findings --json --fail-on alarm",
        # Until the first log objects are delivered there are no records. A wrong setting would have failed `ingest`.
        skip_on_exit_code=[NOTHING_NEW, NO_RECORDS],
        output_processor=json.loads,
        **ONCE,
        **WHATEVER_IS_NEW,
    )
    dashboard = BashOperator(
        task_id="dashboard",
        bash_command=f"{NOT_IN_BACKFILLS}{COMMAND} dashboard --output {DASHBOARD}",
        skip_on_exit_code=NOTHING_NEW,
    )
    ingest >> [rejects, verify_on_sundays, findings, dashboard]
