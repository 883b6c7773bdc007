"""What the measurements share: the fleet, timing, and how tools are called."""

from __future__ import annotations

import json
import os
import re
import resource
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
DTRCTL = os.environ.get("DTRCTL_BENCH_BINARY") or str(ROOT / "target" / "release" / "dtrctl")


def tool(name: str) -> str:
    """A program of the virtual environment that this runs in."""
    return str(Path(sys.executable).parent / name)


@dataclass
class Timed:
    """A command that has run."""

    status: int
    seconds: float
    #: Seconds of processor time of the command and all that it waited for: the controller's side, its ssh processes too.
    cpu: float
    #: The most memory that any one of its processes had, in KiB.
    rss: int


def timed(command: list[str], environment: dict[str, str], log: Path, stdout: Path | None = None) -> Timed:
    with open(log, "ab") as said:
        begin = time.monotonic()
        child = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=open(stdout, "wb") if stdout else said,
            stderr=said,
        )
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
    return Timed(child.returncode, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)


def dtrctl_environment(folder: Path) -> dict[str, str]:
    """A home of its own: nothing of the user's is read or written."""
    runtime = Path("/tmp") / f"dtrctl-bench-{os.getpid()}-{abs(hash(str(folder))) % 100000}"
    runtime.mkdir(mode=0o700, exist_ok=True)
    link = folder / "sockets" / "runtime"
    if not link.is_symlink():
        link.symlink_to(runtime)
    return {
        "HOME": str(folder),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_RUNTIME_DIR": str(runtime),
    }


def end_masters(folder: Path) -> None:
    """Ends every ssh master whose control socket lies below a folder, and waits for its end."""
    marks = [str(folder), *(str(link.resolve()) for link in folder.rglob("*") if link.is_symlink())]
    for _ in range(100):
        left = [
            pid
            for pid, words in processes()
            if re.match(r"(ssh: |ssh |/usr/bin/ssh )", words) and any(mark in words for mark in marks)
        ]
        if not left:
            return
        for pid in left:
            try:
                os.kill(pid, 15)
            except ProcessLookupError:
                pass
        time.sleep(0.05)
    raise SystemExit(f"connections of {folder} do not end")


def processes():
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                words = Path(entry.path, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            yield int(entry.name), words


def turned(things: list, by: int) -> list:
    by %= max(1, len(things))
    return things[by:] + things[:by]


class Fleet:
    """The hosts that `tests/bench/fleet` has brought up."""

    def __init__(self, count: int) -> None:
        self.script = str(HERE / "fleet")
        subprocess.run([self.script, "up", str(count)], check=True)
        text = subprocess.run([self.script, "env"], check=True, capture_output=True, text=True).stdout
        settings = dict(line.split("=", 1) for line in text.splitlines())
        setting = lambda name: shlex.split(settings[f"DTRCTL_FLEET{name}"])[0]
        self.state = Path(setting(""))
        self.port = int(setting("_PORT"))
        self.inventory, self.ssh_config = setting("_INVENTORY"), setting("_SSH_CONFIG")
        self.key, self.known_hosts = setting("_KEY"), setting("_KNOWN_HOSTS")
        self.addresses = re.findall(r"ansible_host: ([0-9.]+)", Path(self.inventory).read_text())

    def reset(self) -> None:
        subprocess.run([self.script, "reset"], check=True)

    def sessions(self) -> int:
        """How many sessions sshd has opened so far."""
        text = subprocess.run([self.script, "sessions"], check=True, capture_output=True, text=True).stdout
        return sum(int(line.split()[1]) for line in text.splitlines())

    def verify(self, who: str) -> None:
        """Every host has to be as the job wants it: whoever is fast because of leaving something out is not measured."""
        anchor = (HERE / "jobs" / "root.pem").read_text().split("\n")[1]
        for address in self.addresses:
            upper = self.state / "gate" / "hosts" / address / "upper" / "etc"
            told = json.loads((upper / "docker" / "daemon.json").read_text())
            bundle = (upper / "ssl" / "certs" / "ca-certificates.crt").read_text()
            docker = list((upper / "docker" / "certs.d" / "registry.example:5000").glob("*.crt"))
            right = told == {"log-level": "info", "debug": True, "labels": ["bench=1"]}
            if not (right and anchor in bundle and docker and anchor in docker[0].read_text()):
                raise SystemExit(f"{who} has not done its job on {address}")
