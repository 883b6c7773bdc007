# What a host asks of others: ports and files that are waited for, requests, downloads. Sent where one of them is called.

ask_wait() { # time|open|closed|present|absent|drained, HOST, PORT, PATH, PATTERN, DELAY, SLEEP, TIMEOUT, CONNECT
  begin=$(date +%s); end=$((begin + $8))
  if [ "$6" -gt 0 ]; then sleep "$6"; fi
  if [ "$1" = time ]; then
    sleep "$8"; say met 1
  else
    while :; do
      holds "$1" "$2" "$3" "$4" "$5" "$9"; rc=$?
      case $rc in 0) say met 1; break ;; 2) say missing 1; break ;; esac
      [ "$(date +%s)" -lt "$end" ] || break
      sleep "$7"
    done
  fi
  say elapsed $(($(date +%s) - begin))
}
holds() { # KIND, HOST, PORT, PATH, PATTERN, CONNECT: 2 where the host has no means to tell
  case $1 in
  present) real "$4" && [ -e "$real" ] && { [ -z "$5" ] || grep -E -q -e "$5" -- "$real" 2>/dev/null; } ;;
  absent) ! { real "$4" && [ -e "$real" ]; } ;;
  drained) [ "$(connections "$2" "$3")" = 0 ] ;;
  open) if [ -z "$5" ]; then connects "$2" "$3" "$6"; else hears "$2" "$3" "$6" "$5"; fi ;;
  closed)
    connects "$2" "$3" "$6"; rc=$?
    case $rc in 0) return 1 ;; 2) return 2 ;; esac
    return 0
    ;;
  esac
}
connects() { # HOST, PORT, SECONDS
  # The text is bash's, which alone knows these paths.
  # shellcheck disable=SC2016
  if has bash; then bounded "$3" bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" >/dev/null 2>&1 || return 1
  elif has nc; then bounded "$(($3 + 1))" nc -w "$3" "$1" "$2" </dev/null >/dev/null 2>&1 || return 1
  elif has curl; then
    host=$1; case $host in *:*) host="[$host]" ;; esac
    seen=$(curl -q -s -o /dev/null --connect-timeout "$3" --max-time "$(($3 + 1))" -w '%{time_connect}' \
      "telnet://$host:$2" </dev/null 2>/dev/null)
    # Where there was no connection it is 0, with more or fewer zeros.
    case $seen in *[1-9]*) ;; *) return 1 ;; esac
  else return 2; fi
}
hears() { # HOST, PORT, SECONDS, PATTERN
  # shellcheck disable=SC2016
  if has bash; then bounded "$3" bash -c 'exec 3<>"/dev/tcp/$0/$1"; exec cat <&3' "$1" "$2" 2>/dev/null | grep -E -q -e "$4"
  elif has nc; then bounded "$3" sh -c 'sleep "$2" | nc -w "$2" "$0" "$1"' "$1" "$2" "$3" 2>/dev/null | grep -E -q -e "$4"
  else return 2; fi
}
connections() { # ADDRESS in hex or `any`, PORT
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v want="$1" -v port="$(printf '%04X' "$2")" '
    { split($2, local, ":") }
    local[2] == port && (want == "any" || substr(local[1], length(local[1]) - 7) == want) && $4 ~ /^0[1-6]$/ { n++ }
    END { print n + 0 }'
}
# The configuration comes on standard input: what it holds is no part of any command line.
fetch() { # CONFIGURATION, OPTION...
  config=$1; shift
  printf '%b' "$config" | curl -q -sS -K - "$@"
}
ask_request() { # CONFIGURATION, BODY or nothing, with|without
  if [ -n "$R" ]; then say error "$(word 'a sandbox makes no requests')"; return 0; fi
  has curl || { say error "$(word 'uri and get_url need `curl` on the host')"; return 0; }
  dir=$(mktemp -d) || return
  config=$1; body=$2
  if [ "$3" = with ]; then
    printf '%b' "$body" >"$dir/in"; set -- --data-binary "@$dir/in"
  else set --; fi
  out=$(fetch "$config" -D "$dir/head" -o "$dir/body" -w '%{http_code} %{num_redirects} %{time_total} %{url_effective}' "$@" 2>"$dir/err")
  rc=$?
  if [ "$rc" != 0 ]; then say error "$(enc <"$dir/err")"; fi
  say seen "$(word "$out")"
  if [ -f "$dir/head" ]; then say headers "$(enc <"$dir/head")"; fi
  if [ -f "$dir/body" ]; then
    [ "$(wc -c <"$dir/body")" -le 4194304 ] || say large 1
    say body "$(head -c 4194304 "$dir/body" | enc)"
  fi
  rm -rf -- "$dir"
}
do_request() { ask_request "$@"; }
sum_of() { # ALGORITHM, reads the file on standard input
  if [ "$1" = sha256 ]; then digest
  elif has "$1sum"; then "$1sum" | cut -d ' ' -f 1
  elif has openssl; then openssl dgst "-$1" -r | cut -d ' ' -f 1
  else return 1; fi
}
ask_sum() { # PATH, ALGORITHM
  real "$1" || return
  kind_of "$real"
  say kind "$kind"
  case $kind in file | dir) stat=$(stat -c "$attributes" -- "$real") || return 1; say stat "$stat" ;; esac
  [ "$kind" = file ] || return 0
  [ -r "$real" ] || { say error unreadable; return 0; }
  say digest "$(digest <"$real")"
  say sum "$(sum_of "$2" <"$real")"
}
do_download() { # PATH, DIGEST before, ALGORITHM, SUM or nothing, MODE, OWNER, GROUP, CONFIGURATION
  if [ -n "$R" ]; then echo 'a sandbox makes no requests'; return 93; fi
  has curl || { echo 'get_url needs `curl` on the host'; return 93; }
  real "$1" || return
  still "$real" "$2" || return
  dir=${real%/*}; tmp=$dir/.dtrctl-$T
  [ -d "$dir" ] || { echo "there is no directory $dir"; return 93; }
  out=$( (set -C; : >"$tmp") 2>&1) || { printf '%s\n' "$out"; return 1; }
  out=$(fetch "$8" -f -o "$tmp" 2>&1); rc=$?
  if [ "$rc" != 0 ]; then rm -f -- "$tmp"; printf '%s\n' "$out"; return 93; fi
  if [ -n "$4" ]; then
    got=$(sum_of "$3" <"$tmp")
    [ "$got" = "$4" ] || { rm -f -- "$tmp"; echo "what was downloaded has the $3 checksum $got, not $4"; return 93; }
  fi
  came=$(digest <"$tmp")
  if [ "$came" = "$2" ]; then
    rm -f -- "$tmp"; echo same
    own "$real" "$5" "$6" "$7"; return
  fi
  put "$tmp" "$came" "$real" "$2" "$5" "$6" "$7"; rc=$?
  [ "$rc" = 0 ] || { rm -f -- "$tmp"; return "$rc"; }
  flush_dir "$dir"
}
