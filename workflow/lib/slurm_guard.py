"""What snakemake-executor-plugin-slurm 2.8.0 leaves open when something goes wrong, closed.

`onstart` and `onerror` of the Snakefile call `prepare` and `clean_up` when jobs go to SLURM; local
runs never come here.

- A run whose partition, account, QOS or GPU type is wrong stops before its first job.
- A run does not start while jobs of a killed one still fill the same folder.
- Every job ends for Snakemake, also preempted, cancelled or forgotten by SLURM, or SLURM away.
- A run that ends leaves no job behind, also none that was just being submitted.
"""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from snakemake.exceptions import WorkflowError

# begins the name of every job, by `slurm-jobname-prefix` of the profile
JOB_NAME = "hce_"
RESUME = "python profiles/slurm/resume.py"
# SLURM puts a preempted job, or that of a lost node, back into the queue at once, or never
PATIENCE_SECONDS = 30.0
# the accounting of a busy cluster hears of a new job later than the controller
LAG_SECONDS = 600.0
# three times the profile's first interval: as long as that must SLURM remember a job that has
# ended, or the plugin does not trust squeue
LONGEST_INTERVAL = 30.0
GIVE_UP_SECONDS = 6 * 3600.0
# twice SLURM's own KillWait, between the request to end and the kill
END_SECONDS = 60.0
COMMAND_SECONDS = 60
SETTINGS = {
    "slurm_partition": "HCE_SLURM_PARTITION or HCE_SLURM_GPU_PARTITION",
    "slurm_account": "HCE_SLURM_ACCOUNT",
    "qos": "HCE_SLURM_QOS",
    "gpu_model": "HCE_SLURM_GPU_TYPE",
}
SITE = ("ACCOUNT", "PARTITION", "GPU_PARTITION", "QOS", "GPU_TYPE")
AMOUNTS = ("gpu", "cpus_per_task", "mem_mb", "runtime")


def run(*command: str) -> str:
    """Run a command of SLURM; returns what it prints.

    Raises
    ------
    WorkflowError
        If it is not there, fails or does not answer.
    """
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise WorkflowError(
            f"{command[0]}: no such command. Start the run where jobs are submitted from, or run "
            "on this machine alone: snakemake --cores all --configfile config/paper.yaml"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise WorkflowError(f"SLURM does not answer: {' '.join(command)}") from error
    if done.returncode:
        raise WorkflowError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


# --- before and after ---------------------------------------------------------------------------


def prepare(workflow: Any) -> None:
    """Check what a run needs of the cluster, and see to it that each of its jobs ends.

    Raises
    ------
    WorkflowError
        If jobs of an earlier run are still there, or the cluster would refuse a job.
    """
    try:
        jobs = jobs_of_folder(Path.cwd())
    except WorkflowError as error:
        raise WorkflowError(
            f"{error}\nSLURM does not answer here. To run without a cluster, add to the command: "
            "--executor local"
        ) from None
    if jobs:
        raise WorkflowError(
            f"SLURM still has {len(jobs)} jobs of an earlier run in this folder: "
            f"{' '.join(jobs)}\nNothing was submitted. {RESUME} waits for them and starts again "
            f"({RESUME} --cancel: without waiting; a training goes on from its checkpoint)."
        )
    for request in distinct_requests(workflow.dag.needrun_jobs()):
        check_request(request)
    watch_jobs()


def clean_up() -> None:
    """Cancel what a run has left in SLURM, and wait for its end.

    What is left are jobs that were being submitted when the run was stopped. SLURM lists a
    cancelled job until its processes have ended on their node; only then may another run fill
    the folder.
    """
    cancelled: set[str] = set()
    deadline = time.monotonic() + END_SECONDS
    while jobs := jobs_of_folder(Path.cwd()):
        if new := [job for job in jobs if job not in cancelled]:
            print(f"Cancelling {len(new)} jobs in SLURM: {' '.join(new)}", flush=True)
            run("scancel", *new)
            cancelled.update(new)
        if time.monotonic() > deadline:
            print(f"SLURM is still ending {' '.join(jobs)}; {RESUME} waits for them", flush=True)
            return
        time.sleep(1)


def jobs_of_folder(folder: Path) -> list[str]:
    """Ids of all unfinished jobs of this user that runs in a folder have submitted."""
    listed = run("squeue", "--noheader", f"--user={getpass.getuser()}", "--format=%i|%j|%Z")
    rows = (line.split("|", 2) for line in listed.splitlines())
    return [
        job
        for job, name, workdir in rows
        if name.startswith(JOB_NAME) and Path(workdir).resolve() == folder.resolve()
    ]


# --- will the cluster take the jobs? ------------------------------------------------------------


def distinct_requests(jobs: Iterable[Any]) -> list[dict[str, Any]]:
    """The most that jobs ask for of each partition, account, QOS and type of GPU."""
    most: dict[tuple[Any, ...], dict[str, Any]] = {}
    for job in jobs:
        if job.is_local:
            continue
        request = {name: job.resources.get(name) for name in (*SETTINGS, *AMOUNTS)}
        with_gpu = bool(request["gpu"])
        known = most.setdefault((*(request[name] for name in SETTINGS), with_gpu), request)
        for name in AMOUNTS:
            known[name] = max(known[name] or 0, request[name] or 0)
    return list(most.values())


def check_request(request: dict[str, Any]) -> None:
    """Let sbatch judge a job without submitting it.

    Raises
    ------
    WorkflowError
        If the cluster would refuse it, or never start it; names the settings.
    """
    options = {
        "--partition": request["slurm_partition"],
        "--account": request["slurm_account"],
        "--qos": request["qos"],
        "--cpus-per-task": request["cpus_per_task"],
        "--mem": request["mem_mb"],
        "--time": request["runtime"],
    }
    if request["gpu"] or request["gpu_model"]:
        model = f"{request['gpu_model']}:" if request["gpu_model"] else ""
        options["--gpus"] = f"{model}{request['gpu']}"
    given = [f"{name}={value}" for name, value in options.items() if value]
    try:
        run("sbatch", "--test-only", *given, "--wrap=true")
    except WorkflowError as error:
        reason = str(error).partition("--wrap=true: ")[2] or str(error)
        if "node configuration" not in reason or has_nodes(request["slurm_partition"]):
            raise WorkflowError(refusal(request, given, reason)) from None
        print(f"SLURM has no node for {' '.join(given)} now; its jobs will wait", flush=True)
    limit = time_limit(request["slurm_partition"])
    if limit is not None and request["runtime"] > limit:
        raise WorkflowError(refusal(request, given, f"its time limit is {limit} minutes"))


def judge(resources: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What the cluster says of the largest jobs of a run, for the check before it.

    Parameters
    ----------
    resources
        Section of that name of the configuration.

    Returns
    -------
    list of tuple
        What was asked, `right` or `will fail`, and why.
    """
    site = {name: os.environ.get(f"HCE_SLURM_{name}") for name in SITE}
    common = {"slurm_account": site["ACCOUNT"], "qos": site["QOS"]}
    jobs = {
        "SLURM: a heavy job": {
            **{"slurm_partition": site["PARTITION"], "gpu": 0, "gpu_model": None},
            **{"cpus_per_task": 1, "mem_mb": resources["memory"], "runtime": resources["runtime"]},
        },
        "SLURM: a training": {
            "slurm_partition": site["GPU_PARTITION"] or site["PARTITION"],
            **{"gpu": resources["gpus"], "gpu_model": site["GPU_TYPE"]},
            "cpus_per_task": resources["train_threads"],
            **{"mem_mb": resources["train_memory"], "runtime": resources["train_runtime"]},
        },
    }
    findings = []
    for what, job in jobs.items():
        try:
            check_request(common | job)
        except WorkflowError as error:
            findings.append((what, "will fail", str(error)))
        else:
            asked = f"{job['mem_mb']} MB, {job['runtime']} minutes, {job['gpu']} GPUs"
            findings.append((what, "right", asked))
    return findings


def said_of(resources: dict[str, Any], workflow: Any) -> Callable[[Any], list[str]]:
    """`judge`, as an argument of the check's script and not before it runs; locally nothing."""

    def get_arguments(wildcards: Any) -> list[str]:
        on_slurm = workflow.executor_plugin.name == "slurm"
        return ["--cluster", json.dumps(judge(resources))] if on_slurm else []

    return get_arguments


def refusal(request: dict[str, Any], given: list[str], reason: str) -> str:
    """Message for a job that the cluster would not run."""
    settings = [
        f"  {SETTINGS[name]}: {request[name] if request[name] is not None else 'not set'}"
        for name in SETTINGS
    ]
    known = [run("sinfo", "--noheader", "--format=  %R: up to %l, GPUs %G").rstrip()]
    try:
        accounts = run(
            "sacctmgr", "-n", "-P", "list", "assoc", f"user={getpass.getuser()}", "format=account"
        )
        known.append(f"Your accounts: {' '.join(sorted(set(accounts.split()))) or 'none'}")
    except WorkflowError:
        pass  # a cluster without accounting has none
    return "\n".join(
        [
            f"SLURM would not run a job with {' '.join(given)}: {reason}",
            "Nothing was submitted. The site is set by environment variables (docs/slurm.md):",
            *settings,
            "Memory, time and threads are set in the section resources of the configuration.",
            "Partitions here:",
            *known,
        ]
    )


def has_nodes(partition: str | None) -> bool:
    """Whether a partition has a node that is neither down nor drained."""
    of = [f"--partition={partition}"] if partition else []
    states = run("sinfo", "--noheader", *of, "--format=%t").split()
    return not {"idle", "mix", "alloc", "comp"}.isdisjoint(states)


def time_limit(partition: str | None) -> int | None:
    """Longest time of a job in a partition, in minutes; None where there is no limit."""
    of = f"--partition={partition}" if partition else "--all"
    listed = run("sinfo", "--noheader", of, "--format=%P %l").splitlines()
    if partition is None:
        listed = [line for line in listed if line.split()[0].endswith("*")]
    match = re.fullmatch(
        r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", listed[0].split()[1] if listed else ""
    )
    if not match:
        return None
    days, hours, minutes, _ = (int(part or 0) for part in match.groups())
    return (days * 24 + hours) * 60 + minutes


# --- the end of every job -----------------------------------------------------------------------


class JobStates:
    """Turns what SLURM says of its jobs into states with which each of them ends."""

    def __init__(self) -> None:
        self.active: set[str] = set()  # submitted, and not known to have ended
        self.seen: set[str] = set()
        self.since: dict[str, float] = {}  # when a job was first seen in doubt

    def judge(
        self, states: dict[str, str], now: float, unseen_patience: float = PATIENCE_SECONDS
    ) -> dict[str, str]:
        """States for the plugin.

        Parameters
        ----------
        states
            State of each job that SLURM knows, by job id.
        now
            Seconds on any clock that only goes forward.
        unseen_patience
            Seconds after which SLURM should know a job that was submitted.

        Returns
        -------
        dict
            The same, but with one word a state; a job that SLURM has preempted, lost with its node
            or forgotten is waited for, in case SLURM starts it again, and then CANCELLED.
        """
        states = {job: state.split()[0].rstrip("+") for job, state in states.items() if state}
        self.seen |= states.keys()
        doubtful = {job for job, state in states.items() if state in ("PREEMPTED", "NODE_FAIL")}
        doubtful |= self.active - states.keys()
        self.since = {job: self.since.get(job, now) for job in doubtful}
        for job in doubtful:
            patience = PATIENCE_SECONDS if job in self.seen else unseen_patience
            states[job] = "CANCELLED" if now - self.since[job] >= patience else "PENDING"
        return states


def watch_jobs() -> None:
    """Let the plugin see the states of `JobStates`, and look at least every `LONGEST_INTERVAL`."""
    import snakemake_executor_plugin_slurm as plugin

    ask, check = plugin.query_job_status, plugin.Executor.check_active_jobs
    states, answered = JobStates(), time.monotonic()

    async def ask_and_judge(command: str, logger: Any) -> tuple[dict[str, str], float]:
        nonlocal answered
        found, seconds = await ask(command, logger)
        now = time.monotonic()
        if found is None:
            # the plugin would forget all its jobs and wait for ever
            if now - answered > GIVE_UP_SECONDS:
                raise WorkflowError(f"SLURM has not answered for {GIVE_UP_SECONDS / 3600:.0f} h")
            logger.warning("SLURM does not answer, asking again")
            return {}, 0.0
        answered = now
        of_accounting = command.startswith("sacct")
        return states.judge(found, now, LAG_SECONDS if of_accounting else PATIENCE_SECONDS), seconds

    def check_all(executor: Any, active_jobs: list[Any]) -> Any:
        states.active = {job.external_jobid for job in active_jobs}
        return check(executor, active_jobs)

    async def sleep(executor: Any) -> None:
        # 5, 10, 15, ... s after a job has ended; the plugin's own are twice as long, up to 180
        interval = executor.next_seconds_between_status_checks / 2
        await asyncio.sleep(min(interval, LONGEST_INTERVAL))

    plugin.query_job_status = ask_and_judge
    plugin.Executor.check_active_jobs = check_all
    plugin.Executor.sleep = sleep
