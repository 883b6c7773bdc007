# Services, whoever runs them; sent where one of them is asked about or changed. $manager is what runs services, $scope
# `--user` or `--global` for other services than the host's, $name the service, $pattern what the list of processes shows.

: "${script_places=/etc/init.d /etc/rc.d/init.d /usr/local/etc/init.d}" "${run_places=/run /var/run}" "${unit_places=/etc/systemd/system}"
# shellcheck disable=SC2086
sctl() { systemctl $scope "$@"; }
meant() { manager=$1 scope=$2 name=$3 pattern=$4; } # MANAGER, SCOPE, NAME, PATTERN
ask_service() { # MANAGER, SCOPE, NAME, PATTERN
  meant "$@"
  if [ -n "$R" ]; then return 0; fi
  case $manager in
  systemd)
    # About systemd itself: whether any unit has changed.
    if [ -z "$name" ]; then
      case $(sctl show -p NeedDaemonReload '*' 2>/dev/null) in
      *NeedDaemonReload=yes*) say stale 1 ;;
      *) if unread_drop_in "$(own_units)"/*.d; then say stale 1; fi ;;
      esac
      return 0
    fi
    out=$(sctl show -p LoadState -p LoadError -p ActiveState -p SubState -p UnitFileState -p NeedDaemonReload -p Type \
      -p RemainAfterExit "$name" 2>/dev/null)
    printf '%s\n' "$out" | while IFS= read -r line; do say property "$(word "$line")"; done
    word=$(sctl is-enabled "$name" 2>/dev/null); rc=$?
    say enabled "${word:-unknown} $rc"
    case $name in *.*) unit=$name ;; *) unit=$name.service ;; esac
    if unread_drop_in "$(own_units)/$unit.d"; then say stale 1; fi
    ;;
  *)
    script=$(service_script)
    [ -z "$script" ] || say script "$(word "$script")"
    if service_runs; then say running 1; fi
    word=$(service_starts); [ -z "$word" ] || say starts "$word"
    ;;
  esac
}
# Where whoever looks after the units puts what changes them.
own_units() {
  case $scope in
  --user) printf '%s' "${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user" ;;
  --global) printf '%s' /etc/systemd/user ;;
  *) printf '%s' "$unit_places" ;;
  esac
}
# Whether a drop-in is not among those that systemd has read. Of the first in a new directory systemd 252 itself does not say so.
unread_drop_in() { # DIRECTORY...
  for d in "$@"; do
    unit=${d##*/} unit=${unit%.d}
    # A template's and a type's are no unit's own.
    case $unit in *@*) continue ;; *.*) ;; *) continue ;; esac
    known=
    for f in "$d"/*.conf; do
      [ -f "$f" ] && [ -s "$f" ] || continue
      [ -n "$known" ] || known=" $(sctl show -p DropInPaths "$unit" 2>/dev/null | cut -d= -f2-) "
      case $known in *" $f "*) ;; *) return 0 ;; esac
    done
  done
  return 1
}
# What starts it; on upstart a job may be all there is.
service_script() {
  for d in $script_places; do
    if [ -f "$d/$name" ]; then printf '%s' "$d/$name"; return; fi
  done
  if [ -f "/etc/init/$name.conf" ]; then printf '%s' "/etc/init/$name.conf"; fi
}
service_runs() {
  if [ "$manager" = systemd ]; then
    case $(sctl is-active "$name" 2>/dev/null) in active | activating | reloading) return 0 ;; esac
    return 1
  fi
  if [ -n "$pattern" ]; then
    # Its own command line, which holds the pattern, is not shown: the pattern comes on standard input.
    { ps -ef 2>/dev/null || ps w; } | grep -F -e "$pattern" | grep -v -F -e ' grep ' | grep -q .
    return
  fi
  case $(service_script) in
  '') return 1 ;;
  /etc/init/*) case $(initctl status "$name" 2>/dev/null) in *start/running*) return 0 ;; *) return 1 ;; esac ;;
  esac
  if [ "$manager" = openrc ]; then rc-service "$name" status >/dev/null 2>&1; return; fi
  said=$(bounded 30 "$(service_script)" status </dev/null 2>&1); rc=$?
  case $rc.$said in
  0.*[Nn]'ot running'* | 0.*stopped* | 0.*inactive*) return 1 ;;
  0.*) return 0 ;;
  esac
  # One without a `status` may leave its pid.
  for d in $run_places; do
    pid=$(cat "$d/$name.pid" 2>/dev/null) && [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null && return 0
  done
  return 1
}
service_starts() { # yes, no, or nothing where that cannot be told
  case $manager in
  openrc) if rc-update show 2>/dev/null | grep -q "^ *$name |"; then echo yes; else echo no; fi ;;
  boot2docker | none) ;;
  *)
    if [ ! -f "/etc/init.d/$name" ]; then
      if grep -q '^ *manual' "/etc/init/$name.override" 2>/dev/null; then echo no
      elif grep -q '^ *start on' "/etc/init/$name.conf" 2>/dev/null; then echo yes; fi
      return
    fi
    for f in /etc/rc[2345].d/S??"$name" /etc/rc.d/rc[2345].d/S??"$name"; do
      if [ -e "$f" ] || [ -L "$f" ]; then echo yes; return; fi
    done
    echo no
    ;;
  esac
}
do_service() { # MANAGER, SCOPE, NAME, PATTERN, ACTION, seen|asked, COMMAND...
  meant "$@"
  if [ -n "$R" ]; then echo 'a sandbox runs no services'; return 93; fi
  action=$5 wait=$6; shift 6
  umask 022
  # A script that has no links yet gets those that it names itself.
  case $1.$action in update-rc.d.enable) update-rc.d "$name" defaults >/dev/null 2>&1 ;; esac
  said=$(bounded 120 "$@" </dev/null 2>&1); rc=$?
  if [ "$rc" != 0 ]; then service_says "it ended with status $rc"; return "$rc"; fi
  if [ "$wait" = asked ]; then return 0; fi
  tries=0
  case $action in
  start | restart) until service_runs; do waited || { service_says 'it does not run afterwards'; return 1; }; done ;;
  stop) while service_runs; do waited || { service_says 'it still runs afterwards'; return 1; }; done ;;
  esac
}
waited() { tries=$((tries + 1)); [ "$tries" -le 30 ] && sleep 1; }
service_says() { # WHAT IS WRONG
  printf '%s\n' "$1"
  printf '%s\n' "$said" | tail -n 4
  if [ "$manager" = systemd ] && has journalctl && [ "$scope" != --global ]; then
    # shellcheck disable=SC2086
    journalctl $scope -u "$name" -n 5 -o cat --no-pager 2>/dev/null
  fi
}
