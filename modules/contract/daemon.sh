# The rest of library.sh, which is read before it: what is asked of the Docker daemon, what is owed to it, its reload and
# its restart. What is said of the daemon ($pid_files, $socket, $units, …) stands before both.

is_daemon() { # PID
  read -r comm 2>/dev/null <"/proc/$1/comm" || return 1
  case $comm in dockerd | docker | dockerd-current | dockerd-ce) return 0 ;; esac
  return 1
}
# shellcheck disable=SC2086
ctl() { may_hang; systemctl $user_units "$@"; }
unit() { printf '%s\n' "${units%% *}"; }
is_systemd() { [ -d /run/systemd/system ] && has systemctl; }
has_unit() { is_systemd && [ -n "$units" ]; }
unit_is() { has_unit && [ "$(ctl is-active "$(unit)")" = "$1" ]; } # STATE
# The start limit counts restarts that went well, too; past it the socket fails as well.
# shellcheck disable=SC2086
forgive_starts() { if has_unit; then ctl reset-failed $units 2>/dev/null; fi; }
# What a pid file holds, in $pid: not every file ends with its line.
pid_in() { # FILE
  pid=
  [ -r "$1" ] || return 1
  read -r pid <"$1" || [ -n "$pid" ]
}
# The daemon's pid in $pid, found without waking a daemon that only its socket announces.
daemon() {
  pid=; [ -z "$R" ] || return 1
  for f in $pid_files; do
    if pid_in "$f" && is_daemon "$pid"; then return 0; fi
  done
  if [ -n "$units" ]; then
    pid=$(ctl show -p MainPID --value "${units%% *}" 2>/dev/null)
    if is_daemon "$pid"; then return 0; fi
  fi
  pid=
  return 1
}
# --- which daemons there are
environ() { # PID, NAME: the value of a variable of its environment
  tr '\0' '\n' <"/proc/$1/environ" 2>/dev/null | sed -n "s/^$2=//p" | head -n 1
}
site() { # KIND, UID, SOCKET, PID or nothing
  if [ "$2" = 0 ]; then user=root; else user=$(id -un "$2" 2>/dev/null) || user=$2; fi
  config='' home=''
  if [ -n "$4" ]; then
    config=$(config_flag "$4")
    home=$(environ "$4" XDG_CONFIG_HOME)
    # The socket that it is told to listen on; with fd:// the unit's.
    named=$(tr '\0' '\n' <"/proc/$4/cmdline" | sed -n 's,^.*unix://\(/.*\),\1,p' | head -n 1)
    [ -z "$named" ] || set -- "$1" "$2" "$named" "$4"
  fi
  if [ -z "$home" ]; then
    home=$({ getent passwd "$2" 2>/dev/null || grep "^[^:]*:[^:]*:$2:" /etc/passwd; } | head -n 1 | cut -d : -f 6)/.config
  fi
  printf 'daemon=%s %s %s %s %s %s\n' "$1" "$2" "$(word "$user")" "$(word "$3")" "$(word "$home")" "$(word "$config")"
}
# Of the command line this alone is a fact: another flag must not make the facts others.
config_flag() { # PID
  tr '\0' '\n' <"/proc/$1/cmdline" | awk 'on { print; exit } /^--?config-file$/ { on = 1 }
    /^--?config-file=/ { sub(/^[^=]*=/, ""); print; exit }'
}
# The first that runs, in $p: what pid files name, then what systemd says of a unit.
first_daemon() { # UNIT or nothing, FILE...
  unit=$1; shift
  for p in "$@"; do
    if pid_in "$p" && is_daemon "$pid"; then p=$pid; return; fi
  done
  p=
  if [ -z "$unit" ] || ! is_systemd; then return; fi
  may_hang
  p=$(systemctl show -p MainPID --value "$unit" 2>/dev/null)
  is_daemon "$p" || p=
}
: "${system_pids=/run/docker.pid /var/run/docker.pid}"
# The system's counts also where its socket would start it.
daemons() {
  # shellcheck disable=SC2086
  first_daemon docker.service $system_pids
  if [ -n "$p" ] || { is_systemd && may_hang && systemctl is-active --quiet docker.socket; }; then
    site system 0 /var/run/docker.sock "$p"
  fi
  p=
  # Its data is there wherever the snap is.
  if [ -d /var/snap/docker ]; then
    first_daemon snap.docker.dockerd.service /run/snap.docker/docker.pid /var/snap/docker/current/run/docker.pid
  fi
  [ -z "$p" ] || site snap 0 /var/run/docker.sock "$p"
  for d in /run/user/[1-9]*; do
    first_daemon '' "$d/docker.pid"
    [ -z "$p" ] || site rootless "${d##*/}" "$d/docker.sock" "$p"
  done
}
since() { # PID: when it started, in $ticks since the boot. What stands in brackets may hold anything.
  ticks=
  { read -r ticks <"/proc/$1/stat"; } 2>/dev/null || return
  # shellcheck disable=SC2086
  set -- ${ticks##*) }
  ticks=${20}
}
started() { born "$1"; echo "$born"; }
born() { # PID: when it started, as one word that no other process of any boot has, in $born
  read -r born </proc/sys/kernel/random/boot_id
  since "$1"
  born=$born:$ticks
}
api() { # PATH [SECONDS]: prints the body, then the status on a line of its own
  if curl_is_new; then
    bounded $((${2:-20} + 5)) curl -sS --max-time "${2:-20}" --unix-socket "$socket" -w '\n%{http_code}\n' "http://localhost$1" 2>&1
  else return 127; fi
}
curl_is_new() { # --unix-socket came with 7.40
  v=$(curl --version 2>/dev/null | sed -n '1s/^curl \([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
  # shellcheck disable=SC2086
  set -- $v
  [ $# = 2 ] && { [ "$1" -gt 7 ] || { [ "$1" = 7 ] && [ "$2" -ge 40 ]; }; }
}
# What of /info changes by itself is dropped: an answer that means the same has to be the same. Text in the answer cannot
# be taken for a key, because its quotes are escaped.
info() {
  if curl_is_new; then api /info | sed '$d'
  else bounded 20 docker -H "unix://$socket" info --format '{{json .}}'; fi |
    sed -e 's/"SystemTime":"[^"]*",//' -e 's/"NFd":[0-9]*,//' -e 's/"NGoroutines":[0-9]*,//' \
      -e 's/"NEventsListener":[0-9]*,//' -e 's/"Containers":[0-9]*,//' -e 's/"ContainersRunning":[0-9]*,//' \
      -e 's/"ContainersPaused":[0-9]*,//' -e 's/"ContainersStopped":[0-9]*,//' -e 's/"Images":[0-9]*,//' \
      -e 's/\["\([^"]*Space[^"]*\)","[^"]*"\]/["\1",""]/g' -e 's/\["Dirs","[^"]*"\]/["Dirs",""]/' \
      -e 's/"RemoteManagers":\[\({[^}]*},*\)*\]/"RemoteManagers":null/'
}
ask_process() {
  if [ -n "$R" ]; then say installed 1; return 0; fi
  if has dockerd || [ -e /etc/init.d/docker ] || { is_systemd && may_hang && systemctl cat docker.service >/dev/null 2>&1; }; then
    say installed 1
  fi
  if is_systemd; then
    for u in $units; do printf 'unit=%s %s\n' "$u" "$(ctl is-active "$u" 2>/dev/null)"; done
  fi
  daemon || return 0
  say installed 1
  say pid "$pid"
  born "$pid"
  say start "$born"
  # It writes its pid as it starts, before it reads any certificate. The kernel's own numbers are up to two seconds early.
  written='' main=$pid
  for f in $pid_files; do
    if pid_in "$f" && [ "$pid" = "$main" ]; then written=$(stat -c %Y -- "$f"); break; fi
  done
  pid=$main
  say started "${written:-$(($(sed -n 's/^btime //p' /proc/stat) + ticks / $(getconf CLK_TCK 2>/dev/null || echo 100)))}"
  printf 'cmdline='; enc <"/proc/$pid/cmdline"; echo
  # An upgrade has replaced the program of a daemon that runs on: the new one is what a restart starts.
  exe=$(readlink "/proc/$pid/exe"); say_word program "${exe% (deleted)}"
  say environ "$(tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | grep -E '^(SSL_CERT_|HTTPS?_PROXY|https?_proxy|NO_PROXY|no_proxy)' | enc)"
}
ask_info() {
  daemon || return 0
  body=$(info) || return 0
  case $body in '{'*'"ServerVersion":"'[!\"]*) say info "$(word "$body")" ;; esac
}
# The running containers, a line each: id, restart policy, name.
containers() {
  if has docker; then
    ids=$(bounded 20 docker -H "unix://$socket" ps -q --no-trunc) || return
    # One that goes in between is left out.
    # shellcheck disable=SC2086
    [ -z "$ids" ] || bounded 20 docker -H "unix://$socket" inspect \
      -f '{{.Id}} {{or .HostConfig.RestartPolicy.Name "no"}} {{.Name}}' $ids
  else
    ids=$(api /containers/json) || return
    case $ids in *200) ;; *) return 1 ;; esac
    for c in $(printf '%s' "$ids" | sed 's/"Id":"/\
id /g' | sed -n 's/^id \([0-9a-f]\{64\}\)".*/\1/p'); do
      api "/containers/$c/json" | sed -n \
        's/^{"Id":"\([0-9a-f]*\)".*"Name":"\(\/[^"]*\)".*"RestartPolicy":{"Name":"\([^"]*\)".*/\1 \3 \2/p' |
        sed 's/  / no /'
    done
  fi
}
ask_containers() {
  daemon || return 0
  list=$(containers) || [ -n "$list" ] || return 1
  printf '%s\n' "$list" | sed -n 's/^\([0-9a-f][0-9a-f]* [a-z-]* \)\/*/container=\1/p' | sort
}
# A builder's container is named after it; the answer holds no state of it, so that it stays the same while it does.
ask_builders() {
  daemon || return 0
  if has docker; then
    bounded 20 docker -H "unix://$socket" ps -a --filter name=buildx_buildkit_ --format '{{.Names}}'
  else
    api '/containers/json?all=1&filters=%7B%22name%22%3A%5B%22buildx_buildkit_%22%5D%7D' | sed '$d' |
      sed 's/"Names":\["/\
name /g' | sed -n 's/^name \([^"]*\)".*/\1/p'
  fi | sed -n 's/^\/*buildx_buildkit_\(.*\)$/\1/p' | sed 's/[0-9]*$//' | sort -u |
    while read -r name; do say builder "$(word "$name")"; done
}
ask_validate() { # CONFIG, PROGRAM, FLAG...
  config=$1; program=$2; shift 2
  out=$(printf '%b' "$config" | bounded 20 "$program" "$@" --validate --config-file /dev/stdin 2>&1)
  say status $?
  say message "$(word "$out")"
}
# The containerd image store reads certificates by a reader of its own, which only a pull goes by.
ask_distribution() { # REGISTRY
  daemon || { say status 0; say message "$(word 'no docker daemon runs on this host')"; return 0; }
  if out=$(api "/distribution/$1/dtrctl-probe/json" 60); then
    say status "$(printf '%s\n' "$out" | tail -n 1)"
    say message "$(printf '%s\n' "$out" | sed '$d' | enc)"
    case $(info) in
    *'["driver-type","io.containerd.snapshotter.v1"]'*) say pull "$(word "$(probe_pull "$1")")" ;;
    esac
  else
    out=$(probe_pull "$1")
    say status 1
    say message "$(word "$out")"
  fi
}
probe_pull() { # REGISTRY: of an image that is not there
  if has docker; then bounded 60 docker -H "unix://$socket" pull "$1/dtrctl-probe:none" 2>&1
  else
    bounded 65 curl -sS --max-time 60 -X POST --unix-socket "$socket" \
      "http://localhost/images/create?fromImage=$1/dtrctl-probe&tag=none" 2>&1
  fi
}
ask_owed() {
  at_runtime
  dir=$runtime/$owed_name
  [ -d "$dir" ] || return 0
  now=none; if daemon; then now=$(started "$pid"); fi
  for f in "$dir"/*; do
    case $f in "$dir"/*.*) continue ;; esac
    [ -f "$f" ] || continue
    { read -r need && read -r daemon && read -r id && read -r reason; } <"$f" || continue
    # A record is void once the daemon that it was written for is gone.
    [ "$daemon" = "$now" ] || continue
    printf 'owed=%s %s %s\n' "$need" "$id" "$reason"
  done
}
record() { echo "$(runtime)/$owed_name/$(printf '%s' "$1" | digest | cut -c1-16)"; } # of ID
do_owe() { # ID, NEED, REASON
  daemon || return 0
  f=$(record "$1"); dir=${f%/*}
  mkdir -p -- "$dir" || return
  rm -f -- "$f.$T" "$f.was"
  [ ! -f "$f" ] || cp -- "$f" "$f.was" || return
  (set -C; printf '%s\n%s\n%s\n%s\n' "$2" "$(started "$pid")" "$(word "$1")" "$(word "$3")" >"$f.$T") &&
    flush "$f.$T" && mv -f -- "$f.$T" "$f" && flush_dir "$dir"
}
unowe() { # ID: what was owed before its last record is owed again
  f=$(record "$1")
  if [ -f "$f.was" ]; then mv -f -- "$f.was" "$f"; else rm -f -- "$f"; fi
}
settle() { # ID...
  for id in "$@"; do f=$(record "$id"); rm -f -- "$f" "$f.was"; done
  # Nothing is left over where nothing is owed; what is not empty stays.
  rmdir -- "$(runtime)/$owed_name" "$(runtime)" 2>/dev/null || :
}
# From here on `logged` tells what the daemon logs: from its unit's journal, else from a file.
mark() {
  since=$(date +%s); cursor=; log_file=; log_size=0
  if is_systemd && has journalctl && [ -n "$units" ]; then
    # shellcheck disable=SC2086
    cursor=$(journalctl $user_units -u "$(unit)" -n 0 --show-cursor -o cat --no-pager 2>/dev/null | sed -n 's/^-- cursor: //p')
    return
  fi
  for log_file in $log_files; do
    if [ -r "$log_file" ]; then log_size=$(wc -c <"$log_file"); return; fi
  done
  log_file=
}
# In its own words alone: what systemd says beside them fills the end of the log.
logged() {
  if [ -n "$log_file" ]; then
    # A log that is begun anew at the start is shorter than it was.
    if [ "$(wc -c <"$log_file")" -lt "$log_size" ]; then log_size=0; fi
    tail -c "+$((log_size + 1))" "$log_file" 2>/dev/null
    return
  fi
  has_log || return 0
  if [ -n "$cursor" ]; then set -- --after-cursor "$cursor"; else set -- --since "@$since"; fi
  field=_SYSTEMD_UNIT; if [ -n "$user_units" ]; then field=_SYSTEMD_USER_UNIT; fi
  # shellcheck disable=SC2086
  journalctl $user_units "$field=$(unit)" "$@" -o cat --no-pager 2>/dev/null
}
has_log() { [ -n "$log_file" ] || { is_systemd && has journalctl && [ -n "$units" ]; }; }
# What it complains of. With level=info it prints its whole configuration, which may hold a proxy's password.
log_end() { logged | grep -v -e 'level=info' -e 'level=debug' | tail -n "$1"; }
is_boot() { daemon && [ "$(started "$pid")" = "$1" ]; } # TIME of its start
hup() { # COMMAND...: a running service is told through its own words, which may do more than a signal
  if [ $# -gt 0 ] && bounded 30 "$@" >/dev/null 2>&1; then return 0; fi
  kill -HUP "$pid"
}
refused() { # LOG: whether the daemon has kept its old configuration; `systemctl reload` does not tell
  case $1 in
  *'unable to configure the Docker daemon'* | *'configuration validation failed'* | *'Error reconfiguring the daemon'*) ;;
  *) return 1 ;;
  esac
  echo 'the daemon has refused its configuration and goes on with the old one:'
  log_end 3
}
do_reload() { # visible|silent, settled IDs, COMMAND...
  how=$1; settles=$2; shift 2
  daemon || { echo 'no docker daemon runs on this host'; return 1; }
  mark; before=$(info); boot=$(started "$pid")
  hup "$@" || return
  # About ten seconds. A daemon that logs warnings only does not say that it has reloaded, one without a journal
  # not anywhere.
  tries=0; if ! has_log; then tries=40; fi
  while log=$(logged); [ "$tries" -lt 50 ]; do
    if refused "$log"; then return 1; fi
    if [ "$how" = visible ]; then
      if [ "$(info)" != "$before" ]; then break; fi
    else
      case $log in *'Reloaded configuration'*) break ;; esac
    fi
    tries=$((tries + 1))
    sleep 0.1 2>/dev/null || { sleep 1; tries=$((tries + 9)); }
  done
  if refused "$(logged)"; then return 1; fi
  if ! is_boot "$boot"; then
    echo 'the daemon did not outlive the reload:'; log_end 8; return 1
  fi
  if [ "$how" = visible ] && [ "$(info)" = "$before" ]; then
    echo 'the daemon was told to reload, but shows the same settings as before:'; log_end 3; return 1
  fi
  # shellcheck disable=SC2086
  settle $settles
}
answers() { [ "$(api /_ping 5 | tail -n 1)" = 200 ] || { ! curl_is_new && bounded 10 docker -H "unix://$socket" version >/dev/null 2>&1; }; }
listed() { case " $2 " in *" $1 "*) ;; *) return 1 ;; esac; } # NAME, NAMES
# Of the containers $ran, all but $1 have to run: the names of those that do not.
missing() {
  now=$(containers 2>/dev/null)
  printf '%s\n' "$ran" | while read -r id _ name; do
    name=${name#/}
    if [ -z "$id" ] || listed "$name" "$1"; then continue; fi
    case $now in *"$id"*) ;; *) printf '%s ' "$name" ;; esac
  done
}
# A manager counts again once it takes part in the decisions of its swarm.
manages() { case $(info) in *'"ControlAvailable":true'*) ;; *) return 1 ;; esac; }
do_restart() { # kept|stopped, containers that may stop, containers that may stay down, settled IDs, COMMAND...
  how=$1; stops=$2; stays=$3; settles=$4; shift 4
  umask 022
  mark; ran=; boot=none; manager=
  if daemon; then
    boot=$(started "$pid")
    ran=$(containers) || [ -n "$ran" ] || { echo 'the running containers cannot be listed'; return 1; }
    if manages; then manager=1; fi
    case $how$(info) in
    kept*'"LiveRestoreEnabled":true'*) ;;
    *)
      for name in $(printf '%s\n' "$ran" | sed -n 's/^[0-9a-f]* [a-z-]* \/*//p'); do
        listed "$name" "$stops $stays" || { moved "the container $name runs now, and would stop"; return; }
      done
      ;;
    esac
  fi
  forgive_starts
  said=$(bounded 120 "$@" 2>&1)
  tries=0 gone=0
  until daemon && [ "$(started "$pid")" != "$boot" ] && answers; do
    tries=$((tries + 1))
    # A script that starts it in the background says nothing of one that dies.
    if [ -n "$pid" ]; then gone=0; else gone=$((gone + 1)); fi
    if [ "$tries" -ge 60 ] || [ "$gone" -ge 20 ] || unit_is failed; then
      echo 'the daemon does not answer after the restart:'
      if [ -n "$(log_end 1)" ]; then log_end 8; else printf '%s\n' "$said" | tail -n 8; fi
      return 1
    fi
    sleep 1
  done
  now=$(started "$pid")
  [ -z "$undo" ] || moment_now >"$undo/up"
  # shellcheck disable=SC2086
  settle $settles
  tries=0
  until [ -z "$manager" ] || manages; do
    tries=$((tries + 1))
    if [ "$tries" -ge 60 ]; then echo 'the daemon runs again, but its swarm does not count it as a manager'; return 1; fi
    sleep 1
  done
  tries=0
  while lost=$(missing "$stays"); [ -n "$lost" ]; do
    tries=$((tries + 1))
    if ! is_boot "$now"; then echo 'the daemon came back, and then died:'; log_end 8; return 1; fi
    if [ "$tries" -ge 30 ]; then
      echo "the daemon runs again, but these containers that ran before do not: ${lost% }"; return 1
    fi
    sleep 1
  done
}
