# The floor: the job written by hand, for one `ssh HOST sh` a host. $pem is set before it.
set -eu
anchor() { # FILE: 1 where it was so already
    if [ -f "$1" ] && [ "$(cat "$1")" = "$pem" ]; then return 1; fi
    mkdir -p "${1%/*}"
    printf '%s\n' "$pem" >"$1.new"
    chmod 644 "$1.new"
    mv -f "$1.new" "$1"
}
anchor /etc/docker/certs.d/registry.example:5000/ca.crt || :
if anchor /usr/local/share/ca-certificates/registry.example.crt; then update-ca-certificates >/dev/null 2>&1; fi
f=/etc/docker/daemon.json
if ! grep -q '"labels": \["bench=1"\]' "$f"; then
    sed '1s/{/{\n  "debug": true,\n  "labels": ["bench=1"],/' "$f" >"$f.new"
    chmod 644 "$f.new"
    mv -f "$f.new" "$f"
    if [ -S /run/docker.sock ]; then systemctl restart docker; fi
fi
