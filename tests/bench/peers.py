"""The job by dtrctl, by its peers and by hand, on the same hosts in one run: interleaved, medians, ratios.

Each contender does the job three times in each round: on clean hosts (first), on hosts that are as desired by then with no
connection open (cold), and again at once (warm). The order of the contenders turns from round to round, so that what
slows the machine for a while slows them all.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import common
from common import Fleet, Timed

JOBS = Path(__file__).parent / "jobs"
PHASES = ("first", "cold", "warm")


class Contender:
    """Somebody who does the job."""

    name = ""
    #: Whether connections outlive a run, so that there is a warm one.
    persists = True

    def __init__(self, fleet: Fleet, folder: Path, forks: int) -> None:
        self.fleet, self.forks = fleet, forks
        self.folder = folder / self.name.replace(" ", "-")
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "sockets").mkdir(parents=True, mode=0o700)

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return {}

    def close(self) -> None:
        """Ends the connections that a run has left open."""
        common.end_masters(self.folder)

    def forget(self) -> None:
        """Forgets what earlier runs have learnt of the hosts."""

    def warm_up(self) -> None:
        """Sees to it that connections are open."""

    def run(self) -> Timed:
        return common.timed(self.command(), {**os.environ, **self.environment()}, self.folder / "log")


class Floor(Contender):
    """One script over one plain `ssh` a host."""

    name = "floor"

    def script(self) -> Path:
        path = self.folder / "floor.sh"
        pem = (JOBS / "root.pem").read_text().strip()
        path.write_text(f"pem='{pem}'\n" + (JOBS / "floor.sh").read_text())
        return path

    def ssh(self, master: str) -> list[str]:
        path = f"ControlPath={self.folder}/sockets/%C"
        return ["ssh", "-F", self.fleet.ssh_config, "-o", f"ControlMaster={master}", "-o", path]

    def for_each(self, command: str) -> list[str]:
        hosts = " ".join(self.fleet.addresses)
        return ["sh", "-c", f"printf '%s\\n' {hosts} | xargs -P {self.forks} -I@ sh -c '{command}'"]

    def command(self) -> list[str]:
        return self.for_each(f"{' '.join(self.ssh('no'))} @ sh <{self.script()}")

    def warm_up(self) -> None:
        # -N -f with a master: one connection a host, with nobody in it.
        master = " ".join(self.ssh("yes"))
        subprocess.run(self.for_each(f"{master} -o ControlPersist=300 -N -f @ </dev/null >/dev/null 2>&1"), check=True)


class Dtrctl(Contender):
    name = "dtrctl"
    playbook = "dtrctl.yml"

    def command(self) -> list[str]:
        return [
            common.DTRCTL, "apply", str(JOBS / self.playbook), "-i", self.fleet.inventory, "--ssh-config",
            self.fleet.ssh_config, "-f", str(self.forks), "--ssh-persist", "300",
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        return common.dtrctl_environment(self.folder)

    def forget(self) -> None:
        for name in ("cache", "state"):
            shutil.rmtree(self.folder / name, ignore_errors=True)


class DtrctlOfAnsible(Dtrctl):
    """Ansible's own playbook, as it is."""

    name = "dtrctl, Ansible's playbook"
    playbook = "ansible.yml"


class Pyinfra(Contender):
    name = "pyinfra"
    persists = False

    def command(self) -> list[str]:
        inventory = self.folder / "inventory.py"
        data = {
            "ssh_user": "root",
            "ssh_port": self.fleet.port,
            "ssh_key": self.fleet.key,
            "ssh_known_hosts_file": self.fleet.known_hosts,
        }
        inventory.write_text(f"hosts = {[(address, data) for address in self.fleet.addresses]!r}\n")
        return [common.tool("pyinfra"), "-y", "--parallel", str(self.forks), str(inventory), str(JOBS / "pyinfra_job.py")]


class Ansible(Contender):
    name = "ansible"
    settings: dict[str, str] = {}

    def command(self) -> list[str]:
        return [
            common.tool("ansible-playbook"), "-i", self.fleet.inventory, "-f", str(self.forks), str(JOBS / "ansible.yml")
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        config = self.folder / "ansible.cfg"
        config.write_text("[defaults]\n")
        return {
            "HOME": str(self.folder),
            "ANSIBLE_CONFIG": str(config),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_SSH_ARGS": f"-F {self.fleet.ssh_config} -o ControlMaster=auto -o ControlPersist=300s",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.folder / "sockets"),
            **self.settings,
        }


class Pipelining(Ansible):
    name = "ansible, pipelining"
    settings = {"ANSIBLE_PIPELINING": "True"}


class Mitogen(Ansible):
    name = "ansible, mitogen"
    #: Its connections live in its own processes, and end with them.
    persists = False

    def environment(self) -> dict[str, str]:
        import ansible_mitogen

        plugins = Path(ansible_mitogen.__file__).parent / "plugins" / "strategy"
        return {
            **super().environment(),
            "ANSIBLE_STRATEGY_PLUGINS": str(plugins),
            "ANSIBLE_STRATEGY": "mitogen_linear",
        }


CONTENDERS = (Floor, Dtrctl, DtrctlOfAnsible, Pyinfra, Pipelining, Mitogen, Ansible)


def run(fleet: Fleet, folder: Path, forks: int, rounds: int, only: list[str]) -> dict:
    """Measures; seconds, seconds of processor time and sessions a host, by contender and phase."""
    contenders = [kind(fleet, folder, forks) for kind in CONTENDERS if not only or kind.name in only]
    found: dict = {c.name: {phase: [] for phase in PHASES} for c in contenders}
    for number in range(rounds):
        for contender in common.turned(contenders, number):
            contender.close()
            contender.forget()
            fleet.reset()
            for phase in PHASES:
                if phase == "warm" and not contender.persists:
                    continue
                if phase == "warm":
                    contender.warm_up()
                else:
                    contender.close()
                before = fleet.sessions()
                timed = contender.run()
                sessions = (fleet.sessions() - before) / len(fleet.addresses)
                if timed.status != 0:
                    raise SystemExit(f"{contender.name}, {phase}: exit status {timed.status}; see {contender.folder}/log")
                fleet.verify(contender.name)
                found[contender.name][phase].append(
                    {"seconds": timed.seconds, "cpu": timed.cpu, "sessions": sessions, "rss": timed.rss}
                )
                print(
                    f"  {number + 1}/{rounds}  {contender.name:28} {phase:6} {timed.seconds:8.2f} s"
                    f"  {timed.cpu:7.2f} s of controller's cpu  {sessions:5.1f} sessions a host",
                    flush=True,
                )
            contender.close()
    return {"hosts": len(fleet.addresses), "forks": forks, "rounds": rounds, "contenders": found}
