"""Three hosts with a network and files of their own on one Linux machine: a Ray cluster that loses one of them.

    sudo python benchmarks/hosts.py ../pets pets-efficientnet_lite0

A host is a set of namespaces (network, mounts, processes, name, shared memory). A bridge joins their cables; a folder
in memory, at the same path on each, holds copies of the project with its photos and of frostline's source. On the
first host photos are checked, a classifier trained and photos scored: by the local engine, by the cluster, and by a
cluster whose last host ends in the middle with all its processes. Then that host gets other code. What is written
must be the same bytes. Everything lives in namespaces of one process, with which the system ends it.
"""

import argparse
import contextlib
import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

SOURCE = Path(__file__).parents[1] / "src"
NETWORK, PORT = "10.77.0", 6379
KINDS = ("--net", "--mount", "--uts", "--ipc", "--pid")
ISOLATED = ("setpriv", "--pdeathsig", "KILL", "unshare", *KINDS, "--fork", "--kill-child", "--mount-proc")
JOBS = ("preprocess", "train", "score")
GROUPS = Path("/sys/fs/cgroup")
STORE = 80 * 2**20  # of Ray on each host: its least
SETUP = """
set -e
hostname {name}
mount -t tmpfs tmpfs {place}
cp -a {image}/. {place}/
mount -t tmpfs tmpfs {image}
mount -t tmpfs -o size=256m tmpfs /dev/shm
ip link set lo up
echo ready
sleep infinity & wait
"""


def sh(*words: object) -> None:
    """Run a command of the system; its words end the script where it fails."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))}: {done.stderr.strip()}")


@dataclass
class Host:
    """A host: its number from 1, its folder, and the process that holds its namespaces."""

    number: int
    place: Path
    holder: "subprocess.Popen[str]"

    @classmethod
    def start(cls, number: int, place: Path, image: Path) -> "Host":
        """With copies of all that lies in `image`, and a cable to the bridge."""
        setup = SETUP.format(name=f"host{number}", place=place, image=image)
        holder = subprocess.Popen([*ISOLATED, "sh", "-c", setup], stdout=subprocess.PIPE, text=True)
        assert holder.stdout
        assert holder.stdout.readline() == "ready\n"
        host = cls(number, place, holder)
        sh("ip", "link", "add", f"port{number}", "type", "veth", "peer", "name", "eth0", "netns", holder.pid)
        sh("ip", "link", "set", f"port{number}", "master", "bridge", "up")
        for words in (
            f"addr add {host.address}/24 dev eth0",
            "link set eth0 up",
            f"route add default via {NETWORK}.254",
        ):
            sh(*host._entering(), "ip", *words.split())  # fmt: skip
        return host

    @property
    def address(self) -> str:
        """In the network of the hosts."""
        return f"{NETWORK}.{self.number}"

    @property
    def files(self) -> Path:
        """Its folder, as seen from outside."""
        return Path(f"/proc/{self.holder.pid}/root{self.place}")

    def begin(self, *words: str, cwd: str = ".", log: Path, **env: str) -> "subprocess.Popen[str]":
        """Start a command of this environment there; what it says goes to `log`."""
        own = {
            "HOME": self.place / "home", "TMPDIR": self.place, "PYTHONPATH": self.place / "src",
            "FROSTLINE_CACHE": self.place / "cache", "RAY_AUTH_MODE": "token", "RAY_worker_niceness": 0,
            "PATH": os.environ["PATH"],
        }  # fmt: skip
        program = str(Path(sys.executable).with_name(words[0]))
        with log.open("w") as file:
            return subprocess.Popen(
                [*self._entering(), f"--wdns={self.place / cwd}", program, *words[1:]],
                env={name: str(value) for name, value in own.items()} | env, text=True,
                stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def join(self) -> None:
        """Start Ray: the head on the first host, which the others join."""
        where = ["--address", f"{NETWORK}.1:{PORT}"] if self.number > 1 else [
            "--head", "--port", str(PORT), "--include-dashboard=false", f"--temp-dir={self.place}/ray",
        ]  # fmt: skip
        log = self.files / "ray.log"
        words = ("ray", "start", *where, "--node-ip-address", self.address, "--num-cpus", "1")
        if self.begin(*words, "--object-store-memory", str(STORE), log=log).wait():
            raise SystemExit(log.read_text())

    def leave(self) -> None:
        """Stop Ray there."""
        self.begin("ray", "stop", "--force", log=self.files / "ray.log").wait()

    def kill(self) -> None:
        """End all its processes at once; its network and files go with them."""
        self.holder.kill()
        self.holder.wait()

    def worked(self) -> float:
        """Seconds of processor time of its actors."""
        inside, spent = Path(f"/proc/{self.holder.pid}/ns/pid_for_children").readlink(), 0
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (process / "ns/pid").readlink() == inside and b"Worker" in (
                    process / "cmdline"
                ).read_bytes():
                    fields = (process / "stat").read_text().rpartition(")")[2].split()
                    spent += int(fields[11]) + int(fields[12])
        return spent / os.sysconf("SC_CLK_TCK")

    def _entering(self) -> list[str]:
        pid = self.holder.pid
        return ["nsenter", "-t", str(pid), "-n", "-m", "-u", "-i", f"--pid=/proc/{pid}/ns/pid_for_children"]


@dataclass
class Lab:
    """The hosts, and the folder with what each begins with."""

    folder: Path
    hosts: list[Host]

    def start(self, number: int) -> Host:
        """A host that has joined the cluster."""
        host = Host.start(number, self.folder / "own", self.folder / "image")
        self.hosts[number - 1 : number] = [host]
        return host


@dataclass
class Job:
    """A command on the first host, what it writes there, and where the cluster is."""

    name: str
    words: tuple[str, ...]
    written: str

    def run(self, lab: Lab, way: str, *, kill_after: float | None = None) -> str:
        """A line of the table; with `kill_after`, the last host ends once its actor has worked so long."""
        first, last, log = lab.hosts[0], lab.hosts[-1], lab.folder / "said"
        cluster = (
            () if way == "one machine" else ("--engine", "ray", "--ray-address", f"{first.address}:{PORT}")
        )
        own = str(first.place / f"cache-{way.replace(' ', '-')}")
        written = first.files / "project" / self.written
        sh("rm", "-rf", written)
        start, spent, first_seen = time.monotonic(), processors(lab.folder), 0.0
        process = first.begin("frostline", *self.words, *cluster, cwd="project", log=log, FROSTLINE_CACHE=own)
        while kill_after and process.poll() is None:
            worked = last.worked()
            first_seen = first_seen or worked
            if worked and worked - first_seen >= kill_after:
                last.kill()
                kill_after, way = None, f"{way} after {time.monotonic() - start:.0f} s"
            time.sleep(0.02)
        if kill_after:
            raise SystemExit(f"{self.name}: over before a host was to end")
        code, seconds = process.wait(), time.monotonic() - start
        spent = processors(lab.folder) - spent
        said = log.read_text().strip()
        digest = said.splitlines()[-1] if code else digested(written)
        print(f"| {self.name} | {way} | {spent:.0f} | {seconds:.0f} | {code} | {digest} |", flush=True)
        if code and way != "a host with other code":
            raise SystemExit(said)
        return said


def group(folder: Path) -> Path:
    """The control group of a lab, which counts processor time."""
    return next(path for path in (GROUPS / "cpuacct", GROUPS) if path.is_dir()) / folder.name


def processors(folder: Path) -> float:
    """Seconds of processor time of all hosts so far, Ray's own included."""
    usage = group(folder) / "cpuacct.usage"
    if usage.exists():
        return int(usage.read_text()) / 1e9
    return int((group(folder) / "cpu.stat").read_text().split()[1]) / 1e6


def digested(path: Path) -> str:
    """The first digits of a checksum of a file, or of all files of a folder."""
    found = sorted(each for each in path.rglob("*") if each.is_file()) or [path]
    sums = [hashlib.sha256(each.read_bytes()).digest() for each in found]
    return hashlib.sha256(b"".join(sums)).hexdigest()[:16]


def fill(image: Path, asked: argparse.Namespace) -> None:
    """What every host begins with: source, project with its photos, and the token that lets it into the cluster."""
    shutil.copytree(SOURCE, image / "src")
    shutil.copytree(
        asked.project, image / "project", ignore=shutil.ignore_patterns(".git", "cache", ".frostline")
    )
    token = image / "home/.ray/auth_token"
    token.parent.mkdir(parents=True)
    token.touch(mode=0o600)
    token.write_text(secrets.token_hex(32))


def measure(asked: argparse.Namespace) -> None:
    """All jobs on one host, on the cluster, with one host ended, and with other code on it."""
    group(asked.inside).mkdir()
    (group(asked.inside) / "cgroup.procs").write_text("0")
    sh("mount", "-t", "tmpfs", "tmpfs", asked.inside)
    for name in ("own", "image"):
        (asked.inside / name).mkdir()
    fill(asked.inside / "image", asked)
    bridge = ("link add bridge type bridge", f"addr add {NETWORK}.254/24 dev bridge", "link set bridge up")
    for words in bridge:
        sh("ip", *words.split())
    lab = Lab(asked.inside, [])
    for number in range(1, asked.hosts + 1):
        lab.start(number).join()
    score = ("score", "data", "--model", asked.classifier, "--out", "scores.parquet", "--features")
    recipes = yaml.safe_load((asked.project / "params.yaml").read_text())["classifiers"]
    dataset = recipes[asked.classifier]["dataset"]
    jobs = [
        Job("preprocess", ("preprocess", dataset), f"artifacts/datasets/{dataset}"),
        Job("train", ("train", asked.classifier), f"artifacts/classifiers/{asked.classifier}"),
        Job("score", (*score, "--device", "cpu", "--batch-size", "8"), "scores.parquet"),
    ]
    print("| job | by | processors, s | clock, s | exit | bytes written |", flush=True)
    print("|:--|:--|--:|--:|--:|:--|", flush=True)
    jobs = [job for name in asked.jobs for job in jobs if job.name == name]
    for job in jobs:
        job.run(lab, "one machine")
        job.run(lab, f"{asked.hosts} hosts")
        job.run(lab, "one host ended", kill_after=asked.kill_after)
        lab.start(asked.hosts).join()
    with (lab.hosts[-1].files / "src/frostline/images/__init__.py").open("a") as file:
        file.write("# another version\n")
    for job in jobs:
        job.run(lab, "a host with other code")


def main() -> None:
    """Build the lab in namespaces of its own, and end with it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("project", type=Path, help="a project whose classifier was trained and exported")
    parser.add_argument("classifier")
    parser.add_argument("--hosts", type=int, default=3)
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=JOBS)
    parser.add_argument(
        "--kill-after", type=float, default=0.3, help="seconds of processor time of a host's actor"
    )
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.inside:
        measure(asked)
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="hosts-") as folder:
        command = [*ISOLATED, sys.executable, *sys.argv, "--inside", folder]
        try:
            raise SystemExit(subprocess.run(command, check=False).returncode)
        finally:
            for _ in range(20):  # its last processes may still be ending
                with contextlib.suppress(OSError):
                    group(Path(folder)).rmdir()
                if not group(Path(folder)).exists():
                    break
                time.sleep(0.5)


if __name__ == "__main__":
    main()
