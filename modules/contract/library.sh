# The host's half of dtrctl: functions that ask (they print key=value lines) and functions that act (their exit status
# decides). Read by dash, BusyBox's sh and bash alike. $R is the sandbox's root, empty on a real host; $B begins the
# lines that frame answers; $T names temporary files. Each function runs in a subshell of its own.

LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
# What is ours is private; what other programs write for us is as they would write it.
mask=$(umask)
umask 077
ROOT=
if [ -n "$R" ]; then ROOT=$(cd -P -- "$R" && pwd -P) || exit 99; fi

has() { command -v "$1" >/dev/null 2>&1; }
say() { printf '%s=%s\n' "$1" "$2"; }

if has base64; then enc() { printf 'b:'; base64 | tr -d '\n'; }
else enc() { printf 'x:'; od -An -v -tx1 | tr -d ' \n'; }; fi
if has sha256sum; then digest() { sha256sum | cut -c1-64; }
elif has shasum; then digest() { shasum -a 256 | cut -c1-64; }
elif has openssl; then digest() { openssl dgst -sha256 -r | cut -c1-64; }
else echo 'neither sha256sum, shasum nor openssl is on this host: install one' >&2; exit 99; fi
word() { printf '%s' "$1" | enc; }
# BusyBox before 1.30 wants `timeout -t SECONDS`.
bounded() {
  if timeout 1 true >/dev/null 2>&1; then timeout "$@"
  elif timeout -t 1 true >/dev/null 2>&1; then seconds=$1; shift; timeout -t "$seconds" "$@"
  else shift; "$@"; fi
}

# --- frames ---------------------------------------------------------------------------------------------------------

answer() { # ID, then the call
  id=$1; shift
  body=$("$@" 2>/dev/null); rc=$?
  # What is sent only where the controller does not hold it yet is no part of what an answer means.
  # shellcheck disable=SC2034
  case $body in *bulk=*) kept=$(printf '%s\n' "$body" | sed '/^bulk=/d') ;; *) kept=$body ;; esac
  eval "a_$id=\$kept"
  printf '%s %s %s\n%s\n' "$B" "$id" "$rc" "$body"
}
guarded() { # ID, pairs ID=DIGEST, --, the call: made only where the earlier answers are the ones expected
  id=$1; shift
  while [ "$1" != -- ]; do
    eval "seen=\$a_${1%%=*}"
    # shellcheck disable=SC2154
    if [ "$(printf '%s' "$seen" | digest)" != "${1#*=}" ]; then
      printf '%s %s 95\n' "$B" "$id"
      return
    fi
    shift
  done
  shift
  answer "$id" "$@"
}
owing=
act() { # ID, then the call: the first that fails ends the script
  id=$1; shift
  body=$("$@" 2>&1); rc=$?
  printf '%s %s %s\n' "$B" "$id" "$rc"
  printf '%s' "$body" | enc
  echo
  # What has touched nothing owes nothing.
  case $rc in
  0) case $1 in do_owe) owing=$2 ;; do_make_dir) ;; *) owing= ;; esac; return ;;
  94 | 96 | 97 | 98) [ -z "$owing" ] || unowe "$owing" ;;
  esac
  finish
  exit 0
}
finish() { printf '%s end\n' "$B"; }

# --- files ----------------------------------------------------------------------------------------------------------

# Where a path leads once links are followed, in $real. 98 where that is outside the sandbox.
real() {
  real=$1; hops=0
  while [ -L "$real" ]; do
    hops=$((hops + 1)); [ "$hops" -le 40 ] || return 97
    to=$(readlink -- "$real" && echo .) || return 97
    to=${to%??}
    case $to in /*) real=$to ;; *) real=${real%/*}/$to ;; esac
  done
  # A link to `..` or to a path with a slash at its end: what it leads to is a directory by all means.
  case $real in */ | */..)
    real=$(cd -P -- "$real" && pwd -P && echo .) || return 97
    real=${real%??}
    case $real in "$ROOT"/*) return 0 ;; *) return 98 ;; esac
    ;;
  esac
  base=${real##*/}; dir=${real%/*}; rest=
  while [ -n "$dir" ] && [ ! -d "$dir" ]; do rest=/${dir##*/}$rest; dir=${dir%/*}; done
  dir=$(cd -P -- "${dir:-/}" && pwd -P && echo .) || return 97
  dir=${dir%??}; [ "$dir" != / ] || dir=
  real=$dir$rest/$base
  case $real in "$ROOT"/*) ;; *) return 98 ;; esac
}
attributes() { stat -c '%a %u %g %U %G %s %Y' -- "$1"; }
kind() { # of $1: absent, file, dir, other; links are followed
  if [ -f "$1" ]; then echo file; elif [ -d "$1" ]; then echo dir
  elif [ -e "$1" ] || [ -L "$1" ]; then echo other; else echo absent; fi
}

ask_file() { # PATH, LIMIT
  real "$1" || return
  kind=$(kind "$real")
  say kind "$kind"
  [ "$real" = "$1" ] || say target "$(word "${real#"$ROOT"}")"
  case $kind in file | dir) say stat "$(attributes "$real")" || return 1 ;; *) return 0 ;; esac
  if [ "$kind" = file ] && [ "$2" -gt 0 ]; then
    [ -r "$real" ] || { say error unreadable; return 0; }
    [ "$(wc -c <"$real")" -le "$2" ] || { say error large; return 0; }
    say content "$(enc <"$real")"
  fi
}
ask_dir() { # PATH
  real "$1/." || return
  real=${real%/.}
  say kind "$(kind "$real")"
  [ -d "$real" ] || return 0
  # Without the right to read it, it would look empty.
  [ -r "$real" ] || { say error unreadable; return 0; }
  for f in "$real"/* "$real"/.[!.]* "$real"/..?*; do
    [ -e "$f" ] || [ -L "$f" ] || continue
    link='file'; [ ! -L "$f" ] || link='link'
    kind=$(kind "$f"); stat=-; content=-
    case $kind in file | dir) stat=$(stat -L -c '%a,%u,%g,%U,%G,%s,%Y' -- "$f") || continue ;; esac
    if [ "$kind" = file ] && [ -r "$f" ] && [ "$(wc -c <"$f")" -le 65536 ]; then content=$(enc <"$f"); fi
    printf 'entry=%s %s %s %s %s\n' "$(word "${f##*/}")" "$link" "$kind" "$stat" "$content"
  done
}
ask_trust_store() { # KNOWN digests, DIRECTORY, BUNDLE...
  known=$1; dir=$2; shift 2; bundle=
  for f in "$@"; do
    if real "$f" && [ -r "$real" ] && [ -s "$real" ]; then
      bundle=$real
      say bundle "$(word "${f#"$R"}")"
      say mtime "$(stat -c %Y -- "$real")"
      sum=$(digest <"$real"); say digest "$sum"
      case " $known " in *" $sum "*) ;; *) say bulk "$(enc <"$real")" ;; esac
      break
    fi
  done
  real "$dir/." || return 0
  for f in "${real%/.}"/*; do
    if [ -L "$f" ] && [ ! -e "$f" ]; then say dangling "$(word "${f#"$ROOT"}")"; continue; fi
    if [ -L "$f" ] || [ ! -f "$f" ] || [ "$f" = "$bundle" ] || [ "$(wc -c <"$f")" -gt 262144 ]; then continue; fi
    printf 'stray=%s %s\n' "$(word "${f#"$ROOT"}")" "$(enc <"$f")"
  done
}
# Flushes a file: `sync FILE` where it is known, else an empty write that ends in fsync.
flush() { sync -- "$1" 2>/dev/null || dd if=/dev/null of="$1" bs=1 count=0 conv=notrunc,fsync 2>/dev/null || sync; }
flush_dir() { sync -- "$1" 2>/dev/null || sync; }
moved() { echo "it has moved on since it was read: $1"; return 96; }
label() { # of $1 as that of $2, else as the policy has it
  has selinuxenabled && selinuxenabled || return 0
  if [ -e "$2" ]; then chcon --reference="$2" -- "$1"; else restorecon -- "$1"; fi
}
own() { # FILE, MODE, OWNER, GROUP; `-` leaves a thing as it is
  if [ "$3$4" != -- ]; then
    who=$3:$4; case $who in -:*) who=:$4 ;; *:-) who=$3 ;; esac
    now=$(stat -c '%u:%g %U:%G' -- "$1")
    # A user who is not root may keep what is already so, but give nothing away. To give it away clears the setuid bit.
    case " $now " in *" $who "*) ;; *)
      [ "$2" != - ] || set -- "$1" "$(stat -c %a -- "$1")"
      chown -- "$who" "$1" || return
      ;;
    esac
  fi
  [ "$2" = - ] || chmod -- "$2" "$1"
}
still() { # FILE, DIGEST or `absent`: whether it is as it was read
  if [ "$2" = absent ]; then
    if [ -e "$1" ] || [ -L "$1" ]; then moved "something stands there now"; return; fi
  elif [ ! -f "$1" ]; then moved "it is gone"; return
  elif [ "$(digest <"$1")" != "$2" ]; then moved "its content is another"; return; fi
}
put() { # TEMPORARY, FILE, DIGEST before, MODE, OWNER, GROUP
  own "$1" "$4" "$5" "$6" && label "$1" "$2" && flush "$1" && still "$2" "$3" && mv -f -- "$1" "$2"
}
# The whole content beside FILE, in $tmp: it is not in force yet.
draft() { # FILE, DIGEST, CONTENT, SUFFIX of the name
  dir=${1%/*}; tmp=$dir/.dtrctl-$T$4
  # `set -C` alone would open a fifo or device that waits there.
  if [ -e "$tmp" ] || [ -L "$tmp" ]; then echo "something stands at $tmp"; return 1; fi
  out=$( (set -C; printf '%b' "$3" >"$tmp") 2>&1) || [ -f "$tmp" ] || { printf '%s\n' "$out"; return 1; }
  [ "$(digest <"$tmp")" != "$2" ] || return 0
  rm -f -- "$tmp"
  df -k "$dir" 2>/dev/null | tail -n 1
  echo 'the file could not be written whole; is the disk full?'
  return 94
}
do_write() { # PATH, DIGEST before, DIGEST after, MODE, OWNER, GROUP, CONTENT
  real "$1" || return
  still "$real" "$2" || return
  draft "$real" "$3" "$7" '' || return
  put "$tmp" "$real" "$2" "$4" "$5" "$6"; rc=$?
  [ "$rc" = 0 ] || { rm -f -- "$tmp"; return "$rc"; }
  flush_dir "$dir"
}
# A certificate with its key. Both are whole on the disk before either is in force, and an old certificate goes before a
# new key comes: whatever ends this in between, no certificate stands beside a foreign key.
do_pair() { # CERTIFICATE, DIGEST before, DIGEST after, MODE, OWNER, GROUP, CONTENT, the same of its KEY; `kept` for its DIGEST after
  real "$1" || return
  cert=$real; was=$2
  real "$8" || return
  key=$real; key_was=$9
  pair_still || return
  draft "$cert" "$3" "$7" '' || return
  new=$tmp; new_key=
  # shellcheck disable=SC2154
  if [ "${10}" != kept ]; then
    draft "$key" "${10}" "${14}" -key || { rc=$?; rm -f -- "$new"; return "$rc"; }
    new_key=$tmp
  fi
  pair "$@"; rc=$?
  [ "$rc" = 0 ] || rm -f -- "$new" ${new_key:+"$new_key"}
  return "$rc"
}
pair_still() {
  still "$cert" "$was" || return
  still "$key" "$key_was" || { rc=$?; echo "(this is about its key, $key)"; return "$rc"; }
}
pair() { # as do_pair, once $new and $new_key are whole
  own "$new" "$4" "$5" "$6" && label "$new" "$cert" && flush "$new" || return
  if [ -n "$new_key" ]; then
    own "$new_key" "${11}" "${12}" "${13}" && label "$new_key" "$key" && flush "$new_key" || return
  fi
  pair_still || return
  if [ -n "$new_key" ]; then
    if [ "$was" != absent ]; then rm -f -- "$cert" && flush_dir "${cert%/*}" || return; fi
    mv -f -- "$new_key" "$key" && flush_dir "${key%/*}" || return
  fi
  mv -f -- "$new" "$cert" && flush_dir "${cert%/*}"
}
do_remove() { # PATH, DIGEST before
  dir=${1%/*}
  real "$dir/." || return
  f=${real%/.}/${1##*/}
  still "$f" "$2" && rm -f -- "$f" && flush_dir "${f%/*}"
}
do_make_dir() { # PATH, MODE, OWNER, GROUP
  real "$1" || return
  [ ! -d "$real" ] || { own "$real" "$2" "$3" "$4"; return; }
  (umask 022; mkdir -p -- "${real%/*}") && (umask 022; mkdir -- "$real") && own "$real" "$2" "$3" "$4" &&
    label "$real" "$real" && flush_dir "${real%/*}"
}
do_remove_dir() { # PATH
  # A link itself is removed, not what it leads to.
  if [ -L "$1" ]; then
    real "${1%/*}/." && rm -f -- "${real%/.}/${1##*/}" && flush_dir "${real%/.}"
    return
  fi
  real "$1" || return
  rmdir -- "$real" && flush_dir "${real%/*}"
}
do_set_mode() { # PATH, MODE, OWNER, GROUP
  real "$1" || return
  own "$real" "$2" "$3" "$4"
}

# --- trust ----------------------------------------------------------------------------------------------------------

in_bundle() { # BASE64 of a certificate's DER, BUNDLE
  awk -v want="$1" '/-----BEGIN CERTIFICATE-----/ { on = 1; body = ""; next }
    /-----END CERTIFICATE-----/ { if (on && body == want) { found = 1; exit }; on = 0 }
    on { gsub(/[ \t\r]/, ""); body = body $0 }
    END { exit !found }' "$2"
}
do_refresh() { # BUNDLE, DROP DIRECTORY, certificates that must be in it, certificates that must not, COMMAND...
  real "$1" || return
  bundle=$real; drop=$2; present=$3; absent=$4; shift 4
  if [ -n "$R" ]; then
    # A sandbox has no tools of its own: its bundle is put together from its own drop directory.
    real "$drop/." || return
    drop=${real%/.}
    (umask 022; mkdir -p -- "${bundle%/*}") || return
    for f in "$ROOT"/usr/share/ca-certificates/*/*.crt "$drop"/*.crt; do
      if [ -f "$f" ] && [ ! -L "$f" ]; then cat -- "$f"; fi
    done >"$bundle.dtrctl-$T" && chmod 0644 "$bundle.dtrctl-$T" && mv -f -- "$bundle.dtrctl-$T" "$bundle" || return
  else
    out=$(umask 022; bounded 120 "$@" 2>&1) || { rc=$?; printf '%s\n' "$out"; return "$rc"; }
  fi
  for c in $present; do
    in_bundle "$c" "$bundle" || { echo "$1 left the certificate out of $bundle: $out"; return 1; }
  done
  for c in $absent; do
    if in_bundle "$c" "$bundle"; then echo "the certificate is still in $bundle: another file holds it too"; return 1; fi
  done
}

# --- the daemon -----------------------------------------------------------------------------------------------------

# The daemon's pid in $pid, found without waking a daemon that only its socket announces.
daemon() {
  pid=; [ -z "$R" ] || return 1
  for pid in $(cat /run/docker.pid /var/run/docker.pid 2>/dev/null) \
    $(systemctl show -p MainPID --value docker.service 2>/dev/null); do
    case $(cat "/proc/$pid/comm" 2>/dev/null) in dockerd | docker | dockerd-current) return 0 ;; esac
  done
  pid=
  return 1
}
started() { # PID: when it started, as one word that no other process of any boot has
  read -r boot </proc/sys/kernel/random/boot_id
  ticks=$(sed 's/.*) //' "/proc/$1/stat" | cut -d ' ' -f 20)
  echo "$boot:$ticks"
}
socket=/var/run/docker.sock
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
  if has dockerd || [ -e /etc/init.d/docker ] || systemctl cat docker.service >/dev/null 2>&1; then say installed 1; fi
  if has systemctl && [ -d /run/systemd/system ]; then
    for unit in docker.service docker.socket; do
      printf 'unit=%s %s\n' "$unit" "$(systemctl is-active "$unit" 2>/dev/null)"
    done
  fi
  daemon || return 0
  say installed 1
  say pid "$pid"
  start=$(started "$pid"); ticks=${start#*:}
  say start "$start"
  say started "$(($(sed -n 's/^btime //p' /proc/stat) + ticks / $(getconf CLK_TCK 2>/dev/null || echo 100)))"
  say cmdline "$(enc <"/proc/$pid/cmdline")"
  # An upgrade has replaced the program of a daemon that runs on: the new one is what a restart starts.
  exe=$(readlink "/proc/$pid/exe"); say program "$(word "${exe% (deleted)}")"
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
ask_validate() { # CONFIG, PROGRAM, FLAG...
  config=$1; program=$2; shift 2
  out=$(printf '%b' "$config" | bounded 20 "$program" "$@" --validate --config-file /dev/stdin 2>&1)
  say status $?
  say message "$(word "$out")"
}
ask_host_check() { # SCHEME, REGISTRY, HOST
  if [ -n "$R" ]; then return 0; fi
  case $3 in
  *:* | *[0-9].[0-9]*.[0-9]*) ;;
  *) if has getent; then if getent hosts "$3" >/dev/null; then say resolves yes; else say resolves no; fi; fi ;;
  esac
  has curl || return 0
  out=$(bounded 15 curl -sS --max-time 10 -w '\n%{http_code}\n' "$1://$2/v2/" 2>&1)
  say curl $?
  say answer "$(word "$out")"
}
ask_distribution() { # REGISTRY
  daemon || { say status 0; say message "$(word 'no docker daemon runs on this host')"; return 0; }
  if out=$(api "/distribution/$1/dtrctl-probe/json" 60); then
    say status "$(printf '%s\n' "$out" | tail -n 1)"
    say message "$(printf '%s\n' "$out" | sed '$d' | enc)"
  else
    out=$(bounded 60 docker pull "$1/dtrctl-probe:none" 2>&1)
    say status 1
    say message "$(word "$out")"
  fi
}
ask_shell() { # TEXT
  dir=$(mktemp -d) || return
  (umask "$mask"; exec sh -c "$1") </dev/null >"$dir/out" 2>"$dir/err"
  say status $?
  say stdout "$(enc <"$dir/out")"
  say stderr "$(enc <"$dir/err")"
  rm -rf -- "$dir"
}
runtime() { # the directory for what does not survive a reboot
  if [ -n "$R" ]; then echo "$R/run/dtrctl"; elif [ "$(id -u)" = 0 ]; then echo /run/dtrctl
  else echo "${XDG_RUNTIME_DIR:-/tmp/.dtrctl-$(id -u)}/dtrctl"; fi
}
ask_owed() {
  dir=$(runtime)/owed
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
record() { echo "$(runtime)/owed/$(printf '%s' "$1" | digest | cut -c1-16)"; } # of ID
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
  rmdir -- "$(runtime)/owed" "$(runtime)" 2>/dev/null || :
}
# From here on `logged` tells what the daemon logs.
mark() {
  since=$(date +%s); cursor=
  if has journalctl; then
    cursor=$(journalctl -u docker.service -n 0 --show-cursor -o cat --no-pager 2>/dev/null | sed -n 's/^-- cursor: //p')
  fi
}
# In its own words alone: what systemd says beside them fills the end of the log.
logged() {
  has journalctl || return 0
  if [ -n "$cursor" ]; then set -- --after-cursor "$cursor"; else set -- --since "@$since"; fi
  journalctl _SYSTEMD_UNIT=docker.service "$@" -o cat --no-pager 2>/dev/null
}
# What it complains of. With level=info it prints its whole configuration, which may hold a proxy's password.
log_end() { logged | grep -v -e 'level=info' -e 'level=debug' | tail -n "$1"; }
is_systemd() { [ -d /run/systemd/system ] && has systemctl; }
hup() { # a running unit is told through its own words, which may do more than a signal
  if is_systemd && systemctl is-active --quiet docker.service && systemctl reload docker.service; then return 0; fi
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
do_reload() { # visible|silent, settled IDs...
  how=$1; shift
  daemon || { echo 'no docker daemon runs on this host'; return 1; }
  mark; before=$(info); boot=$(started "$pid")
  hup || return
  # About ten seconds. A daemon that logs warnings only does not say that it has reloaded, one without a journal
  # not anywhere.
  tries=0; if ! has journalctl; then tries=40; fi
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
  if ! daemon || [ "$(started "$pid")" != "$boot" ]; then
    echo 'the daemon did not outlive the reload:'; log_end 8; return 1
  fi
  if [ "$how" = visible ] && [ "$(info)" = "$before" ]; then
    echo 'the daemon was told to reload, but shows the same settings as before:'; log_end 3; return 1
  fi
  settle "$@"
}
answers() { [ "$(api /_ping 5 | tail -n 1)" = 200 ] || { ! curl_is_new && bounded 10 docker version >/dev/null 2>&1; }; }
listed() { case " $2 " in *" $1 "*) ;; *) return 1 ;; esac; } # NAME, NAMES
# Of the containers $ran, all but $1 have to run: the names of those that do not.
missing() {
  now=$(containers)
  printf '%s\n' "$ran" | while read -r id _ name; do
    name=${name#/}
    if [ -z "$id" ] || listed "$name" "$1"; then continue; fi
    case $now in *"$id"*) ;; *) printf '%s ' "$name" ;; esac
  done
}
do_restart() { # kept|stopped, containers that may stop, containers that may stay down, settled IDs...
  how=$1; stops=$2; stays=$3; shift 3
  umask 022
  mark; ran=; boot=none
  if daemon; then
    boot=$(started "$pid")
    ran=$(containers) || [ -n "$ran" ] || { echo 'the running containers cannot be listed'; return 1; }
    case $how$(info) in
    kept*'"LiveRestoreEnabled":true'*) ;;
    *)
      for name in $(printf '%s\n' "$ran" | sed -n 's/^[0-9a-f]* [a-z-]* \/*//p'); do
        listed "$name" "$stops $stays" || { moved "the container $name runs now, and would stop"; return; }
      done
      ;;
    esac
  fi
  if is_systemd; then
    # The start limit counts restarts that went well, too; past it the socket fails as well.
    systemctl reset-failed docker.service docker.socket 2>/dev/null
    bounded 120 systemctl restart docker.service
  elif has rc-service; then bounded 120 rc-service docker restart
  elif [ -x /etc/init.d/docker ]; then bounded 120 /etc/init.d/docker restart
  else echo 'nothing on this host can restart docker: no systemd, OpenRC or /etc/init.d/docker'; return 1; fi
  tries=0
  until daemon && [ "$(started "$pid")" != "$boot" ] && answers; do
    tries=$((tries + 1))
    if [ "$tries" -ge 60 ] || { is_systemd && [ "$(systemctl is-active docker.service)" = failed ]; }; then
      echo 'the daemon does not answer after the restart:'; log_end 8; return 1
    fi
    sleep 1
  done
  settle "$@"
  tries=0
  while lost=$(missing "$stays"); [ -n "$lost" ]; do
    tries=$((tries + 1))
    if [ "$tries" -ge 30 ]; then
      echo "the daemon runs again, but these containers that ran before do not: $lost"; return 1
    fi
    sleep 1
  done
}

# --- a user's command ---------------------------------------------------------------------------------------------

do_run() { # STDIN, DIRECTORY, NAME=VALUE..., --, COMMAND...
  if [ -n "$R" ]; then echo 'a sandbox runs no commands'; return 93; fi
  input=$1; dir=$2; shift 2
  while [ "$1" != -- ]; do export "${1?}"; shift; done
  shift
  tmp=$(mktemp -d) || return
  # Its files are made with our umask, whatever it makes itself with the login's.
  ( { [ -z "$dir" ] || cd -- "$dir"; } && umask "$mask" && printf '%s' "$input" | "$@") >"$tmp/out" 2>"$tmp/err"
  say status $?
  say stdout "$(enc <"$tmp/out")"
  say stderr "$(enc <"$tmp/err")"
  rm -rf -- "$tmp"
}

# --- facts --------------------------------------------------------------------------------------------------------

ask_facts() {
  real "$R/etc/os-release" && [ -r "$real" ] && say os_release "$(enc <"$real")"
  say kernel_name "$(uname -s)"
  say kernel "$(uname -r)"
  say machine "$(uname -m)"
  say hostname "$(word "$(uname -n)")"
  say uid "$(id -u)"
  say user "$(word "$(id -un)")"
  say home "$(word "$HOME")"
  if [ -n "$R" ]; then say init none; say sandbox 1
  elif [ -d /run/systemd/system ]; then say init systemd
  elif [ -e /sbin/openrc-run ]; then say init openrc
  elif grep -q '^ID=boot2docker' /etc/os-release 2>/dev/null; then say init boot2docker
  elif [ -d /etc/init.d ]; then say init sysvinit
  else say init none; fi
  if has selinuxenabled && selinuxenabled; then say selinux 1; fi
  if daemon; then say cmdline "$(enc <"/proc/$pid/cmdline")"; fi
}
