# shellcheck shell=bash
#
# The way in: the key, and what tells dtrctl, ssh and a shell where everything is.

# One key for ops, pw, root, and rootless1's alice. Owners as in the host: see furnish in image.sh.
make_login() {
    local home login=$STATE/login
    [ -s "$STATE/id_ed25519" ] || ssh-keygen -q -t ed25519 -N '' -C dtrctl-lab -f "$STATE/id_ed25519"
    for home in home/ops:1000 home/pw:1001 home/alice:1002 root:0; do
        install -d -m 700 -o "${home#*:}" -g "${home#*:}" "$login/${home%:*}/.ssh"
        install -m 600 -o "${home#*:}" -g "${home#*:}" "$STATE/id_ed25519.pub" "$login/${home%:*}/.ssh/authorized_keys"
    done
}

# shellcheck disable=SC2153  # the tables come from settings.sh
# The hosts that run: all of them, or a group's.
host_names() {
    local name
    for name in $(engine ps --format '{{.Names}}' | sort -V); do
        if know_host "$name" && [ "${GROUP[$name]}" = "${1:-${GROUP[$name]}}" ]; then printf '%s\n' "$name"; fi
    done
}

# shellcheck disable=SC2153  # the tables come from settings.sh
# What `up` has brought up, in the forms that dtrctl, ssh and a shell read.
describe() {
    local host key groups group
    mkdir -p "$STATE/inventory"
    groups=$(for host in $(host_names); do know_host "$host"; printf '%s\n' "${GROUP[$host]}"; done | sort -u)
    for group in $groups; do
        printf '%s:\n  hosts:\n' "$group"
        for host in $(host_names "$group"); do
            know_host "$host"
            printf '    %s:\n      ansible_host: %s\n      ansible_user: %s\n' "$host" "${ADDRESS[$host]}" "${LOGIN[$host]}"
            printf '      ansible_ssh_private_key_file: %s/id_ed25519\n' "$STATE"
        done
    done >"$STATE/inventory/hosts.yml"
    for host in $(host_names); do
        for key in "$STATE/hosts/$host"/etc/ssh/*.pub; do
            printf '%s,%s %s\n' "$host" "$(host_ip "$host")" "$(cut -d' ' -f1,2 "$key")"
        done
    done >"$STATE/known_hosts"
    {
        for host in $(host_names); do
            know_host "$host"
            printf 'Host %s %s\n    HostName %s\n' "$host" "${ADDRESS[$host]}" "${ADDRESS[$host]}"
            [ "${LOGIN[$host]}" = ops ] || printf '    User %s\n' "${LOGIN[$host]}"
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
    assign DTRCTL_LAB_HOSTS "$(host_names docker | paste -sd' ')"
    assign DTRCTL_LAB_ALL_HOSTS "$(host_names | paste -sd' ')"
    assign DTRCTL_LAB_INVENTORY "$STATE/inventory/hosts.yml"
    assign DTRCTL_LAB_SSH_CONFIG "$STATE/ssh_config"
    assign DTRCTL_LAB_KNOWN_HOSTS "$STATE/known_hosts"
    assign DTRCTL_LAB_KEY "$STATE/id_ed25519"
    assign DTRCTL_LAB_PW_USER pw
    assign DTRCTL_LAB_PW_PASSWORD "$PW_PASSWORD"
    assign DTRCTL_LAB_REGISTRY registry.lab:5000
    assign DTRCTL_LAB_REGISTRY_IP "${ADDRESS[registry.lab]}"
    assign DTRCTL_LAB_REGISTRY_USER "$REGISTRY_USER"
    assign DTRCTL_LAB_REGISTRY_PASSWORD "$REGISTRY_PASSWORD"
    assign DTRCTL_LAB_IMAGE registry.lab:5000/idle:1
    assign DTRCTL_LAB_ROOT_CA "$STATE/pki/root.pem"
    assign DTRCTL_LAB_ROOT_SHA256 "$(root_sha256)"
    assign DTRCTL_LAB_PKI "$STATE/pki"
    assign DTRCTL_LAB_SELFSIGNED selfsigned.lab:5000
    assign DTRCTL_LAB_CNONLY cnonly.lab:5000
    assign DTRCTL_LAB_PLAIN plain.lab:5000
    assign DTRCTL_LAB_NOCHAIN nochain.lab:5000
    assign DTRCTL_LAB_EXPIRED expired.lab:5000
    assign DTRCTL_LAB_LEAFCA leafca.lab:5000
    assign DTRCTL_LAB_SECURE secure.lab
    assign DTRCTL_LAB_CROSS cross.lab:5000
    assign DTRCTL_LAB_REG reg1.lab:5000
    assign DTRCTL_LAB_CONTAINERS "$(engine ps --format '{{.Names}}' | sort -V | paste -sd' ')"
    assign DTRCTL_LAB_DOCKER "unix://$STATE/docker.sock"
}

# No value contains a single quote.
assign() { printf "%s='%s'\n" "$1" "$2"; }
