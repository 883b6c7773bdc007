"""What the measurements share: the fleet, timing, how tools are called, and the tables that say what was found."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
JOBS = HERE / "jobs"


@dataclass
class Timed:
    """A command that has run."""

    status: int
    seconds: float
    #: Seconds of processor time of the command and all that it waited for: the controller's side, its ssh processes too.
    cpu: float


def timed(command: list[str], environment: dict[str, str], log: Path, stdout: Path | None = None) -> Timed:
    """Runs a command; what it says goes to its log."""
    with open(log, "ab") as said, open(stdout or log, "wb" if stdout else "ab") as out:
        begin = time.monotonic()
        child = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=said)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
    return Timed(child.returncode, seconds, usage.ru_utime + usage.ru_stime)


def must(found: Timed, what: str, log: Path) -> Timed:
    """A command whose failure ends the measurement."""
    if found.status != 0:
        raise SystemExit(f"{what}: exit status {found.status}\n{tail(log)}")
    return found


def tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])


@dataclass
class Bench:
    """What every section is given."""

    #: A folder that goes with the run.
    work: Path
    dtrctl: str
    #: The programs of the virtual environment with the peers.
    peers: Path
    hosts: int
    forks: int
    rounds: int

    def tool(self, name: str) -> str:
        return str(self.peers / "bin" / name)

    def home(self, name: str) -> Path:
        """A home of its own, made anew: nothing of the user's is read or written. Its path is short, for sockets."""
        folder = self.work / name
        subprocess.run(["rm", "-rf", str(folder)], check=True)
        (folder / "run").mkdir(parents=True, mode=0o700)
        return folder

    def environment(self, home: Path) -> dict[str, str]:
        """The environment of dtrctl in such a home."""
        return {
            **os.environ,
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home / "cache"),
            "XDG_STATE_HOME": str(home / "state"),
            "XDG_RUNTIME_DIR": str(home / "run"),
        }

    def apply(self, fleet: Fleet, playbook: str, inventory: str | None = None) -> list[str]:
        """The command that applies one of the jobs."""
        return [
            self.dtrctl, "apply", str(JOBS / playbook), "-i", inventory or fleet.inventory, "--ssh-config",
            fleet.ssh_config, "-f", str(self.forks), "--ssh-persist", "300",
        ]  # fmt: skip


def ssh_processes(folder: Path) -> list[int]:
    """The ssh processes whose control socket lies below a folder."""
    return [pid for pid, words in processes() if re.match(r"(ssh: |ssh |/usr/bin/ssh )", words) and f"{folder}/" in words]


def end_masters(folder: Path) -> None:
    """Ends these, and waits for their end."""
    for _ in range(200):
        left = ssh_processes(folder)
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 15)
        time.sleep(0.05)
    raise SystemExit(f"connections of {folder} do not end")


def processes() -> Iterator[tuple[int, str]]:
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                words = Path(entry.path, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            yield int(entry.name), words


class Fleet:
    """The hosts that `tests/bench/fleet` brings up."""

    def __init__(self, count: int) -> None:
        self.call("up", str(count))
        settings = dict(line.split("=", 1) for line in self.call("env").splitlines())

        def setting(name: str) -> str:
            return shlex.split(settings[f"DTRCTL_FLEET{name}"])[0]

        self.state = Path(setting(""))
        self.port = int(setting("_PORT"))
        self.inventory, self.ssh_config = setting("_INVENTORY"), setting("_SSH_CONFIG")
        self.key, self.known_hosts = setting("_KEY"), setting("_KNOWN_HOSTS")
        self.hosts = dict(re.findall(r"(h[0-9]+): \{ansible_host: ([0-9.]+)", Path(self.inventory).read_text()))

    @staticmethod
    def call(*arguments: str) -> str:
        return subprocess.run([HERE / "fleet", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout

    @property
    def addresses(self) -> list[str]:
        return list(self.hosts.values())

    def reset(self) -> None:
        self.call("reset")

    def sessions(self) -> int:
        """How many sessions sshd has opened so far."""
        return self.count("sessions")

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """`scripts` counts meanwhile."""
        self.call("record", "on")
        yield
        self.call("record", "off")

    def scripts(self) -> int:
        """How many scripts have come to hosts."""
        return self.count("scripts")

    def count(self, what: str) -> int:
        return sum(int(line.split()[1]) for line in self.call(what).splitlines())

    def write_inventory(self, path: Path, hosts: list[str], ports: dict[str, int] | None = None) -> str:
        """An inventory of some of the hosts, each at the usual port or another."""
        ports = ports or {}
        lines = [
            "all:",
            "  vars:",
            "    ansible_user: root",
            f"    ansible_ssh_private_key_file: {self.key}",
            "  hosts:",
            *(
                f"    {name}: {{ansible_host: {self.hosts[name]}, ansible_port: {ports.get(name, self.port)}}}"
                for name in hosts
            ),
        ]
        path.write_text("\n".join(lines) + "\n")
        return str(path)

    def verify(self, who: str) -> None:
        """Every host has to be as the job wants it: whoever is fast because of leaving something out is not measured."""
        anchor = (JOBS / "root.pem").read_text().split("\n")[1]
        for address in self.addresses:
            upper = self.state / "gate" / "hosts" / address / "upper" / "etc"
            told = json.loads((upper / "docker" / "daemon.json").read_text())
            bundle = (upper / "ssl" / "certs" / "ca-certificates.crt").read_text()
            docker = list((upper / "docker" / "certs.d" / "registry.example:5000").glob("*.crt"))
            right = told == {"log-level": "info", "debug": True, "labels": ["bench=1"]}
            if not (right and anchor in bundle and docker and anchor in docker[0].read_text()):
                raise SystemExit(f"{who} has not done its job on {address}")


class Proxy:
    """`proxy.py` before some addresses, as long as the block lasts."""

    def __init__(self, port: int, target: int, addresses: list[str], delay: float | None) -> None:
        how = ["--silent"] if delay is None else ["--delay", str(delay)]
        self.port = port
        self.command = ["python3", str(HERE / "proxy.py"), "--port", str(port), "--to", str(target), *how, *addresses]

    def __enter__(self) -> Proxy:
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        if self.process.stdout.readline() != "ready\n":
            raise SystemExit("the proxy does not start")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()


@dataclass
class Target:
    """A figure, and the bound that it is held to."""

    what: str
    figure: float
    bound: float
    unit: str = ""
    #: Whether the bound is the least that is wanted, not the most.
    least: bool = False

    @property
    def met(self) -> bool:
        return self.figure >= self.bound if self.least else self.figure <= self.bound

    def row(self) -> list[str]:
        return [
            self.what,
            f"{number(self.figure)}{self.unit}",
            f"{'≥' if self.least else '≤'} {number(self.bound)}{self.unit}",
            "met" if self.met else "**missed**",
        ]


@dataclass
class Table:
    """A table in Markdown, which can be read as it is."""

    head: list[str]
    rows: list[list[str]] = field(default_factory=list)

    def text(self) -> str:
        widths = [max(len(row[i]) for row in [self.head, *self.rows]) for i in range(len(self.head))]

        def line(cells: list[str]) -> str:
            return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip() + " |"

        return "\n".join([line(self.head), line(["-" * width for width in widths]), *map(line, self.rows)])


def targets_table(targets: list[Target]) -> Table:
    return Table(["", "measured", "target", ""], [target.row() for target in targets])


def number(value: float) -> str:
    """Three digits of it, or all before the point."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
