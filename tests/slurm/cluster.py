"""A SLURM cluster on this machine, from Debian's packages, without systemd: up and down by pid."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ETC = Path("/etc/slurm")
CONFIGURATION = ("slurm.conf", "gres.conf", "slurmdbd.conf")
# jobs find the controller by the file in /etc/slurm alone: the executor plugin strips SLURM_CONF
BINARIES = ("munged", "slurmctld", "slurmd", "slurmdbd", "mariadbd", "sbatch", "sacct", "runuser")
PACKAGES = "slurmctld slurmd slurm-client slurmdbd munge mariadb-server"
DATABASE_PORT = 13306

SLURM_CONF = """
ClusterName=ci
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=1
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.log
SchedulerParameters=batch_sched_delay=0,sched_interval=5,bf_interval=5
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=2
JobAcctGatherParams=UsePss,OverMemoryKill
AccountingStorageType={accounting}
AccountingStorageHost=localhost
{with_accounting}
AccountingStoreFlags=job_comment
PreemptType={preempt}
PreemptMode={preempt_mode}
MinJobAge=300
KillWait=5
SlurmdTimeout=60
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=24000 Gres=gpu:fake:4
PartitionName=DEFAULT Nodes={host} DefMemPerCPU=500
PartitionName=cpu Default=YES MaxTime=1-0
PartitionName=gpu MaxTime=1-0
PartitionName=short MaxTime=30
"""
WITH_ACCOUNTING = """AccountingStorageTRES=gres/gpu
AccountingStorageEnforce=associations,qos"""
SLURMDBD_CONF = """
AuthType=auth/munge
DbdHost=localhost
SlurmUser=root
LogFile={folder}/log/slurmdbd.log
PidFile={folder}/run/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={port}
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
"""
DATABASE = """
create database slurm_acct_db;
grant all on slurm_acct_db.* to 'slurm'@'127.0.0.1' identified by 'slurm';
grant all on slurm_acct_db.* to 'slurm'@'localhost' identified by 'slurm';
"""


def missing() -> str:
    """Why there can be no cluster here, or nothing."""
    if os.geteuid() != 0:
        return "a SLURM cluster can only be started by root"
    absent = [name for name in BINARIES if shutil.which(name) is None]
    if absent:
        return f"{', '.join(absent)} missing: apt-get install --no-install-recommends {PACKAGES}"
    present = [name for name in CONFIGURATION if (ETC / name).exists()]
    if present:
        return f"{ETC}/{present[0]} is there: another cluster, or a test that was killed"
    return ""


def call(*command: str, timeout: float = 30) -> str:
    """Run a command of SLURM; returns what it prints."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def wait_until(true: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until something is true.

    Raises
    ------
    TimeoutError
        If it is not, after `seconds`; names `what`.
    """
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.1)


def succeeds(*command: str) -> bool:
    """Whether a command ends with 0."""
    return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0


def is_alive(process: int) -> bool:
    """Whether a process runs; one that has ended and was not asked for its end does not."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@dataclass
class Cluster:
    """One node of this machine with partitions cpu, gpu and short.

    With accounting, root has the account lab and the QOS normal, scavenge (its jobs are preempted
    and cancelled), standby (preempted and put back into the queue) and urgent (preempts both).

    Parameters
    ----------
    folder
        For its state, logs and database.
    accounting
        With slurmdbd and MariaDB; without, there is no sacct.
    cpus
        CPUs that the node claims to have.
    """

    folder: Path
    accounting: bool = True
    cpus: int = 4
    host: str = field(default_factory=lambda: socket.gethostname().split(".")[0])
    database: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def up(self) -> None:
        """Start every daemon; returns when the node is idle."""
        for name in ("run", "log", "state", "spool", "dev"):
            (self.folder / name).mkdir(parents=True)
        self.write_configuration()
        subprocess.run(["install", "-d", "-o", "munge", "-g", "munge", "/run/munge"], check=True)
        subprocess.run(["runuser", "-u", "munge", "--", "munged", "--force"], check=True)
        if self.accounting:
            self.start_database()
        self.start("slurmctld")
        self.start("slurmd")
        self.wait_for_node()

    def wait_for_node(self) -> None:
        """Wait until the node takes jobs."""
        idle = ("sinfo", "-h", "--states=idle", "-o", "%N")
        wait_until(lambda: succeeds(*idle) and call(*idle).strip(), 60, "an idle node")

    @contextmanager
    def controller_away(self, *options: str) -> Iterator[None]:
        """Stop the controller for the time of the block; the jobs go on.

        `options` are those of its next start: -c forgets all jobs.
        """
        self.stop("slurmctld")
        try:
            yield
        finally:
            self.start("slurmctld", *options)
            wait_until(lambda: succeeds("squeue", "-h"), 60, "an answer of slurmctld")

    @contextmanager
    def accounting_away(self) -> Iterator[None]:
        """Stop the accounting for the time of the block; the controller goes on."""
        self.stop("slurmdbd")
        try:
            yield
        finally:
            self.start("slurmdbd")
            wait_until(lambda: succeeds("sacct", "-n"), 60, "an answer of slurmdbd")

    def write_configuration(self) -> None:
        """Write the files in /etc/slurm and the device files of the GPUs that are none."""
        for number in range(4):
            device = self.folder / "dev" / f"nvidia{number}"
            if not device.exists():
                subprocess.run(["mknod", device, "c", "195", str(number)], check=True)
        kind = "slurmdbd" if self.accounting else "none"
        with_accounting = WITH_ACCOUNTING if self.accounting else ""
        text = SLURM_CONF.format(
            host=self.host,
            folder=self.folder,
            cpus=self.cpus,
            accounting=f"accounting_storage/{kind}",
            with_accounting=with_accounting,
            preempt="preempt/qos" if self.accounting else "preempt/none",
            preempt_mode="REQUEUE" if self.accounting else "OFF",
        )
        (ETC / "slurm.conf").write_text(text)
        files = f"{self.folder}/dev/nvidia[0-3]"
        (ETC / "gres.conf").write_text(f"Name=gpu Type=fake File={files}\n")

    def start_database(self) -> None:
        """Start MariaDB and slurmdbd; make the account `lab` and give it to root."""
        data, run, log = (self.folder / name for name in ("database", "run", "log"))
        options = ["--no-defaults", "--user=root", f"--datadir={data}"]
        install = ["mariadb-install-db", *options, "--skip-test-db"]
        subprocess.run(install, check=True, capture_output=True, timeout=120)
        options += [f"--socket={run}/mysql.sock", f"--pid-file={run}/mariadbd.pid"]
        options += [f"--port={DATABASE_PORT}", "--bind-address=127.0.0.1"]
        options += ["--innodb-buffer-pool-size=64M", f"--log-error={log}/mariadbd.log"]
        self.database = subprocess.Popen(
            ["mariadbd", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        client = ["--no-defaults", f"--socket={run}/mysql.sock"]
        wait_until(lambda: succeeds("mariadb-admin", *client, "ping"), 60, "database")
        subprocess.run(["mariadb", *client, "-e", DATABASE], check=True, timeout=30)
        configuration = ETC / "slurmdbd.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(SLURMDBD_CONF.format(folder=self.folder, port=DATABASE_PORT))
        self.start("slurmdbd")
        wait_until(lambda: succeeds("sacctmgr", "-n", "show", "cluster"), 60, "slurmdbd")
        entities = ["cluster ci", "account lab", "user root account=lab"]
        entities += ["qos scavenge preemptmode=cancel", "qos standby preemptmode=requeue"]
        entities += ["qos urgent preempt=scavenge,standby priority=10"]
        for entity in entities:
            call("sacctmgr", "-i", "add", *entity.split())
        allowed = "qos=normal,scavenge,standby,urgent"
        call("sacctmgr", "-i", "modify", "user", "root", "set", allowed)

    def start(self, daemon: str, *options: str) -> None:
        """Start a daemon, which goes into the background by itself."""
        subprocess.run([daemon, *options], check=True, capture_output=True, timeout=60)

    def stop(self, daemon: str) -> None:
        """End a daemon by its pid and wait for it."""
        file = self.folder / "run" / f"{daemon}.pid"
        if daemon == "munged":
            file = Path("/run/munge/munged.pid")
        if not file.exists() or not file.read_text().strip():
            return
        process = int(file.read_text())
        subprocess.run(["kill", str(process)], check=False, capture_output=True)
        try:
            wait_until(lambda: not is_alive(process), 20, f"end of {daemon}")
        except TimeoutError:
            subprocess.run(["kill", "-9", str(process)], check=False, capture_output=True)

    def down(self) -> None:
        """End every job and daemon and remove the files in /etc/slurm.

        With a configuration and no controller, every start of snakemake on this machine would take
        ten seconds longer.
        """
        try:
            if not succeeds("scontrol", "ping"):  # a test has failed while it was away
                self.start("slurmctld")
            call("scancel", "--user=root")
            wait_until(lambda: not call("squeue", "-h").strip(), 30, "end of the jobs")
        except (OSError, RuntimeError, subprocess.SubprocessError):
            pass  # the daemons and the configuration go all the same
        finally:
            for daemon in ("slurmd", "slurmctld", "slurmdbd", "mariadbd", "munged"):
                self.stop(daemon)
            if self.database:
                self.database.wait(30)
            for name in CONFIGURATION:
                (ETC / name).unlink(missing_ok=True)
