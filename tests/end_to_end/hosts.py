"""Hosts on one machine: network namespaces on a bridge, each with its own address, name, scratch and /tmp.

They hold Java, Spark and this checkout, and no Python but the one that spark-submit ships. Needs root.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyspark

from tests.jvm import LIGHT_JVM

ROOT = Path(__file__).parents[2]
SPARK = Path(pyspark.__file__).parent
# Horovod keeps to interfaces that every host has: the name is the same on all.
INTERFACE = "eth0"
SHARED, SPARK_HOME, PROJECT = "/mnt/shared", "/mnt/spark", "/mnt/project"
MASTER_PORT = 7077


def lacking() -> str | None:
    """Why hosts cannot be made here, if they cannot."""
    if os.geteuid() != 0:
        return "needs root, to make network namespaces"
    if missing := [tool for tool in ("ip", "nsenter", "unshare", "mount") if not shutil.which(tool)]:
        return f"needs {' and '.join(missing)}"
    probe = f"adc-probe-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True, check=False)
    subprocess.run(["ip", "netns", "del", probe], capture_output=True, check=False)
    return f"needs network namespaces: {made.stderr.strip()}" if made.returncode else None


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


@dataclass(frozen=True)
class Host:
    """One host: what runs on it sees its network, name, /tmp and Spark, and the shared folder."""

    name: str
    address: str
    namespace: str
    setup: Path

    def start(
        self, *command: str, environment: Mapping[str, str] | None = None, log: Path | None = None
    ) -> "subprocess.Popen[str]":
        """Runs a command there, in a process group of its own."""
        entry = [f"--net=/run/netns/{self.namespace}", "unshare", "--mount", "--uts"]
        plain = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/tmp"}
        if java := os.environ.get("JAVA_HOME"):
            plain["JAVA_HOME"] = java
        return subprocess.Popen(
            ["nsenter", *entry, "bash", str(self.setup), *command],
            cwd=ROOT,
            env=plain | {"SPARK_HOME": SPARK_HOME, "SPARK_LOCAL_HOSTNAME": self.name} | (environment or {}),
            text=True,
            # A pipe would stay open for as long as anything that the command left behind.
            stdout=log.open("a") if log else None,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def processes(self) -> dict[int, str]:
        """Command lines by process id."""
        listed = subprocess.run(
            ["ip", "netns", "pids", self.namespace], capture_output=True, text=True, check=False
        )
        found = {}
        for pid in map(int, listed.stdout.split()):
            with suppress(OSError):
                found[pid] = Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")
        return found

    def kill(self) -> None:
        """SIGKILL to all that runs there, as when the power goes."""
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def link(self, state: str) -> None:
        """Sets its network link `up` or `down`."""
        _ip("-n", self.namespace, "link", "set", INTERFACE, state)


class Hosts:
    """A head, for the driver and Spark's master, and two worker hosts; `shared` is a folder they share."""

    def __init__(self, folder: Path, archive: Path) -> None:
        self.shared = folder / "shared"
        self.shared.mkdir(parents=True)
        self._folder, self._tag = folder, f"adc{os.getpid()}"
        names = ("head", "worker1", "worker2")
        addresses = {name: f"10.77.0.{number}" for number, name in enumerate(names, 1)}
        (folder / "hosts").write_text(
            "127.0.0.1 localhost\n" + "".join(f"{at} {name}\n" for name, at in addresses.items())
        )
        self._switch = f"{self._tag}-switch"
        _ip("netns", "add", self._switch)
        _ip("-n", self._switch, "link", "add", "bridge", "type", "bridge")
        _ip("-n", self._switch, "link", "set", "bridge", "up")
        self.head, *self.workers = (self._host(name, address) for name, address in addresses.items())
        self.archive = archive
        self._unpack()
        self._daemon(self.head, "master", "--host", "head", "--port", str(MASTER_PORT))
        for worker in self.workers:
            self.start_worker(worker)

    def _host(self, name: str, address: str) -> Host:
        namespace, scratch = f"{self._tag}-{name}", self._folder / name
        scratch.mkdir()
        _ip("netns", "add", namespace)
        _ip("-n", self._switch, "link", "add", name, "type", "veth", "peer", INTERFACE, "netns", namespace)
        _ip("-n", self._switch, "link", "set", name, "master", "bridge", "up")
        _ip("-n", namespace, "addr", "add", f"{address}/24", "dev", INTERFACE)
        for interface in (INTERFACE, "lo"):
            _ip("-n", namespace, "link", "set", interface, "up")
        setup = self._folder / f"{name}.sh"
        setup.write_text(
            _SETUP.format(
                name=name, scratch=scratch, folder=self._folder, spark=SPARK, project=ROOT, hidden=_hidden()
            )
        )
        return Host(name, address, namespace, setup)

    def _unpack(self) -> None:
        env = self._folder / "head" / "env"
        env.mkdir()
        subprocess.run(["tar", "-xzf", str(self.archive), "-C", str(env)], check=True)

    def _daemon(self, host: Host, role: str, *options: str) -> None:
        host.start(
            f"{SPARK_HOME}/bin/spark-class",
            f"org.apache.spark.deploy.{role}.{role.title()}",
            *options,
            environment={
                "SPARK_DAEMON_MEMORY": "256m",
                # The master notices a silent worker as soon as the driver notices its executor.
                "SPARK_DAEMON_JAVA_OPTS": f"{LIGHT_JVM} -Dspark.worker.timeout=30",
            },
            log=self._folder / f"{host.name}.log",
        )

    def start_worker(self, host: Host) -> None:
        """Starts a worker with one core."""
        options = ("--cores", "1", "--memory", "1g", "--host", host.name, "--work-dir", "/tmp/work")
        self._daemon(host, "worker", *options, f"spark://head:{MASTER_PORT}")

    def output(self, job: str) -> Path:
        """Where all runs of a job print to."""
        return self._folder / f"{job}.log"

    def submit(self, job: str, *args: str) -> "subprocess.Popen[str]":
        """spark-submit on the head, with the packed environment; what it prints is in `output(job)`."""
        jars = ",".join(f"dist/jars/{jar.name}" for jar in sorted(ROOT.glob("dist/jars/*.jar")))
        options = {
            "spark.executor.memory": "1g",
            "spark.driver.memory": "1g",
            "spark.executor.extraJavaOptions": LIGHT_JVM,
            "spark.driver.extraJavaOptions": LIGHT_JVM,
            "spark.ui.enabled": "false",
            "spark.cores.max": "2",
            "spark.scheduler.minRegisteredResourcesRatio": "1",
        }
        return self.head.start(
            f"{SPARK_HOME}/bin/spark-submit",
            *("--master", f"spark://head:{MASTER_PORT}", "--jars", jars),
            *("--archives", f"dist/{self.archive.name}#env"),
            *(word for option in options.items() for word in ("--conf", "=".join(option))),
            *(f"jobs/{job}.py", "--env", "cluster"),
            *("--set", f"lake.root=file://{SHARED}/lake", "--set", "spark.sql.shuffle.partitions=2"),
            *("--set", "spark.databricks.delta.snapshotPartitions=1", *args),
            log=self.output(job),
            environment={
                "PYSPARK_PYTHON": "./env/bin/python",
                "PYSPARK_DRIVER_PYTHON": "/tmp/env/bin/python",
                "SPARK_CONF_DIR": f"{PROJECT}/conf",
            },
        )

    def serve(self, corpus: Path, *options: str) -> str:
        """A look-up server on the head, as somebody else's would be: with this test's own Python."""
        server = ["lookup-server", "--corpus", str(corpus), "--host", self.head.address]
        server += ["--port", "8099"]
        main = "from adc.cli import main; main()"
        subprocess.Popen(
            ["ip", "netns", "exec", self.head.namespace, sys.executable, "-c", main, *server, *options],
            cwd=ROOT,
            stdout=(self._folder / "server.log").open("a"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return f"http://{self.head.address}:8099/"

    def logs(self) -> str:
        """The ends of the daemons' logs, to explain a failure."""
        return "\n".join(
            f"--- {log.name}\n{log.read_text(errors='replace')[-2000:]}" for log in self._folder.glob("*.log")
        )

    def close(self) -> None:
        """Ends all that runs on the hosts, and removes them."""
        for host in (*self.workers, self.head):
            host.kill()
            subprocess.run(["ip", "netns", "del", host.namespace], check=False)
        subprocess.run(["ip", "netns", "del", self._switch], check=False)


_SETUP = """set -e
mount --make-rprivate /
hostname {name}
mount --bind {folder}/hosts /etc/hosts
mount -t tmpfs none /mnt
mkdir /mnt/shared /mnt/spark /mnt/project /mnt/scratch
mount --bind {folder}/shared /mnt/shared
mount --bind {spark} /mnt/spark
mount --bind {scratch} /mnt/scratch
{hidden}
mount --rbind {project} /mnt/project
mount --bind /mnt/scratch /tmp
cd /mnt/project
exec "$@"
"""


def _hidden() -> str:
    """Shell lines that take every Python of this machine from a host."""
    folders = {Path(sys.prefix).resolve()} | {Path(sys.base_prefix).resolve()} - {Path("/usr")}
    lines = [f"mount -t tmpfs none {folder}" for folder in sorted(folders)]
    system = [path for place in ("/usr/bin", "/usr/local/bin") for path in Path(place).glob("python*")]
    lines += [f"mount --bind /dev/null {path}" for path in system if path.is_file()]
    return "\n".join(lines)
