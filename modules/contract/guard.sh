# The guard of a host: sent where a run changes something, and run beside it on the host. It is the host's lock, keeps
# what was there before each change, and puts it back where it is not told by its deadline that all is well. Read with
# library.sh and daemon.sh before it. Times are those since the boot: a clock that is set moves no deadline.

: "${guard_window:=30}"
moment_now() { clock; echo "$clock"; }
clock() { if read -r clock _ 2>/dev/null </proc/uptime; then clock=${clock%%.*}; else clock=$(date +%s); fi; }
nap() { sleep "$1" 2>/dev/null || sleep 1; }
at_lock() { at_runtime; lock=$runtime/guard; } # in $lock
held_by() { # PID:START:RUN of who holds it, in $other
  at_lock; other=
  [ ! -L "$lock" ] || other=$(readlink -- "$lock" 2>/dev/null)
}
line_of() { # FILE: its first line, in $line
  line=
  [ -r "$1" ] || return 1
  read -r line <"$1" || [ -n "$line" ]
}
lives() { # PID:START:...
  of=${1%%:*} since=${1#*:} since=${since%:*}
  case $of in '' | *[!0-9]*) return 1 ;; esac
  # One that is dead and not yet buried does nothing any more.
  { read -r stat <"/proc/$of/stat"; } 2>/dev/null || return 1
  case ${stat##*) } in Z*) return 1 ;; esac
  born "$of"
  [ "$born" = "$since" ]
}
is_guarded() { held_by; [ "${other##*:}" = "$1" ] && lives "$other"; } # RECORD

# --- what a script calls -------------------------------------------------------------------------------------------

guarding() { # ID, then the call: where it fails, nothing of the script is done
  id=$1; shift
  said=
  "$@"; rc=$?
  printf '%s %s %s\n' "$B" "$id" "$rc"
  word "$said"
  echo
  [ "$rc" = 0 ] || { finish; exit 0; }
}
# 0 where the host is this run's alone from here on; what an earlier run has left unconfirmed is said. 88 where that was
# waited for, so that what was asked before may not hold; 89 where this run was put back already; 90 where another run
# has the host.
guard_hold() { # RECORD, WHO, seconds to wait for another run, seconds of silence, TEXT of the guard for the first change of a play
  at_state
  dir=$state/runs/$1 guard_window=$4
  if [ ! -r /proc/self/stat ] || ! { has setsid || by_systemd; }; then
    said='neither systemd-run nor setsid is there to start a guard'; return 0
  fi
  whose=$2
  held_by
  if shares "$other" "$1"; then return 0; fi
  # Another user of this run may be the same by its number.
  if [ "${other##*:}" = "$1" ] && lives "$other" && [ ! -d "$dir/decided" ] && [ ! -f "$dir/outcome" ]; then
    undo=$dir
    begins || { has_no_room "$dir"; return 94; }
    return 0
  fi
  if [ -n "$5" ]; then
    { { [ -d "${state%/*}" ] || (umask 022; mkdir -p -- "${state%/*}"); } && mkdir -p -- "$dir"; } 2>/dev/null ||
      { said="$dir cannot be made"; return 94; }
    # An earlier play of this run is confirmed: what it has kept stays.
    [ ! -e "$dir/who" ] || (cd -- "$dir" && rm -rf -- decided outcome wanted held reserve room begun wrote daemon mark ran reloaded info owes up stopped refresh left *.path *.link)
    # Room for its last words, should the disk be full by then.
    { printf '%s\n' "$2" >"$dir/who" && printf '%b' "$5" >"$dir/guard.sh" &&
      printf '%65536s' '' >"$dir/reserve"; } 2>/dev/null || { has_no_room "$dir"; return 94; }
    # A daemon that this user may not ask is none of its business.
    if [ -w "$socket" ] && { has docker || curl_is_new; } && daemon; then started "$pid"; else echo none; fi >"$dir/boot"
  elif [ -f "$dir/outcome" ]; then
    hear "$dir"; return 89
  fi
  [ ! -e "$dir/held" ] || rm -f -- "$dir/held"
  undo=$dir
  begins || { has_no_room "$dir"; return 94; }
  # Where it can, it holds our end until it has said how it stands.
  heard=$(launch "$dir" "$3" tells)
  tries=0
  until [ -s "$dir/held" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt $((($3 + 20) * 20)) ] || { said='the guard does not start'; undo=; return 87; }
    nap 0.05
  done
  line_of "$dir/held"
  case $line in
  held) unconfirmed; return 0 ;;
  waited) unconfirmed; return 88 ;;
  busy*)
    held_by
    if shares "$other" "$1"; then undo=; rm -rf -- "$dir"; return 0; fi
    said=$(sed 's/^busy //' "$dir/held"); undo=
    [ -s "$dir/entries" ] || rm -rf -- "$dir"
    return 90
    ;;
  esac
  said=$line; undo=
  return 87
}
has_no_room() { # RECORD
  said="$1 cannot be written: is the disk full?"; undo=
  [ -s "$1/begun" ] || [ -s "$1/entries" ] || rm -rf -- "$1"
}
# Says what became of a record; from here on its run knows.
hear() { # RECORD
  said=$(cat "$1/outcome" 2>/dev/null || echo 'it does not say what became of the host')
  flag "$1/heard"
}
# Whether a holder is this run under another name of the same machine: it waits for no other host, so that they must not wait
# for each other.
shares() { # HOLDER, RECORD
  case ${1##*:} in
  "$2") return 1 ;;
  "${2%-*}"-*) if lives "$1"; then said=shared; return 0; fi ;;
  esac
  return 1
}
by_systemd() { [ -z "$R" ] && [ "$uid" = 0 ] && is_systemd && has systemd-run; }
launch() { # DIRECTORY, seconds to wait for the lock, `tells` where its output is read until it has the lock or not
  if by_systemd; then
    name=dtrctl-guard-${1##*/}
    systemctl reset-failed "$name" 2>/dev/null
    systemd-run --quiet --collect --unit="$name" --description='puts back what dtrctl has changed, unless it is confirmed' \
      --setenv=PATH="$PATH" sh "$1/guard.sh" "$1" "$2" </dev/null >/dev/null 2>&1 && return 0
  fi
  [ "$3" = tells ] || exec >/dev/null
  (trap '' HUP; exec setsid sh "$1/guard.sh" "$1" "$2" </dev/null 2>/dev/null &)
}
# A script that runs is waited for; after it the deadline counts.
begins() {
  at_rest=rests
  # Not $$: that shell may read other scripts, and lives on where this one is killed.
  read -r runs_as _ </proc/self/stat
  born "$runs_as"; pulse "$runs_as:$born:"
}
extend() { line_of "$undo/pulse"; case $line in *' '*) pulse "${line#* }" ;; *) pulse ;; esac; }
# Until when it is waited for the next word, and for whom beyond that: PID:START:. Whoever reads no whole line there goes by
# the last that it has read.
pulse() {
  clock
  set -- "$((clock + guard_window))${1:+ $1}"
  # What is written over itself finds room on a full disk, and says nothing of it.
  { printf '%512s' '' >"$undo/room" && true >"$undo/room"; } 2>/dev/null || rm -f -- "$undo/reserve"
  { echo "$1" >"$undo/pulse"; } 2>/dev/null
}
# A file that is there or not. `:` would end the shell where there is no room.
flag() { true 2>/dev/null >"$1"; } # FILE
rests() {
  [ -d "$undo" ] || return 0
  enter_all
  if [ -n "$log_lines" ]; then printf '%s' "$log_lines" | logger -t dtrctl 2>/dev/null; log_lines=; fi
  pulse
}
log_lines=
# What nobody has heard yet: records that were put back after their run was gone, and those that neither were confirmed
# nor put back, as their guard died too.
unconfirmed() {
  runs=${undo%/*}
  for d in "$runs"/*; do
    if [ "$d" = "$undo" ] || [ ! -f "$d/who" ] || [ -f "$d/heard" ]; then continue; fi
    case $(head -n 1 "$d/outcome" 2>/dev/null) in
    confirmed | cut) continue ;;
    rolled_back) flag "$d/heard"; news="back ${d##*/} of $(cat "$d/who"): $(sed -n 2p "$d/outcome")" ;;
    *)
      # One that waits for the host has begun nothing.
      [ -s "$d/begun" ] || continue
      echo cut >"$d/outcome"
      close_record "$d"
      news="cut ${d##*/} of $(cat "$d/who"): $(paths_of "$d")"
      ;;
    esac
    said="$said
$news"
  done
  prune "$runs" 10
}
path_of() { p=$(cat "$1.path"); p=${p%.}; } # ENTRY of a record: its path, in $p
paths_of() { # RECORD: the files that it says were changed
  [ -f "$1/begun" ] || return 0
  while read -r n _; do
    path_of "$1/$n"
    printf '%s ' "$p"
  done <"$1/begun"
}
close_record() { # RECORD: what was begun and not said to be done is recorded as that
  [ -f "$1/begun" ] || return 0
  while read -r n rest; do
    case $rest in *' quiet') continue ;; esac
    if grep -q "^$n " "$1/entries" 2>/dev/null; then continue; fi
    now='?'
    path_of "$1/$n"
    # What it had written whole stands there still.
    if [ -f "$p" ] && grep -q "^$n file:$(digest <"$p"):" "$1/wrote" 2>/dev/null; then now=$(standing "$p"); fi
    printf '%s %s %s\n' "$n" "$rest" "$now" >>"$1/entries"
  done <"$1/begun"
}
prune() { # DIRECTORY of records, how many stay: names begin with the time
  # shellcheck disable=SC2154
  [ $# -gt 2 ] || { most=$2; set -- "$1" "$2" "$1"/*; [ "$(($# - 2))" -gt "$most" ] || return 0; }
  for d in "$1"/*; do [ ! -d "$d" ] || echo "$d"; done | sort -r | tail -n "+$(($2 + 1))" |
    while read -r d; do
      if [ "$d" = "$undo" ] || { line_of "$d/pulse" && lives "${line#* }"; }; then continue; fi
      if [ -f "$d/outcome" ] || [ ! -s "$d/begun" ]; then rm -rf -- "$d"; fi
    done
}

# --- what was there before -------------------------------------------------------------------------------------------

kept=
remember() { # the call of a change: what it is about is kept
  kept=
  case $1 in
  do_write | do_write_over_link | do_remove | do_remove_dir | do_remove_tree | do_remove_other | do_remove_link | \
    do_make_link | do_set_mode | do_touch | do_download) keep "$2" "$1" ;;
  do_make_dir) keep_above "$2" && keep "$2" "$1" ;;
  do_pair) keep "$2" "$1" && keep "$9" "$1" ;;
  do_back_up) keep "$4" "$1" ;;
  do_owe) keep "$(record "$2")" quiet ;;
  do_refresh) shift; keep_refresh "$@" ;;
  do_reload) flag "$undo/reloaded" && keep_daemon && keep_info ;;
  do_service)
    case $4/$6 in docker*/stop*) flag "$undo/stopped" ;; docker*) rm -f -- "$undo/stopped" ;; esac
    keep_daemon
    ;;
  do_restart | do_run | do_script | do_own) keep_daemon ;;
  esac
}
keep_above() { # PATH of a directory: those above it are made too
  above=${1%/*}
  if [ -z "$above" ] || [ "$above" = "$R" ] || [ -e "$above" ]; then return 0; fi
  (keep_above "$above") && keep "$above" do_make_dir
}
keep() { # PATH, the function that changes it or `quiet`
  entry "$1" 2>/dev/null || return 0
  # What this script has changed already is recorded as it left it then.
  case $changed$nl in *"$nl$entry$nl"*) enter_all ;; esac
  keep_one "$entry" "$2" || return
  if [ -L "$entry" ] && real "$1" 2>/dev/null && [ "$real" != "$entry" ]; then keep_one "$real" "$2"; fi
}
keep_one() { # PATH, as keep
  line_of "$undo/number"; n=$((line + 1))
  echo "$n" >"$undo/number" && printf '%s.' "$1" >"$undo/$n.path" || { echo "no room in $undo"; return 94; }
  stat=- before=-
  if [ -L "$1" ]; then
    kind='link'; target "$1"; worded "$to"; before=$word; printf '%s.' "$to" >"$undo/$n.link"
  elif [ -f "$1" ]; then
    kind='file'; stat=$(stat_of "$1"); hash_of "$1"; before=$hash
    { cp -p -- "$1" "$undo/$n.image" && flush "$undo/$n.image"; } 2>/dev/null || {
      rm -f -- "$undo/$n.image"; echo "there is no room in $undo to keep what is there"; return 94
    }
  elif [ -d "$1" ]; then
    kind=dir; stat=$(stat_of "$1")
    if [ "$2" = do_remove_tree ]; then
      kind=tree
      # What is large is not kept: a full disk is worse than a directory that cannot be put back.
      if [ "$(du -sk -- "$1" | cut -f 1)" -gt 65536 ] || ! cp -a -- "$1" "$undo/$n.image" 2>/dev/null; then
        rm -rf -- "$undo/$n.image"; kind=unkept
      fi
    fi
  elif [ -e "$1" ]; then kind=unkept
  else kind=absent; fi
  worded "${1#"$ROOT"}"
  line="$word $kind $stat $before"
  if [ "$2" = quiet ]; then line="$line quiet"; else kept="$kept $n"; eval "path_$n=\$1 line_$n=\$line"; fi
  echo "$n $line" >>"$undo/begun"
}
stat_of() { stat -c %a,%u,%g -- "$1"; } # FILE
tell_log() { if [ -z "$R" ] && has logger; then logger -t dtrctl -- "run=${undo##*/} $1" 2>/dev/null; fi; } # TEXT
quoted() { # WORD...
  for w in "$@"; do
    case $w in *\'*) w=$(printf '%s.' "$w" | sed "s/'/'\\\\''/g"); w=${w%.} ;; esac
    printf "'%s' " "$w"
  done
}
keep_refresh() { # as do_refresh
  refresh="do_refresh $(quoted "$1" "$2" '' '')"; shift 4
  refresh="$refresh$(quoted "$@")"
  { [ -f "$undo/refresh" ] && grep -qxF -- "$refresh" "$undo/refresh"; } || printf '%s\n' "$refresh" >>"$undo/refresh"
}
# Before whatever may stop it for the first time: which daemon runs, and what runs in it.
keep_daemon() {
  for f in "$(runtime)/$owed_name"/*; do [ ! -f "$f" ] || keep "$f" quiet || return; done
  [ ! -e "$undo/daemon" ] || return 0
  if daemon; then
    containers >"$undo/ran" 2>/dev/null
    mark
    printf '%s\n' "$cursor" "$since" "$log_file" "$log_size" >"$undo/mark"
  fi
  flag "$undo/daemon"
}
# What the daemon says of its settings before they are read anew for the first time.
keep_info() { if [ ! -e "$undo/info" ] && daemon; then info >"$undo/info" 2>/dev/null || :; fi; }
# What stands at a path, as a record says it, in $now.
stands() { # PATH, the DIGEST of what is in its file where that is known, else `-`
  if [ -L "$1" ]; then target "$1"; worded "$to"; now=link:$word
  elif [ -f "$1" ]; then
    hash=$2; [ "$hash" != - ] || hash_of "$1"
    owned_as "$1"; now=file:$hash:$owned
  elif [ -d "$1" ]; then owned_as "$1"; now=dir:$owned
  elif [ -e "$1" ]; then now='?'
  else now=absent; fi
}
owned_as() { attributes_of "$1"; owned=${stat%,"${stat#*,*,*,}"}; } # PATH: MODE,UID,GID in $owned
standing() { stands "$1" -; echo "$now"; } # PATH
was_of() { # KIND, STAT, BEFORE: the same of what a record keeps, in $old
  case $1 in file) old=file:$3:$2 ;; link) old=link:$3 ;; dir | tree) old=dir:$2 ;; absent) old=absent ;; *) old='?' ;; esac
}
# What a change has left is looked at when the script rests, for all of its changes with one program.
recorded() { # STATUS of the change, its call
  wrote=-
  # What it has written it has read again. It is said at once: a guard has to know it for ours.
  case $1.$2 in 0.do_write)
    wrote=$5
    for n in $kept; do echo "$n file:$wrote:" >>"$undo/wrote"; done
    ;;
  esac
  made="$made$1 ${2#do_} $wrote $kept$nl"
  for n in $kept; do eval "changed=\$changed\$nl\$path_$n"; done
  kept='' stats='' sums=''
}
made=
enter_all() { # into the record and the log
  [ -n "$made" ] || return 0
  all=
  set -f; IFS=$nl
  for p in $changed; do
    # What the survey has seen behind the changes is not looked at again.
    case $p in *\\*) continue ;; esac
    if [ -L "$p" ] || [ ! -e "$p" ] || line_after "$p" "$stats"; then continue; fi
    all=$all$nl$p
  done
  if [ -n "$all" ]; then
    set -f; IFS=$nl
    # shellcheck disable=SC2086
    stats=$stats$nl$(stat -L -c "%n$nl$attributes" -- $all 2>/dev/null)
  fi
  set +f; unset IFS
  while read -r status name wrote rest; do
    [ -n "$name" ] || continue
    about=
    for n in $rest; do enter_one "$n"; done
    # One program tells them all, at the script's end.
    if [ -z "$R" ] && has logger; then
      log_lines="${log_lines}run=${undo##*/} who=$whose $name$about status=$status
"
    fi
  done <<END
$made
END
  made='' changed=''
}
enter_one() { # NUMBER; $wrote is the digest of what is in its file, where that is known
  eval "p=\$path_$1"
  stands "$p" "$wrote"
  eval "set -- \"\$1\" \$line_$1"
  was_of "$3" "$4" "$5"
  if [ "$now" = "$old" ]; then [ ! -e "$undo/$1.image" ] || rm -rf -- "$undo/$1.image"
  else
    echo "$* $now" >>"$undo/entries"
    about="$about ${p#"$ROOT"} $old -> $now"
  fi
}

# --- how it ends -----------------------------------------------------------------------------------------------------

# All went well: the daemon is watched for so many seconds from its start, then nothing is put back any more.
guard_confirm() { # RECORD, SECONDS
  at_state
  undo=$state/runs/$1
  [ -d "$undo" ] || { undo=; return 0; }
  if [ -f "$undo/outcome" ]; then
    hear "$undo"; undo=
    [ "$said" != confirmed ] || return 0
    return 89
  fi
  begins
  # Whoever makes this directory decides what becomes of the run: its guard may have done so a moment ago.
  if why=$(unwell "$2") && mkdir -- "$undo/decided" 2>/dev/null; then
    { echo confirmed >"$undo/outcome"; } 2>/dev/null || { rm -f -- "$undo/reserve"; echo confirmed >"$undo/outcome"; }
    dismiss
    return 0
  fi
  have_put_back "$why"
  return 89
}
guard_put_back() { # RECORD, WHY
  at_state
  undo=$state/runs/$1
  [ -d "$undo" ] || { said='its record is gone'; undo=; return 87; }
  [ ! -f "$undo/outcome" ] || { hear "$undo"; undo=; return 89; }
  begins
  have_put_back "$2"
  return 89
}
# The guard does it, whatever becomes of this script; one that was killed is started again.
have_put_back() { # WHY
  printf '%s\n' "$1" >"$undo/wanted"
  tries=0
  until [ -f "$undo/outcome" ] || [ "$tries" -ge 600 ]; do
    if [ "$((tries % 20))" = 0 ] && ! is_guarded "${undo##*/}"; then (launch "$undo" 10); fi
    # It may sleep, or be about to.
    if [ ! -d "$undo/decided" ] && is_guarded "${undo##*/}"; then kill -s USR1 "${other%%:*}" 2>/dev/null; fi
    tries=$((tries + 1))
    extend; nap 0.2
  done
  hear "$undo"
  tries=0
  while [ -d "$undo/decided" ] && [ "$tries" -lt 40 ]; do tries=$((tries + 1)); nap 0.05; done
  undo=
}
# Ends the guard, and removes what only it needs.
dismiss() {
  held_by
  if [ "${other##*:}" = "${undo##*/}" ]; then
    kill "${other%%:*}" 2>/dev/null
    tries=0
    while [ -L "$lock" ] && [ "$tries" -lt 40 ]; do tries=$((tries + 1)); nap 0.05; done
    whom=$other
    held_by
    if [ "$other" = "$whom" ] && ! lives "$other"; then rm -f -- "$lock"; fi
  fi
  tidy
  undo=
}
tidy() {
  (cd -- "$undo" && rm -rf -- guard.sh reserve room held pulse said wanted begun wrote daemon mark ran reloaded info owes up stopped refresh boot *.path *.link decided)
  # Where nothing was changed, nothing is left over.
  if [ ! -s "$undo/entries" ] && [ "$(head -n 1 "$undo/outcome")" = confirmed ]; then
    rm -rf -- "$undo"
    rmdir -- "${undo%/*}" "$(state)" 2>/dev/null || :
  fi
  at_runtime
  rmdir -- "$runtime/$owed_name" "$runtime" 2>/dev/null || :
}
# The daemon, where this run may have touched it: 0 where it is well, else why not.
unwell() { # SECONDS that it has to live
  line_of "$undo/boot"; boot=$line
  if [ "$boot" = none ] || [ ! -e "$undo/daemon" ]; then return 0; fi
  tries=0
  until daemon && answers; do
    if ! daemon && is_stopped; then return 0; fi
    tries=$((tries + 1))
    if [ "$tries" -ge 30 ] || unit_is failed; then
      echo "the docker daemon does not answer$(last_words)"; return 1
    fi
    begins; sleep 1
  done
  now=$(started "$pid")
  if [ "$now" = "$boot" ] && [ ! -e "$undo/reloaded" ]; then return 0; fi
  watched=0
  until [ "$(served "$pid")" -ge "$1" ] && { [ "$now" != "$boot" ] || [ "$watched" -ge 2 ]; }; do
    begins; sleep 1; watched=$((watched + 1))
    if ! is_boot "$now"; then
      echo "the docker daemon did not live for $1 seconds after its start$(last_words)"; return 1
    fi
  done
  answers || { echo "the docker daemon does not answer any more$(last_words)"; return 1; }
}
# Whether somebody has stopped it on purpose, such as a task of this run.
is_stopped() { [ -e "$undo/stopped" ] || unit_is inactive; }
# The last of what the daemon has complained of since it was touched, after a colon.
last_words() {
  [ -f "$undo/mark" ] || return 0
  { read -r cursor; read -r since; read -r log_file; read -r log_size; } <"$undo/mark"
  words=$(logged | grep -E 'level=(error|fatal)|^(Status: )?(unable|failed|unknown|invalid)|panic' | tail -n 1)
  if [ -n "$words" ]; then printf ': %s' "$words"; fi
}
age() { # PID: seconds since it was started
  since "$1"
  echo $(($(moment_now) - ${ticks:-0} / $(getconf CLK_TCK 2>/dev/null || echo 100)))
}
# Seconds for which it has been ready: less than its age where it was slow to start.
served() { # PID
  ready='' old=$(age "$1")
  if has_unit; then
    ready=$(ctl show -p ActiveEnterTimestampMonotonic --value "$(unit)" 2>/dev/null); ready=${ready%??????}
  elif [ -r "$undo/up" ]; then ready=$(cat "$undo/up"); fi
  case $ready in '' | 0 | *[!0-9]*) echo "$old"; return ;; esac
  ready=$(($(moment_now) - ready))
  if [ "$ready" -lt "$old" ]; then echo "$ready"; else echo "$old"; fi
}
# Puts everything back, the last change first: files, what is made from them, the daemon, and what ran in it.
revert() { # WHY
  umask 022
  rm -f -- "$undo/left" "$undo/reserve"
  if [ -s "$undo/begun" ]; then
    sed '1!G;h;$!d' "$undo/begun" | while read -r n _ kind stat before _; do
      sweep "$n"
      bring_back "$n" "$kind" "$stat" "$before" || { path_of "$undo/$n"; echo "$p" >>"$undo/left"; }
    done
  fi
  if [ -s "$undo/refresh" ]; then
    while read -r line; do (eval "$line" >/dev/null 2>&1) || echo "(the trust store: $line)" >>"$undo/left"; done <"$undo/refresh"
  fi
  state_of=$(daemon_back)
  {
    echo rolled_back
    printf '%s\n' "$1" | head -n 1
    echo "daemon $state_of"
    sed 's/^/left /' "$undo/left" 2>/dev/null
    sed 's/^/owed /' "$undo/owes" 2>/dev/null
  } >"$undo/outcome.$T"
  flush "$undo/outcome.$T"
  mv -f -- "$undo/outcome.$T" "$undo/outcome"
  rm -f -- "$undo/left"
  forget_begun
  tell_log "put back: $1"
}
# What a script that was killed has begun beside a file.
sweep() { # NUMBER
  path_of "$undo/$1"
  for f in "${p%/*}"/.dtrctl-*; do
    case $f in *"-$T"*) ;; *) if [ -f "$f" ] && [ ! -L "$f" ]; then rm -f -- "$f"; fi ;; esac
  done
}
forget_begun() { # what was put back: the record keeps what earlier plays of the run have changed
  if [ -s "$undo/begun" ] && [ -f "$undo/entries" ]; then
    awk 'NR == FNR { gone[$1] = 1; next } !($1 in gone)' "$undo/begun" "$undo/entries" >"$undo/entries.$T"
    mv -f -- "$undo/entries.$T" "$undo/entries"
  fi
  while read -r n _; do rm -rf -- "$undo/$n.image"; done 2>/dev/null <"$undo/begun"
}
bring_back() { # NUMBER, KIND, STAT, BEFORE
  path_of "$undo/$1"
  was_of "$2" "$3" "$4"
  [ "$(standing "$p")" != "$old" ] || return 0
  # What somebody else may have written since is kept.
  if [ -f "$p" ] && [ ! -L "$p" ] && ! grep -q "^$1 .*file:$(digest <"$p"):" "$undo/entries" "$undo/wrote" 2>/dev/null; then
    cp -p -- "$p" "$undo/$1.found" 2>/dev/null
  fi
  case $2 in
  absent)
    if [ -d "$p" ] && [ ! -L "$p" ]; then rmdir -- "$p" 2>/dev/null; else rm -f -- "$p"; fi
    ;;
  file)
    if [ -d "$p" ] && [ ! -L "$p" ]; then return 1; fi
    new=${p%/*}/.dtrctl-$T-back
    # On one file system a link costs no room.
    if ! { mkdir -p -- "${p%/*}" && { ln -- "$undo/$1.image" "$new" || cp -p -- "$undo/$1.image" "$new"; } 2>/dev/null &&
      set_stat "$new" "$3" && label "$new" "$p" && flush "$new" && mv -f -- "$new" "$p"; }; then
      rm -f -- "$new"; write_over "$undo/$1.image" && set_stat "$p" "$3" || return 1
    fi
    ;;
  link)
    if [ -d "$p" ] && [ ! -L "$p" ]; then return 1; fi
    to=$(cat "$undo/$1.link") && rm -f -- "$p" && ln -s -- "${to%.}" "$p"
    ;;
  dir) mkdir -p -- "$p" && set_stat "$p" "$3" ;;
  tree) if [ -d "$p" ]; then set_stat "$p" "$3"; else cp -a -- "$undo/$1.image" "$p"; fi ;;
  *) return 1 ;;
  esac
  rc=$?
  flush_dir "${p%/*}"
  return "$rc"
}
# Where there is no room for a second file: into the room of the one that stands at $p, if that is enough.
write_over() { # IMAGE
  if [ ! -f "$p" ] || [ -L "$p" ]; then return 1; fi
  size=$(wc -c <"$1")
  [ "$size" -le "$(($(stat -c '%b * %B' -- "$p")))" ] || return
  { dd if="$1" of="$p" bs=1048576 conv=notrunc && dd if=/dev/null of="$p" bs=1 seek="$((size))"; } 2>/dev/null && flush "$p"
}
set_stat() { # FILE, MODE,UID,GID
  ids=${2#*,}; who=${ids%,*}:${ids#*,}
  [ "$(stat -c %u:%g -- "$1")" = "$who" ] || chown -- "$who" "$1" || return
  chmod -- "${2%%,*}" "$1"
}
# The daemon with what was put back: `as it was`, `up`, or `down` and why. What ran in it before runs again.
daemon_back() {
  boot=$(cat "$undo/boot")
  if [ "$boot" = none ] || [ -n "$R" ]; then echo 'as it was'; return 0; fi
  if is_boot "$boot" && answers; then
    if [ -e "$undo/reloaded" ]; then read_anew; else echo 'as it was'; fi
    return 0
  fi
  mark
  start_again
  tries=0
  until daemon && answers && [ "$(age "$pid")" -ge 4 ]; do
    tries=$((tries + 1))
    if [ "$tries" -ge 50 ]; then echo "down$(last_words)"; return 1; fi
    if [ "$tries" = 20 ]; then start_again; fi
    sleep 1
  done
  back=$(started "$pid")
  ran=$(cat "$undo/ran" 2>/dev/null)
  tries=0
  while lost=$(missing ''); [ -n "$lost" ] && [ "$tries" -lt 20 ]; do
    tries=$((tries + 1))
    # Its policy starts the one, we the other.
    if [ "$tries" = 3 ] || [ "$tries" = 10 ]; then for name in $lost; do start_container "$name"; done; fi
    sleep 1
  done
  while is_boot "$back" && [ "$(served "$pid")" -lt 10 ]; do sleep 1; done
  if ! is_boot "$back"; then echo "down: it came back and died again$(last_words)"; return 1; fi
  if [ -n "$lost" ]; then echo "up, without these containers that ran before: ${lost% }"; else echo up; fi
}
# A reload takes back a value, and not a key that is gone from the file: then the daemon owes a restart.
read_anew() {
  reload_daemon
  echo 'told to read what was put back'
  [ -s "$undo/info" ] || return 0
  tries=0
  until [ "$(info 2>/dev/null)" = "$(cat "$undo/info")" ]; do
    tries=$((tries + 1))
    if [ "$tries" -ge 10 ]; then
      echo 'its file was put back, and it keeps what is gone from there until it is restarted' >"$undo/owes"
      do_owe guard restart "$(cat "$undo/owes")" >/dev/null 2>&1
      return 0
    fi
    nap 0.5
  done
}
start_again() {
  # A file of its unit may be among what was put back.
  if has_unit && [ "$(ctl show -p NeedDaemonReload --value "$(unit)")" = yes ]; then ctl daemon-reload; fi
  forgive_starts
  restart_daemon >/dev/null 2>&1
}
start_container() { # NAME
  if has docker; then bounded 30 docker -H "unix://$socket" start "$1" >/dev/null 2>&1
  else bounded 35 curl -sS --max-time 30 -X POST --unix-socket "$socket" "http://localhost/containers/$1/start" >/dev/null 2>&1; fi
}

# --- the guard itself ------------------------------------------------------------------------------------------------

watch_over() { # RECORD, seconds to wait for another run
  undo=$1 T=guard-$$
  trap 'kill $! 2>/dev/null; release; exit 0' TERM INT HUP
  # It is told so where there is something to do.
  trap : USR1
  born $$
  me=$$:$born:${undo##*/}
  clock; beat=$((clock + guard_window)) blind=0
  take "$2" || exit 0
  while [ -d "$undo" ] && [ ! -f "$undo/outcome" ]; do
    # Where there is no whole line it is about to be written. On a full disk it may stay so: then the last one counts.
    if { read -r line <"$undo/pulse"; } 2>/dev/null; then beat=$line blind=0
    elif [ "$blind" -lt 40 ]; then blind=$((blind + 1)); nap 0.05; continue; fi
    clock
    if [ -f "$undo/wanted" ]; then why=$(cat "$undo/wanted")
    elif [ "$clock" -lt "${beat%% *}" ] || lives "${beat#* }"; then why=
    else why="nobody has confirmed within $guard_window seconds that all is well"; fi
    # A guard before this one may have been killed while it put things back.
    if [ -n "$why" ] && { mkdir -- "$undo/decided" 2>/dev/null || [ -f "$undo/wanted" ]; }; then
      trap '' TERM INT HUP
      revert "$why"
      break
    fi
    left=$((${beat%% *} - clock))
    if [ "$left" -gt 5 ]; then left=5; elif [ "$left" -lt 1 ]; then left=1; fi
    sleep "$left" &
    wait $!
    kill $! 2>/dev/null
  done
  trap '' TERM INT HUP
  release
  if [ -d "$undo" ]; then tidy; fi
  exit 0
}
release() {
  held_by
  if [ "$other" = "$me" ]; then rm -f -- "$lock"; fi
}
# A link is the lock: it is made with its holder's name in it or not at all.
take() { # SECONDS
  clock
  end=$((clock + $1)) how=held stuck=0 failed=0
  at_lock
  until { [ -d "$runtime" ] || mkdir -p -- "$runtime"; } && ln -s "$me" "$lock" 2>/dev/null && held_by && [ "$other" = "$me" ]; do
    held_by
    if [ -z "$other" ]; then
      failed=$((failed + 1))
      [ "$failed" -lt 20 ] || { tell "the lock $lock cannot be made"; return 1; }
      nap 0.05
    elif lives "$other"; then
      if [ "$(moment_now)" -ge "$end" ]; then
        tell "busy ${other##*:} $(cat "${undo%/*}/${other##*:}/who" 2>/dev/null)"; return 1
      fi
      how=waited; extend; sleep 1
    else bury "$other"; fi
  done
  tell "$how"
}
# Whoever started it waits for this, or for the end of what it can hear.
tell() { printf '%s\n' "$1" >"$undo/held"; exec >/dev/null; }
# Only one at a time may take a dead holder's lock away, and only that holder's.
bury() { # HOLDER
  grave=$lock.$(printf '%s' "$1" | digest | cut -c1-16)
  if mkdir -- "$grave" 2>/dev/null; then
    held_by
    if [ "$other" = "$1" ]; then rm -f -- "$lock"; fi
    rmdir -- "$grave"
    return
  fi
  stuck=$((stuck + 1))
  # Its digger was killed.
  if [ "$stuck" -ge 5 ]; then rmdir -- "$grave" 2>/dev/null; stuck=0; fi
  sleep 1
}
