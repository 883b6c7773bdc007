# The host's half of replacing a registry's own certificate and key; sent only where it is called.

# shellcheck disable=SC2154
in_docker() { limit=$1; shift; bounded "$limit" docker ${socket:+-H "unix://$socket"} "$@"; }
# Hundredths of a second; only differences mean something.
uptime_now() { read -r up _ </proc/uptime; echo "${up%.*}${up#*.}"; }
pause() { sleep 0.2 2>/dev/null || sleep 1; }
unbase64() { if has base64; then base64 -d; else openssl base64 -d -A; fi 2>/dev/null; }
# The SHA-256 of each certificate of a PEM text, in one line.
chain_sums() {
  awk '/-----BEGIN CERTIFICATE-----/ { on = 1; body = ""; next }
    /-----END CERTIFICATE-----/ { if (on) print body; on = 0 }
    on { gsub(/[ \t\r]/, ""); body = body $0 }' | {
    sums=
    while read -r body; do sums="$sums $(printf '%s' "$body" | unbase64 | digest)"; done
    echo "${sums# }"
  }
}
curl_shows_certificates() { # that came with 7.88
  v=$(curl --version 2>/dev/null | sed -n '1s/^curl \([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
  # shellcheck disable=SC2086
  set -- $v
  [ $# = 2 ] && { [ "$1" -gt 7 ] || { [ "$1" = 7 ] && [ "$2" -ge 88 ]; }; }
}
# What is served at the addresses $1, asked for as $2: the digests of the chain, `nobody`, or `blind` without a tool to see
# it. Of several, the first that answers as $3 or $4 wins, else the first that answers.
look() {
  sni=$2; seen=nobody
  { has base64 || has openssl; } || { echo blind; return; }
  for a in $1; do
    if has openssl; then
      pem=$(bounded 10 openssl s_client -connect "$a" ${sni:+-servername "$sni"} -showcerts </dev/null 2>/dev/null)
    elif curl_shows_certificates; then
      pem=$(bounded 10 curl -skg -o /dev/null -w '%{certs}' ${sni:+--connect-to "$sni:${a##*:}:$a"} "https://${sni:-${a%:*}}:${a##*:}/v2/" 2>/dev/null)
    else echo blind; return; fi
    sums=$(printf '%s\n' "$pem" | chain_sums)
    [ -n "$sums" ] || continue
    if [ "$sums" = "$3" ] || [ "$sums" = "$4" ]; then seen=$sums; break; fi
    [ "$seen" != nobody ] || seen=$sums
  done
  echo "$seen"
}

# --- where the files lie --------------------------------------------------------------------------------------------

# `certificate PATH` and `key PATH` of http.tls in a registry's configuration, which is YAML: as blocks, or as one mapping
# in braces. `odd` where it is written in another way.
tls_of_config() {
  awk 'function bare(text) {
      sub(/^[ \t]+/, "", text); sub(/[ \t]+#.*$/, "", text); sub(/[ \t]+$/, "", text)
      if (text ~ /^".*"$/ || text ~ /^\047.*\047$/) text = substr(text, 2, length(text) - 2)
      else if (text ~ /^[&*!|>{[]/) { print "odd"; return "" }
      return text
    }
    function say(entry, at, name) {
      at = index(entry, ":"); name = bare(substr(entry, 1, at - 1))
      if (name == "certificate" || name == "key") { said[name] = 1; print name " " bare(substr(entry, at + 1)) }
    }
    { sub(/\r$/, "") }
    /^[ \t]*(#|$)/ || /^---/ { next }
    /^ *\t/ { print "odd"; next }
    { match($0, /^ */); indent = RLENGTH; text = substr($0, indent + 1)
      rest = text; sub(/^[^:]*:/, "", rest); sub(/^[ \t]+/, "", rest); sub(/(^|[ \t]+)#.*$/, "", rest); sub(/[ \t]+$/, "", rest) }
    indent == 0 { http = tls = 0; if (text ~ /^["\047]?http["\047]?:/) { if (rest == "") http = 1; else print "odd" } next }
    !http { next }
    !h || indent == h || (tls && (!t || indent == t)) { if (text ~ /^["\047]?<<["\047]? *:/) merged = 1 }
    tls && !t && text ~ /^-( |$)/ { print "odd"; next }
    !h { h = indent }
    indent <= h { tls = t = 0
      if (text ~ /^["\047]?tls["\047]?:/) {
        if (rest == "") tls = 1
        else if (rest ~ /^\{.*\}$/) { n = split(substr(rest, 2, length(rest) - 2), entry, ","); for (i = 1; i <= n; i++) say(entry[i]) }
        else print "odd"
      }
      next }
    tls && !t { t = indent }
    tls && indent == t { say(text) }
    # What is merged in (`<<: *defaults`) is not followed.
    END { if (merged && !(said["certificate"] && said["key"])) print "odd" }'
}
of() { printf '%s\n' "$2" | sed -n "s/^$1 //p" | tail -n 1; } # NAME, lines of `NAME VALUE`
both() { [ -n "$(of certificate "$found")" ] && [ -n "$(of key "$found")" ]; }
# A container's path as the host has it, by its mounts: lines of source, tab, destination.
on_host() { # PATH, MOUNTS
  tab=$(printf '\t')
  printf '%s\n' "$2" | while IFS=$tab read -r source destination; do
    case $1 in
    "$destination") echo "${#destination} $source" ;;
    "${destination%/}"/*) echo "${#destination} ${source%/}/${1#"${destination%/}/"}" ;;
    esac
  done | sort -n | tail -n 1 | cut -d ' ' -f 2-
}
# Sets $found to `certificate PATH` and `key PATH`, $running, $user; says what is in the way.
service_files() { # UNIT, CONFIG
  pid=; unit=$1; config=$2; start=
  if [ -n "$R" ]; then :
  elif is_systemd; then
    state=$(systemctl show -p LoadState -p ActiveState -p MainPID -p User -- "$unit" 2>/dev/null)
    case $state in *LoadState=loaded*) ;; *) say problem "no_service $(word "$unit")"; return 1 ;; esac
    running=no; case $state in *ActiveState=active*) running=yes ;; esac
    user=$(printf '%s\n' "$state" | sed -n 's/^User=//p')
    pid=$(printf '%s\n' "$state" | sed -n 's/^MainPID=//p')
    start=$(systemctl show -p ExecStart --value -- "$unit" | sed -n '1s/.*argv\[\]=[^;]* serve \([^ ;]*\).*/\1/p')
  elif [ -x "/etc/init.d/$unit" ] || has rc-service; then
    running=no; ! service "$unit" status >/dev/null 2>&1 || running=yes
  else say problem "no_service $(word "$unit")"; return 1; fi
  # What its environment says wins over its file.
  found=; if [ -n "$pid" ] && [ "$pid" != 0 ] && [ -r "/proc/$pid/environ" ]; then
    found=$(tr '\0' '\n' <"/proc/$pid/environ" | env_files)
  elif [ -z "$R" ] && is_systemd; then
    found=$(systemctl show -p Environment --value -- "$unit" | tr ' ' '\n' | env_files)
  fi
  [ -n "$config" ] || config=$R${start:-/etc/docker/registry/config.yml}
  if ! real "$config" || [ ! -r "$real" ]; then
    both || { say problem "no_config $(word "${config#"$R"}")"; return 1; }
  else found=$(tls_of_config <"$real"; printf '%s\n' "$found"); fi
  place=${config#"$R"}
}
env_files() { sed -n -e 's/^REGISTRY_HTTP_TLS_CERTIFICATE=/certificate /p' -e 's/^REGISTRY_HTTP_TLS_KEY=/key /p'; }
container_files() { # NAME, CONFIG
  [ -z "$R" ] || { say problem "no_docker $(word "")"; return 1; }
  has docker || { say problem "no_docker $(word "$1")"; return 1; }
  state=$(in_docker 20 inspect --type container -f '{{.State.Running}}' -- "$1" 2>&1) || {
    case $state in *[Nn]'o such'*) say problem "no_container $(word "$1")" ;; *) say problem "docker $(word "$state")" ;; esac
    return 1
  }
  running=no; [ "$state" != true ] || running=yes
  asked() { in_docker 20 inspect --type container -f "$2" -- "$1"; }
  user=$(asked "$1" '{{.Config.User}}'); user=${user%%:*}
  # A name of the container's own is no account of the host.
  case $user in *[!0-9]*) user= ;; esac
  mounts=$(asked "$1" '{{range .Mounts}}{{.Source}}{{"\t"}}{{.Destination}}{{println}}{{end}}')
  found=$(asked "$1" '{{range .Config.Env}}{{println .}}{{end}}' | env_files)
  place=REGISTRY_HTTP_TLS_CERTIFICATE
  if ! both; then
    inside=$(asked "$1" '{{range .Args}}{{println .}}{{end}}' | sed -n '/\.ya*ml$/p' | tail -n 1)
    inside=${inside:-/etc/docker/registry/config.yml}; place="$inside in the container"
    if [ -n "$2" ]; then place=$2; text=$(cat -- "$2")
    else text=$(in_docker 20 cp "$1:$inside" - 2>/dev/null | tar -xOf - 2>/dev/null); fi
    [ -n "$text" ] || { say problem "no_config $(word "$place")"; return 1; }
    found=$(printf '%s\n' "$text" | tls_of_config; printf '%s\n' "$found")
  fi
  for what in certificate key; do
    path=$(of "$what" "$found"); [ -n "$path" ] || continue
    host=$(on_host "$path" "$mounts")
    [ -n "$host" ] || { say problem "not_mounted $(word "$path")"; return 1; }
    found="$found
$what $host"
  done
}
tls_file() { # NAME, PATH
  real "$2" || return
  kind_of "$real"; stat=-; sum=-; content=-; holds=no; directory=no
  [ ! -d "${real%/*}/" ] || directory=yes
  case $kind in file | dir) stat=$(stat -c "$attributes" -- "$real") || return ;; esac
  if [ "$kind" = file ]; then
    [ -r "$real" ] || { say problem "unreadable $(word "${2#"$R"}")"; return 0; }
    sum=$(digest <"$real")
    if grep -q 'PRIVATE KEY' "$real"; then holds=yes
    elif [ "$1" = certificate ] && [ "$(wc -c <"$real")" -le 262144 ]; then content=$(enc <"$real"); fi
  fi
  printf '%s=%s %s %s %s %s %s %s\n' "$1" "$(word "${2#"$R"}")" "$kind" "$stat" "$sum" "$content" "$holds" "$directory"
}
saved_pair() { # ID, NAME: the pair that is kept under it, and the names of all
  pairs=$R/var/lib/dtrctl/registry-tls/$1
  for f in "$pairs"/[0-9]*Z-*; do [ ! -f "$f/certificate" ] || [ ! -f "$f/key" ] || say kept "${f##*/}"; done
  f=$pairs/$2
  [ -f "$f/certificate" ] && [ -f "$f/key" ] && ! grep -q 'PRIVATE KEY' "$f/certificate" || return 0
  printf 'saved=%s %s %s\n' "$(enc <"$f/certificate")" "$(digest <"$f/key")" "$(wc -c <"$f/key" | tr -d ' ')"
}
ask_registry_tls() { # KIND, NAME, ADDRESSES, SERVER NAME, CONFIG, CERTIFICATE, KEY, ID, name of a kept pair or nothing
  running=; user=; found=; place=
  [ -z "$9" ] || saved_pair "$8" "$9"
  if [ -n "$R" ]; then say served blind; else say served "$(look "$3" "$4" '' '')"; fi
  if [ -z "$6" ] || [ -z "$7" ]; then
    case $1 in
    service) service_files "$2" "$5" || return 0 ;;
    container) container_files "$2" "$5" || return 0 ;;
    *) say problem "no_paths $(word "")"; return 0 ;;
    esac
    if printf '%s\n' "$found" | grep -qx odd; then say problem "odd_config $(word "$place")"; return 0; fi
  elif [ -z "$R" ]; then
    # Where the files are given, only its state is of interest.
    case $1 in
    service) service_files "$2" /dev/null >/dev/null ;;
    container) container_files "$2" '' >/dev/null ;;
    esac
    case $1$running in service | container) say problem "no_$1 $(word "$2")"; return 0 ;; esac
  fi
  [ -z "$running" ] || say running "$running"
  [ -z "$user" ] || say user "$(word "$user")"
  for what in certificate key; do
    case $what in certificate) path=$6 ;; *) path=$7 ;; esac
    if [ -z "$path" ]; then
      path=$(of "$what" "$found")
      case $path in
      '') say problem "no_$what $(word "$place")"; return 0 ;;
      /*) path=$R$path ;;
      *) say problem "relative $(word "$path")"; return 0 ;;
      esac
    fi
    tls_file "$what" "$path" || return
  done
}

# --- replacing them -------------------------------------------------------------------------------------------------

registry_restart() { # KIND, NAME
  case $1 in
  service)
    if is_systemd; then
      # The start limit counts starts that went well, too.
      systemctl reset-failed -- "$2" 2>/dev/null
      bounded 120 systemctl restart -- "$2"
    elif has rc-service; then bounded 120 rc-service "$2" restart
    elif [ -x "/etc/init.d/$2" ]; then bounded 120 "/etc/init.d/$2" restart
    else echo "nothing on this host can restart $2: no systemd, OpenRC or /etc/init.d/$2"; return 1; fi
    ;;
  container) in_docker 120 restart -- "$2" ;;
  command) (umask "$mask"; bounded 300 sh -c "$2") </dev/null ;;
  esac
}
gave_up() { # KIND, NAME: whether it has ended for good
  case $1 in
  service) is_systemd && [ "$(systemctl is-active -- "$2")" = failed ] ;;
  container) [ "$(in_docker 20 inspect --type container -f '{{.State.Status}}' -- "$2" 2>/dev/null)" = exited ] ;;
  *) return 1 ;;
  esac
}
# The last words of the registry since $since. Nothing of a key is in them, and is left out if it were.
registry_log() { # KIND, NAME
  case $1 in
  service) ! has journalctl || journalctl -u "$2" --since "@$since" -o cat -n 20 --no-pager 2>/dev/null ;;
  container) in_docker 20 logs --since "$since" --tail 20 "$2" 2>&1 ;;
  esac | grep -v -e 'level=info' -e 'level=debug' -e '" HTTP/1' -e 'PRIVATE KEY' | tail -n 12 | cut -c 1-400
}
serves() { # CHAIN, the same without its root, SECONDS: waits until it is served; `any` for any chain
  end=$(($(uptime_now) + $3 * 100)); blind=0
  while :; do
    now=$(look "$at" "$sni" "$1" "$2")
    case $now in
    nobody) ;;
    # Without eyes: what has not ended after three seconds counts as up; the controller looks then.
    blind) blind=$((blind + 1)); [ "$blind" -lt 15 ] || return 0 ;;
    *) if [ "$1" = any ] || [ "$now" = "$1" ] || [ "$now" = "$2" ]; then return 0; fi ;;
    esac
    if gave_up "$kind" "$name" || [ "$(uptime_now)" -ge "$end" ]; then return 1; fi
    pause
  done
}
stage() { # TEMPORARY, TARGET, DIGEST, MODE, OWNER, GROUP, CONTENT or a kept file: born 0600, whole, flushed
  rm -f -- "$1" || return
  out=$( (set -C; if [ -n "$8" ]; then cat -- "$8"; else printf '%b' "$7"; fi >"$1") 2>&1) || [ -f "$1" ] || { printf '%s\n' "$out"; return 1; }
  if [ "$(digest <"$1")" != "$3" ]; then
    df -k "${1%/*}" 2>/dev/null | tail -n 1
    echo 'the file could not be written whole; is the disk full?'
    return 94
  fi
  own "$1" "$4" "$5" "$6" && label "$1" "$2" && flush "$1"
}
restore() { # COPY, FILE, TEMPORARY
  if [ -f "$1" ]; then
    rm -f -- "$3" && (set -C; cat -- "$1" >"$3") || return
    # shellcheck disable=SC2046
    own "$3" $(stat -c '%a %u %g' -- "$1") && label "$3" "$2" && flush "$3" && mv -f -- "$3" "$2"
  else rm -f -- "$2"; fi && flush_dir "${2%/*}"
}
digest_of() { if [ -f "$1" ]; then digest <"$1"; else echo absent; fi; }
# The copy to go back to, in $undo, of a run that was killed in between: as far as the files are still what it left, and
# what is served is not what the certificate's file holds.
resume() {
  undo=; [ -f "$pairs/unfinished" ] || return 1
  { read -r undo && read -r c && read -r k; } <"$pairs/unfinished"
  undo=$pairs/$undo; a=$(digest_of "$cert"); b=$(digest_of "$key")
  [ -d "$undo" ] && [ "$seen" != "$([ ! -f "$cert" ] || chain_sums <"$cert")" ] &&
    { [ "$a" = "$c" ] || [ "$a" = "$(digest_of "$undo/certificate")" ]; } &&
    { [ "$b" = "$k" ] || [ "$b" = "$(digest_of "$undo/key")" ]; } && return 0
  undo=; return 1
}
# A new one, and the mark that says that it is in use.
save() {
  undo=$pairs/$(date -u +%Y%m%dT%H%M%SZ)-$T
  mkdir -p -- "$pairs" && mkdir -- "$undo" || return
  { [ ! -f "$cert" ] || { cp -p -- "$cert" "$undo/certificate" && flush "$undo/certificate"; }; } &&
    { [ ! -f "$key" ] || { cp -p -- "$key" "$undo/key" && flush "$undo/key"; }; } && flush_dir "$undo" &&
    printf '%s\n' "${undo##*/}" "$new_cert" "$new_key" >"$pairs/.unfinished-$T" && flush "$pairs/.unfinished-$T" &&
    mv -f -- "$pairs/.unfinished-$T" "$pairs/unfinished" && flush_dir "$pairs"
}
forget() { rm -f -- "$pairs/unfinished" "$pairs/.unfinished-$T"; rmdir -- "$pairs" "${pairs%/*}" "${pairs%/*/*}" 2>/dev/null || :; }
keep_newest() { # N
  n=$1; set --
  # The pair that was put back here is the one in use.
  for f in "$pairs"/[0-9]*Z-*; do [ ! -d "$f" ] || [ "$f" = "$kept" ] || set -- "$@" "$f"; done
  while [ $# -gt "$n" ]; do rm -rf -- "$1"; shift; done
}
put_back() { # WHY
  log=$(registry_log "$kind" "$name")
  if [ -z "$undo" ]; then printf '%s\n' "$1" "$log"; return 1; fi
  if ! { restore "$undo/certificate" "$cert" "$tmp_cert" && restore "$undo/key" "$key" "$tmp_key"; }; then
    printf '%s\n' "$1; and the old pair could not be put back: it lies in ${undo#"$R"}" "$log"
    return 1
  fi
  registry_restart "$kind" "$name" >/dev/null 2>&1
  case $seen in nobody | blind) want=any ;; *) want=$seen ;; esac
  if [ "$seen" = nobody ]; then back='the old pair is back in its place; the registry did not answer before either'
  elif serves "$want" "$want" "$seconds"; then
    down=$(($(uptime_now) - begin))
    back="the old pair is back and is served again; the registry was down for $((down / 100)).$((down / 10 % 10)) s"
  else
    printf '%s\n' "$1; the old pair is back in its place, but the registry does not come up with it either" "$log"
    rm -rf -- "$undo"; forget
    return 1
  fi
  rm -rf -- "$undo"; forget
  printf '%s\n' "$1; $back" "$log"
  return 92
}
# KIND, NAME, ADDRESSES, SERVER NAME, CHAIN, CHAIN without its root, SECONDS, how many copies to KEEP, ID, then of the
# certificate's file and of the key's: PATH, DIGEST before, DIGEST after, MODE, OWNER, GROUP, CONTENT; at last the name of the
# kept pair to put back, in the place of the contents
do_registry_tls() {
  kind=$1; name=$2; at=$3; sni=$4; chain=$5; short=$6; seconds=$7; keep=$8; pairs=$R/var/lib/dtrctl/registry-tls/$9
  shift 9
  real "$1" || return; cert=$real; new_cert=$3
  real "$8" || return; key=$real; new_key=${10}
  kept=${15:+$pairs/${15}}
  tmp_cert=${cert%/*}/.dtrctl-tls-certificate; tmp_key=${key%/*}/.dtrctl-tls-key
  still "$cert" "$2" || return
  still "$key" "$9" || return
  seen=blind; [ -n "$R" ] || seen=$(look "$at" "$sni" "$chain" "$short")
  if [ "$2" = "$3" ] && [ "$9" = "${10}" ]; then resume || undo=
  else
    own_copy=
    stage "$tmp_cert" "$cert" "$3" "$4" "$5" "$6" "$7" "${kept:+$kept/certificate}" &&
      stage "$tmp_key" "$key" "${10}" "${11}" "${12}" "${13}" "${14}" "${kept:+$kept/key}" &&
      { resume || { own_copy=1; save; }; } && still "$cert" "$2" && still "$key" "$9"
    rc=$?
    if [ "$rc" != 0 ]; then
      rm -f -- "$tmp_cert" "$tmp_key"
      [ -z "$own_copy" ] || { rm -rf -- "$undo"; forget; }
      return "$rc"
    fi
    # Between these two lies the one moment at which the pair is mixed; `unfinished` tells of it.
    if ! { mv -f -- "$tmp_cert" "$cert" && mv -f -- "$tmp_key" "$key" && flush_dir "${cert%/*}" && flush_dir "${key%/*}"; }; then
      rm -f -- "$tmp_cert" "$tmp_key"
      restore "$undo/certificate" "$cert" "$tmp_cert" && restore "$undo/key" "$key" "$tmp_key" && rm -rf -- "$undo" && forget
      echo 'the files could not be put in place'
      return 1
    fi
  fi
  # A sandbox has no registry to restart.
  if [ -z "$R" ]; then
    begin=$(uptime_now); since=$(date +%s)
    if ! out=$(registry_restart "$kind" "$name" 2>&1); then
      put_back "the registry could not be made to read its files: $(printf '%s' "$out" | tail -n 3)"; return
    fi
    if ! serves "$chain" "$short" "$seconds"; then
      put_back "the registry does not serve the new certificate after $((($(uptime_now) - begin) / 100)) s"; return
    fi
    [ "$now" = blind ] || say down "$(($(uptime_now) - begin))"
    case $seen in nobody | blind) say was "$seen" ;; esac
  fi
  rm -f -- "$pairs/unfinished"
  keep_newest "$keep"
  [ ! -d "$undo" ] || say saved "${undo#"$R"}"
  forget
}
