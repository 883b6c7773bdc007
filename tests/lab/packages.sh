# shellcheck shell=bash
#
# install_missing COMMAND=PACKAGE... installs the packages whose command is not there yet.
# By command, not by package: a machine that has dockerd from elsewhere keeps it (Debian's docker.io would push it out).

install_missing() {
    local want=() pair
    for pair in "$@"; do
        command -v "${pair%%=*}" >/dev/null 2>&1 || want+=("${pair#*=}")
    done
    [ ${#want[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ]; then
        printf 'missing, and only root can install them: %s\n' "${want[*]}" >&2
        return 1
    fi
    if ! command -v apt-get >/dev/null; then
        printf 'missing, and there is no apt-get to install them with: %s\n' "${want[*]}" >&2
        return 1
    fi
    printf 'installing %s\n' "${want[*]}" >&2
    install_quietly "${want[@]}" && return 0
    # Package lists that are missing or out of date are the usual reason for a refusal.
    apt-get update -qq >&2 || true
    install_quietly "${want[@]}"
}

# Runs in a subshell so that the trap is its own. policy-rc.d keeps Debian from starting the daemons that come with
# the packages: the lab wants the programs, not an sshd or a dockerd on the machine.
install_quietly() (
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        trap 'rm -f "$policy"' EXIT
    fi
    log=$(mktemp)
    if DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" \
        </dev/null >"$log" 2>&1; then
        rm -f "$log"
    else
        tail -n 20 "$log" >&2
        rm -f "$log"
        exit 1
    fi
)
