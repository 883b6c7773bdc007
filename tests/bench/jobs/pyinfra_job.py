"""The job for pyinfra."""

import json
from io import StringIO
from pathlib import Path

from pyinfra import host
from pyinfra.facts.server import Command
from pyinfra.operations import files, server

HERE = Path(__file__).parent
told = json.loads(host.get_fact(Command, "cat /etc/docker/daemon.json"))
told.update({"debug": True, "labels": ["bench=1"]})

files.directory(name="the registry's directory", path="/etc/docker/certs.d/registry.example:5000", mode="755")
files.put(
    name="trust the registry, for docker",
    src=str(HERE / "root.pem"),
    dest="/etc/docker/certs.d/registry.example:5000/ca.crt",
    mode="644",
)
anchor = files.put(
    name="trust the registry, for all",
    src=str(HERE / "root.pem"),
    dest="/usr/local/share/ca-certificates/registry.example.crt",
    mode="644",
)
server.shell(name="refresh", commands=["update-ca-certificates"], _if=anchor.did_change)
daemon = files.put(
    name="tell the daemon",
    src=StringIO(json.dumps(told, indent=4) + "\n"),
    dest="/etc/docker/daemon.json",
    mode="644",
)
server.shell(
    name="restart",
    commands=["if [ -S /run/docker.sock ]; then systemctl restart docker; fi"],
    _if=daemon.did_change,
)
