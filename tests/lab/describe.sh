# shellcheck shell=bash
#
# The way in: the key, and what tells dtrctl, ssh and a shell where everything is.

# One key for ops, pw and root. Owners as in the host: see useradd in image.sh.
make_login() {
    local home login=$STATE/login
    ssh-keygen -q -t ed25519 -N '' -C dtrctl-lab -f "$STATE/id_ed25519"
    for home in home/ops:1000 home/pw:1001 root:0; do
        install -d -m 700 -o "${home#*:}" -g "${home#*:}" "$login/${home%:*}/.ssh"
        install -m 600 -o "${home#*:}" -g "${home#*:}" "$STATE/id_ed25519.pub" "$login/${home%:*}/.ssh/authorized_keys"
    done
}

host_names() { engine ps --filter name='^web[0-9]+$' --format '{{.Names}}' | sort -V; }

# What `up` has brought up, in the forms that dtrctl, ssh and a shell read.
describe() {
    local host key
    mkdir -p "$STATE/inventory"
    {
        printf 'docker:\n  hosts:\n'
        for host in $(host_names); do
            printf '    %s:\n      ansible_host: %s\n      ansible_user: ops\n' "$host" "$(host_ip "$host")"
            printf '      ansible_ssh_private_key_file: %s/id_ed25519\n' "$STATE"
        done
    } >"$STATE/inventory/hosts.yml"
    for host in $(host_names); do
        for key in "$STATE/hosts/$host"/etc/ssh/*.pub; do
            printf '%s,%s %s\n' "$host" "$(host_ip "$host")" "$(cut -d' ' -f1,2 "$key")"
        done
    done >"$STATE/known_hosts"
    {
        for host in $(host_names); do
            printf 'Host %s %s\n    HostName %s\n' "$host" "$(host_ip "$host")" "$(host_ip "$host")"
        done
        cat <<END
Host *
    User ops
    IdentityFile $STATE/id_ed25519
    IdentitiesOnly yes
    UserKnownHostsFile $STATE/known_hosts
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
END
    } >"$STATE/ssh_config"
    assignments >"$STATE/env"
}

assignments() {
    assign DTRCTL_LAB "$STATE"
    assign DTRCTL_LAB_HOSTS "$(host_names | paste -sd' ')"
    assign DTRCTL_LAB_INVENTORY "$STATE/inventory/hosts.yml"
    assign DTRCTL_LAB_SSH_CONFIG "$STATE/ssh_config"
    assign DTRCTL_LAB_KNOWN_HOSTS "$STATE/known_hosts"
    assign DTRCTL_LAB_KEY "$STATE/id_ed25519"
    assign DTRCTL_LAB_PW_USER pw
    assign DTRCTL_LAB_PW_PASSWORD "$PW_PASSWORD"
    assign DTRCTL_LAB_REGISTRY registry.lab:5000
    assign DTRCTL_LAB_REGISTRY_IP "$REGISTRY_IP"
    assign DTRCTL_LAB_REGISTRY_USER "$REGISTRY_USER"
    assign DTRCTL_LAB_REGISTRY_PASSWORD "$REGISTRY_PASSWORD"
    assign DTRCTL_LAB_IMAGE registry.lab:5000/idle:1
    assign DTRCTL_LAB_ROOT_CA "$STATE/pki/root.pem"
    assign DTRCTL_LAB_ROOT_SHA256 "$(root_sha256)"
    assign DTRCTL_LAB_PKI "$STATE/pki"
    assign DTRCTL_LAB_SELFSIGNED selfsigned.lab:5000
    assign DTRCTL_LAB_CNONLY cnonly.lab:5000
    assign DTRCTL_LAB_PLAIN plain.lab:5000
    assign DTRCTL_LAB_CONTAINERS "$(engine ps --format '{{.Names}}' | sort -V | paste -sd' ')"
    assign DTRCTL_LAB_DOCKER "unix://$STATE/docker.sock"
}

# No value contains a single quote.
assign() { printf "%s='%s'\n" "$1" "$2"; }
