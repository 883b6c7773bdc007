#!/bin/bash
# What became of a host: each path that is not as in an earlier snapshot, its owner and mode, and what a file holds, as far as it
# is short text; the lab's certificates by their files' names. Then the daemon: its settings, its containers, and how often it has been started.
#
#   state.sh BEFORE HOST     BEFORE is the file with what `lab snapshot HOST` said
set -u -o pipefail
LAB=$(dirname "$(readlink -f "$0")")/../lab
STATE=${DTRCTL_LAB:-/var/lib/dtrctl-lab}
before=$1 host=$2
export LC_ALL=C

# Ansible's own temporary folders are no answer; nor is what dtrctl remembers on a host, and the key that dockerd makes.
left_out() { grep -v -e '/\.ansible\(/\|	\)' -e '^/var/lib/dtrctl' -e '^/run/dtrctl' -e '^/etc/docker/key.json' "$@"; }

listing() { left_out "$1" | sort; }

# On one line; text that is an anchor's under the name of its file.
content() {
    "$LAB" exec "$host" cat "$1" </dev/null | PKI=$STATE/pki perl -0777 -pe '
        for my $name (qw(root intermediate)) {
            open my $file, "<", "$ENV{PKI}/$name.pem" or die; my $pem = <$file>; $pem =~ s/\n+\z//;
            s/\Q$pem\E/<$name.pem>/g;
        }
        s/\\/\\\\/g; s/\n/\\n/g'
}

now=$(mktemp)
trap 'rm -f "$now"' EXIT
"$LAB" snapshot "$host" | listing - >"$now" || exit 1
comm -3 <(listing "$before") "$now" | sed 's/^\t//' | cut -f1 | uniq | while IFS= read -r path; do
    line=$(awk -F '\t' -v path="$path" '$1 == path' "$now")
    IFS=$'\t' read -r _ kind mode owner what <<<"$line"
    case ${kind:-gone} in
    gone) printf '%s gone\n' "$path" ;;
    f)
        size=$("$LAB" exec "$host" stat -c %s "$path" </dev/null)
        if [ "$size" -le 800 ]; then what=\"$(content "$path")\"; else what='…'; fi
        printf '%s %s %s %s\n' "$path" "$mode" "$owner" "$what"
        ;;
    l) printf '%s -> %s\n' "$path" "$what" ;;
    *) printf '%s/ %s %s\n' "$path" "$mode" "$owner" ;;
    esac
done | sed "s/\<$host\>/HOST/g"
# shellcheck disable=SC2016  # expanded on the host
"$LAB" exec "$host" sh -c 'docker info -f "docker {{.LoggingDriver}} {{json .Labels}} {{json .RegistryConfig.InsecureRegistryCIDRs}} {{range .RegistryConfig.IndexConfigs}}{{.Name}}={{.Secure}} {{end}}{{.HTTPProxy}}"
    docker ps -a --format "container {{.Names}} {{.State}}" | sort
    printf "starts of the daemon: %s\n" "$(journalctl -u docker.service -o cat | grep -c "^Started ")"'
