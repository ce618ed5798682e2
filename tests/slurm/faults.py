"""Everything that goes wrong with a training on a cluster, one function a fault.

Each starts the user's command for one model, lets the fault happen in the middle of an epoch, and
waits for the end under a hard limit.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from cluster import Cluster, call, wait_until
from repository_copy import TINY, Code
from user_run import BINARIES, LONG, MODEL, UserRun, unfinished

OPTIONS = (*TINY, f"config/{LONG.name}")
LIMIT = 420.0


def start(folder: Path, *options: str, **variables: str) -> UserRun:
    """Start the training of the model on the cluster."""
    return UserRun(folder, *OPTIONS, *options, "--", MODEL, **variables)


def checkpoint_time(folder: Path) -> int:
    """When the running checkpoint was written, in nanoseconds; 0 where there is none."""
    try:
        (path,) = (folder / MODEL).parent.glob("checkpoint-*")
        return path.stat().st_mtime_ns
    except (ValueError, FileNotFoundError):
        return 0


def wait_for_new_checkpoint(folder: Path) -> None:
    """Wait until the training writes its next checkpoint: it is under way."""
    before = checkpoint_time(folder)
    wait_until(lambda: checkpoint_time(folder) > before, 120, "a checkpoint")


def start_and_pause(folder: Path, *options: str, **variables: str) -> UserRun:
    """Start the training and stop its process in the middle, so that it waits for the fault."""
    run = start(folder, *options, **variables)
    wait_for_new_checkpoint(folder)
    signal_training(folder, signal.SIGSTOP)
    return run


def signal_training(folder: Path, number: signal.Signals) -> None:
    """Send a signal to the process of the training, from behind SLURM's back."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            if words[1].endswith(b"train_model.py") and (process / "cwd").resolve() == folder:
                os.kill(int(process.name), number)
                return
        except (OSError, IndexError):
            continue
    raise AssertionError("no training runs")


def cancelled_by_user(folder: Path) -> UserRun:
    """scancel, in the middle of an epoch."""
    run = start_and_pause(folder)
    call("scancel", run.running_job())
    run.succeed(LIMIT)
    return run


def over_time(folder: Path) -> UserRun:
    """A training that hangs until its minute is over."""
    (folder / "config" / "time.yaml").write_text("resources: {train_runtime: 1}\n")
    run = start_and_pause(folder, "config/time.yaml")
    run.succeed(LIMIT)
    return run


def over_memory(folder: Path) -> UserRun:
    """A training that is given less memory than it needs at first, and does not know."""
    (folder / "config" / "memory.yaml").write_text("resources: {train_memory: 250}\n")
    # else it would refuse to start
    Code(folder / "scripts").replace("def overhead(", "return process +", "return 0 * process +")
    run = start(folder, "config/memory.yaml")
    run.succeed(LIMIT)
    return run


def preempted_and_cancelled(folder: Path) -> UserRun:
    """Another job takes the GPU, and SLURM gives the training up."""
    run = start_and_pause(folder, "--set-resources", "train_model:gpu=1", HCE_SLURM_QOS="scavenge")
    take_all_gpus(folder)
    run.succeed(LIMIT)
    return run


def take_all_gpus(folder: Path) -> None:
    """Submit a short job that preempts whatever uses a GPU."""
    options = ["--account=lab", "--partition=gpu", "--qos=urgent", "--gpus=fake:4", "--mem=100"]
    call("sbatch", *options, f"--output={folder.parent}/urgent.log", "--wrap=true")


def main_process_killed(folder: Path) -> tuple[UserRun, str, UserRun]:
    """kill -9 of the main process while its job runs.

    Returns the killed run, what a plain restart said, and the resumed run.
    """
    killed = start_and_pause(folder)
    killed.process.send_signal(signal.SIGKILL)
    killed.process.wait()
    refused = start(folder)
    assert refused.wait(60) != 0
    resume = ("python", "profiles/slurm/resume.py", *OPTIONS, "--", MODEL)
    resumed = UserRun(folder, command=resume)
    resumed.wait_until_it_says("Waiting for 1 jobs")
    signal_training(folder, signal.SIGCONT)
    resumed.succeed(LIMIT)
    return killed, refused.output, resumed


def controller_then_preemption_then_node(folder: Path, cluster: Cluster) -> UserRun:
    """The controller away for 20 s, a preemption with requeue, the node down and back."""
    run = start_and_pause(folder, "--set-resources", "train_model:gpu=1", HCE_SLURM_QOS="standby")
    with cluster.controller_away():
        # squeue is not asked then, but the accounting, which knows what there was before
        run.wait_until_it_says("Falling back to 'sacct'")
    job = run.running_job()
    take_all_gpus(folder)
    start_again(job)
    wait_for_new_checkpoint(folder)
    call("scontrol", "update", f"NodeName={cluster.host}", "State=DOWN", "Reason=test")
    wait_until(lambda: not on_node(job), 60, "end of the job on its node")
    call("scontrol", "update", f"NodeName={cluster.host}", "State=RESUME")
    start_again(job)
    run.succeed(LIMIT)
    assert unfinished(folder) == []
    return run


def forgotten(folder: Path, cluster: Cluster) -> UserRun:
    """The controller comes back without its jobs."""
    run = start_and_pause(folder)
    with cluster.controller_away("-c"):
        pass
    run.succeed(LIMIT)
    return run


def state(job: str) -> str:
    """State of a job."""
    return call("squeue", "-h", "--states=all", f"--jobs={job}", "-o", "%T").strip()


def on_node(job: str) -> bool:
    """Whether the node still has processes of a job; SLURM drains it if the job comes back then."""
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return f"slurmstepd: [{job}." in listed.stdout


def start_again(job: str) -> None:
    """Let a requeued job start now: SLURM holds it back for two minutes."""
    wait_until(lambda: state(job) == "PENDING", 180, "requeue of the job")
    call("scontrol", "update", f"JobId={job}", "StartTime=now")
    wait_until(lambda: state(job) == "RUNNING", 180, "restart of the job")


def interrupted(folder: Path, slow_commands: Path) -> UserRun:
    """Ctrl-C while jobs are being submitted: predictions of all models, each sbatch slow."""
    path = os.pathsep.join([str(slow_commands), str(BINARIES), os.environ["PATH"]])
    run = UserRun(folder, "--forcerun", "predict", "--until", "predict", *TINY, PATH=path)
    run.wait_until_it_says("has been submitted with SLURM jobid")
    os.killpg(run.process.pid, signal.SIGINT)
    assert run.wait(120) != 0
    return run
