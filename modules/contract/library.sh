# The host's half of dtrctl: functions that ask (they print key=value lines) and functions that act (their exit status
# decides). Read by dash, BusyBox's sh and bash alike. $R is the sandbox's root, empty on a real host; $B begins the
# lines that frame answers; $T names temporary files. What is said of the Docker daemon stands before it: $pid_files,
# $socket, $units, $user_units (`--user` for a user's own), $log_files, $owed_name. Each function runs in a subshell.

LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
# Every process costs the host about as much as a page of this text: what a builtin can do is left to it, here and below.
uid='' gid=''
while [ -z "$gid" ] && read -r key _ id _; do case $key in Uid:) uid=$id ;; Gid:) gid=$id ;; esac; done \
  2>/dev/null </proc/self/status
[ -n "$gid" ] || { uid=$(id -u); gid=$(id -g); }
# A login by sudo has no session of its own, and a user's services are reached through this directory.
if [ -z "$XDG_RUNTIME_DIR" ] && [ -d "/run/user/$uid" ]; then
  XDG_RUNTIME_DIR=/run/user/$uid; export XDG_RUNTIME_DIR
fi
: "${pid_files=/run/docker.pid /var/run/docker.pid}" "${socket=/var/run/docker.sock}" "${units=}" "${user_units=}" \
  "${log_files=}" "${owed_name=owed}"
# What is ours is private; what other programs write for us is as they would write it. Who only looks writes nothing.
[ -n "$looks" ] || { mask=$(umask); umask 077; }
ROOT=
if [ -n "$R" ]; then ROOT=$(cd -P -- "$R" && pwd -P) || exit 99; fi

has() { command -v "$1" >/dev/null 2>&1; }
say() { printf '%s=%s\n' "$1" "$2"; }

# Not every base64 knows -w; one that does not has read nothing yet when it says so.
if has base64; then enc() { printf 'b:'; base64 -w 0 2>/dev/null || base64 | tr -d '\n'; }
else enc() { printf 'x:'; od -An -v -tx1 | tr -d ' \n'; }; fi
if has sha256sum; then hasher=sha256sum
elif has shasum; then hasher='shasum -a 256'
elif has openssl; then hasher='openssl dgst -sha256 -r'
else echo 'neither sha256sum, shasum nor openssl is on this host: install one' >&2; exit 99; fi
digest() { hash=$($hasher); echo "${hash%% *}"; }
hash_of() { hash=$($hasher <"$1"); hash=${hash%% *}; } # FILE: in $hash
first() { echo "$1"; }
# What holds nothing that could be taken for anything else stands as it is.
word() { worded "$1"; printf '%s' "$word"; }
worded() { case $1 in *[!A-Za-z0-9/._:@,+-]*) word=$(printf '%s' "$1" | enc) ;; *) word=p:$1 ;; esac; } # in $word
say_word() { printf '%s=' "$1"; word "$2"; echo; } # NAME, VALUE
# Before whatever may hang, where nothing waits yet to end it: a script that looks at files alone does without.
may_hang() { [ -z "$W" ] || deadline; }
# BusyBox before 1.30 wants `timeout -t SECONDS`; as a program of its own it takes them without.
bounded() {
  may_hang
  if [ -n "$bound" ]; then :
  elif bound=$(command -v timeout) && [ -n "$bound" ] && [ -f "$bound" ] && [ ! -L "$bound" ] && ! has busybox; then bound=new
  elif timeout 1 true >/dev/null 2>&1; then bound=new
  elif timeout -t 1 true >/dev/null 2>&1; then bound=old
  else bound=none; fi
  case $bound in
  new) timeout "$@" ;;
  old) seconds=$1; shift; timeout -t "$seconds" "$@" ;;
  *) shift; "$@" ;;
  esac
}
bound=

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
# The same for asks that leave this shell as it is, and cost no process by themselves: the lines come as they are made, and
# the status after them. Where a later call goes by what they say, they are kept.
plainly() { # ID, then the call
  if [ -n "$recalls" ]; then answer "$@"; return; fi
  asked=$1; shift
  printf '\n%s %s 0\n' "$B" "$asked"
  "$@" 2>/dev/null; rc=$?
  [ "$rc" = 0 ] || printf '\n%s %s %s\n' "$B" "$asked" "$rc"
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
# Where a guard is there ($undo), what is changed is kept first, and $at_rest is to be done at the script's end: guard.sh.
undo='' at_rest=''
act() { # ID, then the call: the first that fails ends the script
  may_hang
  id=$1; shift
  rc=0
  if [ -n "$undo" ]; then
    remember "$@" >"$undo/said" 2>&1; rc=$?
    body=; if [ -s "$undo/said" ]; then body=$(cat "$undo/said"); fi
  fi
  if [ "$rc" = 0 ]; then
    body=$("$@" 2>&1); rc=$?
    [ -z "$undo" ] || recorded "$rc" "$@"
  fi
  printf '%s %s %s\n' "$B" "$id" "$rc"
  word "$body"
  echo
  # What has touched nothing owes nothing.
  case $rc in
  0) case $1 in do_owe) owing=$2 ;; do_make_dir) ;; *) owing= ;; esac; return ;;
  94 | 96 | 97 | 98) [ -z "$owing" ] || unowe "$owing" ;;
  esac
  finish
  exit 0
}
finish() {
  [ -z "$undo" ] || $at_rest
  printf '\n%s end\n' "$B"
}

# --- files ----------------------------------------------------------------------------------------------------------

# Whether a directory's path is another than the one that it says.
has_links() {
  part=$1
  case $part in *//* | */./* | */../* | */. | */.. | [!/]*) return 0 ;; esac
  while [ -n "$part" ]; do
    if [ -L "$part" ]; then return 0; fi
    part=${part%/*}
  done
  [ ! -x "$1/." ]
}
# Where a path leads once links are followed, in $real. 98 where that is outside the sandbox.
real() {
  real=$1; hops=0
  while [ -L "$real" ]; do
    hops=$((hops + 1)); [ "$hops" -le 40 ] || return 97
    target "$real" || return
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
  # Where no part is a link, it leads where it says.
  if has_links "$dir"; then
    dir=$(cd -P -- "${dir:-/}" && pwd -P && echo .) || return 97
    dir=${dir%??}; [ "$dir" != / ] || dir=
  fi
  real=$dir$rest/$base
  case $real in "$ROOT"/*) ;; *) return 98 ;; esac
}
attributes='%a,%u,%g,%U,%G,%s,%Y'
attributes_of() { # PATH: its attributes, in $stat
  if line_after "$1" "$stats"; then stat=$line; else stat=$(stat -L -c "$attributes" -- "$1"); fi
}
size_of() { size=${1%,*}; size=${size##*,}; } # ATTRIBUTES: in $size
content_of() { # PATH
  if sum_of_file "$1"; then printf '@%s' "$sum"; else enc <"$1"; fi
}
sum_of_file() { line_after "$1" "$sums" && sum=$line; } # PATH: in $sum, where the survey has it
# Line by line: to cut a text at a pattern takes a shell quadratic time.
line_after() { # LINE, TEXT: the line after it, in $line
  [ -n "$2" ] || return 1
  hit='' line=
  set -f; IFS=$nl
  for line in $2; do
    if [ -n "$hit" ]; then break; fi
    if [ "$line" = "$1" ]; then hit=1; fi
  done
  set +f; unset IFS
  [ -n "$hit" ]
}
nl='
'
kind_of() { # PATH: absent, file, dir or other, in $kind; links are followed
  if [ -f "$1" ]; then kind='file'; elif [ -d "$1" ]; then kind=dir
  elif [ -e "$1" ] || [ -L "$1" ]; then kind=other; else kind=absent; fi
}

# Where the link $1 leads, in $to: its own text, newlines at its end included.
target() {
  to=$(readlink -- "$1" && echo .) || return 97
  to=${to%??}
}
# The same; in a sandbox an absolute link leads below the sandbox's root.
leads() {
  target "$1" || return
  to=${to#"$ROOT"}
}
# The path of $1 itself, in $entry: links on the way are followed, one that stands there is not.
entry() {
  real "${1%/*}/." || return
  entry=${real%/.}/${1##*/}
}

# What the asks that follow would each start programs for, looked at with one of each: attributes, digests, and the contents of
# files, which are sent here and named in answers by their digests. Without arguments all is forgotten.
stats='' sums='' changed=''
survey() { # KIND PATH...: `file`, `dir` with what is in it, `stat`, `bundle`, which is not sent where its digest is `known`
  stats='' sums=''
  found='' wanted='' at_hand=
  while [ $# -gt 1 ]; do
    if [ "$1" = known ]; then at_hand="$at_hand $2 "; shift 2; continue; fi
    if { [ "$1" = dir ] && real "$2/."; } || { [ "$1" != dir ] && real "$2"; }; then
      real=${real%/.}
      case $1 in
      dir) see "$real"; for f in "$real"/* "$real"/.[!.]* "$real"/..?*; do if [ -f "$f" ]; then see "$f" content; fi; done ;;
      file) see "$real" content ;;
      bundle) see "$real" sum ;;
      *) see "$real" ;;
      esac
    fi
    shift 2
  done
  # What has been changed by now is to be recorded.
  if [ -n "$changed" ]; then
    set -f; IFS=$nl
    for f in $changed; do see "$f"; done
    set +f; unset IFS
  fi
  [ -n "$found" ] || return 0
  set -f; IFS=$nl
  # shellcheck disable=SC2086
  stats=$(stat -L -c "%n$nl$attributes" -- $found 2>/dev/null)
  set -- $wanted
  small='' list=''
  for f; do
    size=65537; if attributes_of "${f#*:}"; then size_of "$stat"; fi
    case $f in content:*) if [ "$size" -gt 65536 ]; then continue; fi ;; esac
    small="$small$nl$f"; list="$list$nl${f#*:}"
  done
  set -f; IFS=$nl
  # shellcheck disable=SC2086
  if [ -n "$list" ] && has sha256sum; then read_sums $list; fi
  # shellcheck disable=SC2086
  set -- $small
  list='' names='' sizes='' total=0
  for f; do
    sum_of_file "${f#*:}" || continue
    # What two files hold is sent once, and a bundle only to who does not have it.
    case $names in *" $sum"*) continue ;; esac
    case $f in sum:*) case $at_hand in *" $sum "*) continue ;; esac ;; esac
    attributes_of "${f#*:}"; size_of "$stat"
    list=$list$nl${f#*:} names="$names $sum" sizes="$sizes $size" total=$((total + size))
  done
  if [ -n "$list" ]; then
    printf '\n%s bulk%s\n' "$B" "$names"
    set -f; IFS=$nl
    # Builtins read byte by byte; so much of that takes less than to start a program.
    # shellcheck disable=SC2086
    if [ "$total" -gt 2048 ] || ! read_short "$total" $list; then cat -- $list 2>/dev/null; fi
    printf '\n%s bulk-end%s\n' "$B" "$sizes"
  fi
  set +f; unset IFS
}
# Prints files of plain text, all or none: other bytes are not the same to every shell.
read_short() { # how many bytes they have together, FILE...
  text='' total=$1
  shift
  for f; do
    while IFS= read -r line; do text=$text$line$nl; done 2>/dev/null <"$f" || return
    text=$text$line
  done
  [ "${#text}" = "$total" ] || return
  case $text in *[!\ -~$nl]*) return 1 ;; esac
  printf '%s' "$text"
}
see() { # PATH, `content`, `sum` or nothing. What a program would print otherwise than it is stays out.
  case $1 in *"$nl"* | *\\*) return ;; esac
  if [ ! -r "$1" ]; then return; fi
  case $found$nl in *"$nl$1$nl"*) ;; *) found=$found$nl$1 ;; esac
  case $wanted$nl in *"$nl$2:$1$nl"*) return ;; esac
  if [ -n "$2" ] && [ -f "$1" ] && [ -s "$1" ]; then wanted=$wanted$nl$2:$1; fi
}
read_sums() { # FILE...
  table=
  for line in $(sha256sum -- "$@" 2>/dev/null); do
    table=$table$1$nl${line%% *}$nl
    shift
  done
  # One that could not be read has no line, and the others would stand beside the wrong names.
  if [ $# = 0 ]; then sums=$table; fi
}
ask_file() { # PATH, LIMIT
  if [ -L "$1" ]; then leads "$1" || return; say_word link "$to"; fi
  real "$1" || return
  kind_of "$real"
  say kind "$kind"
  [ "$real" = "$1" ] || say_word target "${real#"$ROOT"}"
  case $kind in file | dir) ;; *) return 0 ;; esac
  attributes_of "$real" || return 1
  say stat "$stat"
  if [ "$kind" = file ] && [ "$2" -gt 0 ]; then
    [ -r "$real" ] || { say error unreadable; return 0; }
    size_of "$stat"
    [ "$size" -le "$2" ] || { say error large; return 0; }
    printf 'content='; content_of "$real"; echo
  fi
}
ask_dir() { # PATH
  real "$1/." || return
  real=${real%/.}
  kind_of "$real"
  say kind "$kind"
  [ -d "$real" ] || return 0
  # Without the right to read it, it would look empty.
  [ -r "$real" ] || { say error unreadable; return 0; }
  for f in "$real"/* "$real"/.[!.]* "$real"/..?*; do
    [ -e "$f" ] || [ -L "$f" ] || continue
    link='file'; [ ! -L "$f" ] || link='link'
    kind_of "$f"; stat=-; size=65537
    case $kind in file | dir)
      attributes_of "$f" || continue
      size_of "$stat"
      ;;
    esac
    printf 'entry='; word "${f##*/}"; printf ' %s %s %s ' "$link" "$kind" "$stat"
    if [ "$kind" = file ] && [ -r "$f" ] && [ "$size" -le 65536 ]; then content_of "$f"; else printf '%s' -; fi
    echo
  done
}
ask_glob() { # PATTERN
  # Nothing but the pattern is undone: there is no other splitting of a word.
  IFS=
  # shellcheck disable=SC2231
  for f in $1; do
    if [ -e "$f" ] || [ -L "$f" ]; then say_word match "$f"; fi
  done
}

ask_stat() { # PATH, `follow` or `stay`, the ALGORITHM of its checksum or `-`, `times` where they are wanted
  if [ "$2" = follow ]; then real "$1" || return; f=$real; else entry "$1" || return; f=$entry; fi
  if [ ! -e "$f" ] && [ ! -L "$f" ]; then say kind absent; return 0; fi
  if [ -L "$f" ]; then
    leads "$f" || return
    say_word link "$to"
    if real "$f"; then say_word source "${real#"$ROOT"}"; fi
  fi
  case $4 in times) format='%f %u %g %s %Y %X %Z %i %d %h %b %o' ;; *) format='%f %u %g %s 0 0 0 %i %d %h 0 0' ;; esac
  # No name of a user or group has a colon.
  stat=$(stat -c "$format:%U:%G" -- "$f") || return 1
  say numbers "${stat%%:*}"
  stat=${stat#*:}
  say_word owner "${stat%%:*}"
  say_word group "${stat#*:}"
  rights=-
  if [ -r "$f" ]; then rights=${rights}r; fi
  if [ -w "$f" ]; then rights=${rights}w; fi
  if [ -x "$f" ]; then rights=${rights}x; fi
  say rights "$rights"
  if [ "$3" = - ] || [ -L "$f" ] || [ ! -f "$f" ] || [ ! -r "$f" ]; then return 0; fi
  # shellcheck disable=SC2046
  if has "${3}sum"; then say checksum "$(first $("${3}sum" <"$f"))"
  elif has openssl; then say checksum "$(first $(openssl dgst "-$3" -r <"$f"))"; fi
}
ask_trust_store() { # KNOWN digests, DIRECTORY, BUNDLE...
  known=$1; beside=$2; shift 2; bundle=
  for f in "$@"; do
    if real "$f" && [ -r "$real" ] && [ -s "$real" ]; then
      bundle=$real
      say_word bundle "${f#"$R"}"
      attributes_of "$real"
      say mtime "${stat##*,}"
      # What the survey has seen was sent there.
      if sum_of_file "$real"; then say digest "$sum"
      else
        hash_of "$real"; sum=$hash
        say digest "$sum"
        case " $known " in *" $sum "*) ;; *) printf 'bulk='; enc <"$real"; echo ;; esac
      fi
      break
    fi
  done
  real "$beside/." || return 0
  # Of links only ours are of interest.
  for f in "${real%/.}"/dtrctl-*; do
    if [ -L "$f" ] && [ ! -e "$f" ]; then say_word dangling "${f#"$ROOT"}"; fi
  done
  for f in "${real%/.}"/*; do
    if [ -L "$f" ]; then continue; fi
    if [ ! -f "$f" ] || [ "$f" = "$bundle" ] || [ "$(wc -c <"$f")" -gt 262144 ]; then continue; fi
    printf 'stray='; word "${f#"$ROOT"}"; printf ' %s ' "$(stat -c %Y -- "$f")"; enc <"$f"; echo
  done
}
# `sync FILE`, where it is known. 2 where the disk itself refuses: to flush again would go well, as the bytes are given up.
flushed() {
  unsynced=$(sync -- "$1" 2>&1) && return
  case $unsynced in *'/output error'* | *'I/O error'* | *'No space'* | *quota*) printf '%s\n' "$unsynced"; return 2 ;; esac
  return 1
}
# Flushes a file, else by an empty write that ends in fsync.
flush() {
  flushed "$1"; synced=$?
  [ "$synced" = 1 ] || return "$synced"
  dd if=/dev/null of="$1" bs=1 count=0 conv=notrunc,fsync 2>/dev/null || sync
}
flush_dir() { flushed "$1"; synced=$?; [ "$synced" = 1 ] || return "$synced"; sync; }
moved() { echo "it has moved on since it was read: $1"; return 96; }
label() { # of $1 as that of $2, else as the policy has it
  has selinuxenabled && selinuxenabled || return 0
  if [ -e "$2" ]; then chcon --reference="$2" -- "$1"; else restorecon -- "$1"; fi
}
own() { # FILE, MODE, OWNER, GROUP; `-` leaves a thing as it is
  if [ "$3$4" != -- ]; then
    who=$3:$4; case $who in -:*) who=:$4 ;; *:-) who=$3 ;; esac
    # What is ours builtins can tell.
    now=
    if [ "$who" = "$uid:$gid" ] && [ -O "$1" ] && [ -G "$1" ]; then now=$who; fi
    [ -n "$now" ] || now=$(stat -c '%u:%g %U:%G' -- "$1")
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
  elif hash_of "$1"; [ "$hash" != "$2" ]; then moved "its content is another"; return; fi
}
# Whether the new file is whole, and what it replaces as it was read: one look at both.
ready() { # NEW, DIGEST, FILE, DIGEST before or `absent`
  sums_of_both=
  case $4.$1$3 in absent.* | *\\* | *"$nl"*) ;; *) if [ -f "$3" ] && has sha256sum; then sums_of_both=$(sha256sum -- "$1" "$3"); fi ;; esac
  if [ -n "$sums_of_both" ]; then
    second=${sums_of_both##*"$nl"}
    [ "${sums_of_both%% *}" = "$2" ] || { short "$1"; return; }
    [ "${second%% *}" = "$4" ] || { moved "its content is another"; return; }
  else
    hash_of "$1"
    [ "$hash" = "$2" ] || { short "$1"; return; }
    still "$3" "$4"
  fi
}
short() { # FILE
  rm -f -- "$1"
  df -k "${1%/*}" 2>/dev/null | tail -n 1
  echo 'the file could not be written whole; is the disk full?'
  return 94
}
# Has a program judge a file: `%s` in its words stands for it. It must not change it.
judge() { # FILE, COMMAND...
  judged=$1; mark=%s; shift
  for w; do
    shift
    case $w in *"$mark"*) w=${w%%"$mark"*}$judged${w#*"$mark"} ;; esac
    set -- "$@" "$w"
  done
  was=$(digest <"$judged")
  out=$( (umask "$mask"; exec "$@") </dev/null 2>&1); rc=$?
  [ "$rc" != 0 ] || [ "$(digest <"$judged")" = "$was" ] || { out='it has changed the file'; rc=1; }
  [ "$rc" = 0 ] || { echo "$1 does not accept it: rc:$rc $out"; return 91; }
}
put() { # TEMPORARY, its DIGEST, FILE, DIGEST before, MODE, OWNER, GROUP, COMMAND that judges it...
  new=$1; sum=$2; over=$3; expected=$4
  [ $# = 7 ] || still "$new" "$sum" >/dev/null || { short "$new"; return; }
  own "$1" "$5" "$6" "$7" && label "$1" "$3" || return
  shift 7
  [ $# = 0 ] || judge "$new" "$@" || return
  flush "$new" && ready "$new" "$sum" "$over" "$expected" && mv -f -- "$new" "$over"
}
# The whole content beside FILE, in $tmp: it is not in force yet.
draft() { # FILE, DIGEST, CONTENT, SUFFIX of the name
  lay_out "$1" "$3" "$4" || return
  hash_of "$tmp"
  [ "$hash" = "$2" ] || short "$tmp"
}
lay_out() { # FILE, CONTENT, SUFFIX: as draft, not looked at yet
  dir=${1%/*}; tmp=$dir/.dtrctl-$T$3
  # `set -C` alone would open a fifo or device that waits there.
  if [ -e "$tmp" ] || [ -L "$tmp" ]; then echo "something stands at $tmp"; return 1; fi
  out=$( (set -C; printf '%b' "$2" >"$tmp") 2>&1) || [ -f "$tmp" ] || { printf '%s\n' "$out"; return 1; }
}
do_write() { # PATH, DIGEST before, DIGEST after, MODE, OWNER, GROUP, CONTENT, COMMAND that judges it...
  if [ -n "$R" ] && [ $# -gt 7 ]; then echo 'a sandbox runs no commands'; return 93; fi
  real "$1" || return
  if [ "$2" = absent ]; then still "$real" "$2" || return; fi
  lay_out "$real" "$7" '' || return
  sum=$3 expected=$2 mode=$4 owner=$5 group=$6
  shift 7
  put "$tmp" "$sum" "$real" "$expected" "$mode" "$owner" "$group" "$@"; rc=$?
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
  # Its mode comes with it, where nobody is to own it who could lose a bit of that.
  if [ "$2$3$4" = "$2--" ] && [ "$2" != - ]; then
    # shellcheck disable=SC2174  # those above it are as ever
    (umask 022; mkdir -p -m "$2" -- "$real")
  else (umask 022; mkdir -p -- "$real") && own "$real" "$2" "$3" "$4"; fi &&
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
    !on { next }
    /-----END CERTIFICATE-----/ { if (body == want) { found = 1; exit }; on = 0; next }
    { gsub(/[ \t\r]/, ""); body = body $0; if (index(want, body) != 1) on = 0 }
    END { exit !found }' "$2"
}
# What Boot2Docker's boot does with the certificates of $drop, done now and for ours alone. Before 18.09 it appends them to
# the bundle, which lies in memory: those of $absent are taken out of it.
boot2docker_certificates() { # link|append
  real "$drop/." || return
  from=${real%/.}
  if [ "$1" = link ]; then
    to=/usr/local/share/ca-certificates/boot2docker
    for f in "$from"/dtrctl-*.pem; do
      [ ! -f "$f" ] || { mkdir -p -- "$to" && ln -sf -- "$f" "$to/${f##*/}.crt"; } || return
    done
    for f in "$to"/dtrctl-*; do if [ -L "$f" ] && [ ! -e "$f" ]; then rm -f -- "$f"; fi; done
    bounded 120 /usr/local/tce.installed/ca-certificates || echo "it ended with status $?"
    clear_links
    return
  fi
  awk -v gone=" $absent " '/-----BEGIN CERTIFICATE-----/ { on = 1; text = ""; body = "" }
    { if (!on) { print; next } text = text $0 "\n" }
    /-----END CERTIFICATE-----/ { if (on && !index(gone, " " body " ")) printf "%s", text; on = 0; next }
    !/-----BEGIN/ { gsub(/[ \t\r]/, ""); body = body $0 }
    END { if (on) printf "%s", text }' "$bundle" >"$bundle.dtrctl-$T" || return
  for f in "$from"/dtrctl-*.pem; do
    [ -f "$f" ] || continue
    in_bundle "$(sed '/-----/d' "$f" | tr -d '\r\n')" "$bundle.dtrctl-$T" || cat -- "$f" >>"$bundle.dtrctl-$T" || return
  done
  chmod 0644 "$bundle.dtrctl-$T" && mv -f -- "$bundle.dtrctl-$T" "$bundle" && clear_links
}
clear_links() { # beside $bundle, that lead to files of ours which are gone
  for f in "${bundle%/*}"/*; do
    if [ ! -L "$f" ] || [ -e "$f" ]; then continue; fi
    case $(readlink -- "$f") in */dtrctl-*) rm -f -- "$f" || return ;; esac
  done
}
do_refresh() { # BUNDLE, DROP DIRECTORY, certificates that must be in it, certificates that must not, COMMAND...
  real "$1" || return
  bundle=$real; drop=$2; present=$3; absent=$4; shift 4
  if [ -n "$R" ]; then
    # A sandbox has no tools of its own: its bundle is put together from its own drop directory.
    real "$drop/." || return
    drop=${real%/.}
    (umask 022; mkdir -p -- "${bundle%/*}") || return
    for f in "$ROOT"/usr/share/ca-certificates/*/*.crt "$drop"/*.crt "$drop"/*.pem; do
      if [ -f "$f" ] && [ ! -L "$f" ] && [ "$f" != "$bundle" ]; then cat -- "$f"; fi
    done >"$bundle.dtrctl-$T" && chmod 0644 "$bundle.dtrctl-$T" && mv -f -- "$bundle.dtrctl-$T" "$bundle" || return
  else
    case $1 in boot2docker_*) ;; *) set -- bounded 120 "$@" ;; esac
    out=$(umask 022; "$@" 2>&1) || { rc=$?; printf '%s\n' "$out"; return "$rc"; }
  fi
  for c in $present; do
    in_bundle "$c" "$bundle" || { echo "${3:-$1} left the certificate out of $bundle: $out"; return 1; }
  done
  for c in $absent; do
    if in_bundle "$c" "$bundle"; then echo "the certificate is still in $bundle: another file holds it too"; return 1; fi
  done
}

# --- what is asked of its programs ----------------------------------------------------------------------------------

ask_syntax() { # TEXT
  out=$(printf '%b' "$1" | sh -n 2>&1)
  say status $?
  say message "$(word "$out")"
}
do_check_syntax() { printf '%b' "$1" | sh -n 2>&1; } # TEXT
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
ask_resolve() { # HOST
  case $1 in *:*) say resolves yes; say address "$1"; return 0 ;; esac
  has getent || return 0
  found=$(bounded 15 getent ahosts "$1" || bounded 15 getent hosts "$1")
  if [ -z "$found" ]; then say resolves no; return 0; fi
  say resolves yes
  printf '%s\n' "$found" | sed 's/[[:space:]].*//' | sort -u | while read -r a; do say address "$a"; done
}
ask_shell() { # NAME=VALUE..., --, TEXT
  dir=$(mktemp -d) || return
  (while [ "$1" != -- ]; do export "${1?}"; shift; done; umask "$mask"; exec sh -c "$2") </dev/null >"$dir/out" 2>"$dir/err"
  say status $?
  say stdout "$(enc <"$dir/out")"
  say stderr "$(enc <"$dir/err")"
  rm -rf -- "$dir"
}
state() { at_state; echo "$state"; }
at_state() { # the directory for what does, in $state
  if [ -n "$R" ]; then state=$R/var/lib/dtrctl; elif [ -n "$DTRCTL_STATE" ]; then state=$DTRCTL_STATE
  elif [ "$uid" = 0 ]; then state=/var/lib/dtrctl; [ ! -d /var/lib/boot2docker ] || state=/var/lib/boot2docker/dtrctl-state
  else state=${XDG_STATE_HOME:-$HOME/.local/state}/dtrctl; fi
}
runtime() { at_runtime; echo "$runtime"; }
at_runtime() { # the directory for what does not survive a reboot, in $runtime
  if [ -n "$R" ]; then runtime=$R/run/dtrctl; elif [ -n "$DTRCTL_RUNTIME" ]; then runtime=$DTRCTL_RUNTIME
  elif [ "$uid" = 0 ]; then runtime=/run/dtrctl; else runtime=${XDG_RUNTIME_DIR:-/tmp/.dtrctl-$uid}/dtrctl; fi
}

# --- a user's command ---------------------------------------------------------------------------------------------

do_run() { # expand|plain, STDIN, DIRECTORY, NAME=VALUE..., --, COMMAND...
  if [ -n "$R" ]; then echo 'a sandbox runs no commands'; return 93; fi
  how=$1; input=$2; dir=$3; shift 3
  while [ "$1" != -- ]; do export "${1?}"; shift; done
  shift
  if [ -n "$dir" ]; then cd -- "$dir" || return; fi
  if [ "$how" = expand ]; then
    n=$#
    while [ "$n" -gt 0 ]; do
      new=$(expanded "$1" && echo .) || return
      shift; set -- "$@" "${new%??}"; n=$((n - 1))
    done
  fi
  tmp=$(mktemp -d) || return
  start=$(moment)
  # Its files are made with our umask, whatever it makes itself with the login's. By `exec` it is a program in any case,
  # no function of ours.
  (umask "$mask" && printf '%s' "$input" | (exec "$@")) >"$tmp/out" 2>"$tmp/err"
  say status $?
  say start "$start"
  say end "$(moment)"
  say stdout "$(enc <"$tmp/out")"
  say stderr "$(enc <"$tmp/err")"
  rm -rf -- "$tmp"
}
do_own() { # TEXT, NAME=VALUE..., --, SCRIPT: what it says counts only where it fails
  if [ -n "$R" ]; then echo 'a sandbox runs no commands'; return 93; fi
  tmp=$(mktemp -d) || return
  printf '%s' "$1" | (
    shift
    while [ "$1" != -- ]; do export "${1?}"; shift; done
    umask "$mask"; exec sh -c "$2"
  ) >"$tmp/out" 2>&1
  rc=$?
  if [ "$rc" != 0 ]; then echo "it ended with $rc"; tail -n 20 <"$tmp/out"; fi
  rm -rf -- "$tmp"
  [ "$rc" = 0 ]
}
moment() { date '+%Y-%m-%d %H:%M:%S.%N'; }
# As Python's expandvars and expanduser do it: what is not set stays as it is written.
expanded() { # WORD
  dtrctl_word=$1 awk 'BEGIN {
    rest = ENVIRON["dtrctl_word"]; out = ""
    while (match(rest, /\$([A-Za-z0-9_]+|\{[^}]*\})/)) {
      name = substr(rest, RSTART + 1, RLENGTH - 1); gsub(/^\{|\}$/, "", name)
      out = out substr(rest, 1, RSTART - 1) (name in ENVIRON ? ENVIRON[name] : substr(rest, RSTART, RLENGTH))
      rest = substr(rest, RSTART + RLENGTH)
    }
    out = out rest
    if (out ~ /^~/) {
      user = out; sub(/\/.*/, "", user); tail = substr(out, length(user) + 1); user = substr(user, 2); home = ""
      if (user == "" && "HOME" in ENVIRON) home = ENVIRON["HOME"]
      else while ((getline line <"/etc/passwd") > 0) { split(line, f, ":"); if (f[1] == user) home = f[6] }
      if (home != "") { sub(/\/+$/, "", home); out = home tail; if (out == "") out = "/" }
    }
    print out
  }'
}
do_script() { # NAME, CONTENT, then as do_run: the path of the script is the last word of the command
  kept=$(mktemp -d) || return
  (set -C; printf '%b' "$2" >"$kept/$1") && chmod 0700 "$kept/$1" || { rm -rf -- "$kept"; return 94; }
  script=$kept/$1; shift 2
  (do_run "$@" "$script"); rc=$?
  rm -rf -- "$kept"
  return "$rc"
}

# --- facts --------------------------------------------------------------------------------------------------------

ask_facts() {
  is_b2d=
  real=/etc/os-release
  if { [ -z "$R" ] || real "$R/etc/os-release"; } && [ -r "$real" ]; then
    while IFS= read -r line || [ -n "$line" ]; do
      say os "$line"
      case $line in ID=boot2docker* | ID=\"boot2docker*) is_b2d=1 ;; esac
    done <"$real"
  fi
  if ! { read -r name && read -r node <&3 && read -r release <&4 && read -r machine <&5; } </proc/sys/kernel/ostype \
    3</proc/sys/kernel/hostname 4</proc/sys/kernel/osrelease 5</proc/sys/kernel/arch; then
    # shellcheck disable=SC2046
    set -- $(uname -snrm)
    name=$1 node=$2 release=$3 machine=$4
  fi 2>/dev/null
  say kernel_name "$name"
  say kernel "$release"
  say machine "$machine"
  say_word hostname "$node"
  say uid "$uid"
  say gid "$gid"
  # Root is in the first line of the file, wherever else users come from.
  read -r passwd 2>/dev/null </etc/passwd
  case $uid.$passwd in 0.root:*:0:*) ;; *)
    may_hang
    passwd=$(getent passwd "$uid" 2>/dev/null || grep "^[^:]*:[^:]*:$uid:" /etc/passwd 2>/dev/null)
    ;;
  esac
  user=${passwd%%:*}
  [ -n "$user" ] || { may_hang; user=$(id -un 2>/dev/null); }
  say_word user "$user"
  say_word home "$HOME"
  if [ -n "$R" ]; then say init none; say sandbox 1
  elif [ -d /run/systemd/system ]; then say init systemd
  elif [ -n "$is_b2d" ]; then say init boot2docker
  elif [ -e /etc/init/docker.conf ] && has initctl && may_hang && initctl version 2>/dev/null | grep -q upstart; then say init upstart
  elif [ -d /run/openrc ]; then say init openrc
  elif [ -d /etc/rc.d/init.d ]; then say init sysvinit-redhat
  elif [ -d /etc/init.d ]; then say init sysvinit
  else say init none; fi
  if has selinuxenabled && selinuxenabled; then say selinux 1; fi
  real "$R/etc/debian_version" && [ -r "$real" ] && read -r line <"$real" && say_word debian_version "$line"
  if [ -z "$R" ]; then more_facts; daemons; fi
}
whole_name() { # NAME: says the same with its domain, as /etc/hosts has it; where that is long, another program reads it
  tries=0 whole=
  while read -r _ line; do
    tries=$((tries + 1))
    if [ "$tries" -gt 100 ]; then
      whole=$(awk -v h="$1" '{ sub(/#.*/, ""); for (i = 2; i <= NF; i++) if ($i == h || index($i, h ".") == 1) {
        for (j = 2; j <= NF; j++) if (index($j, h ".") == 1) { print $j; exit } } }' /etc/hosts)
      break
    fi
    line=${line%%#*}
    case " $line " in *[[:space:]]"$1"[[:space:].]*) ;; *) continue ;; esac
    set -f
    for line in $line; do case $line in "$1".*) whole=$line; break ;; esac; done
    set +f
    [ -z "$whole" ] || break
  done 2>/dev/null </etc/hosts
  say fqdn "$whole"
}
# What Ansible's users ask of a host beside that, as far as it seldom changes.
more_facts() {
  for f in /etc/centos-release /etc/redhat-release /etc/system-release; do
    if [ -r "$f" ]; then read -r line <"$f"; say_word release_file "$line"; break; fi
  done
  say_word login_shell "${passwd##*:}"
  gecos=${passwd#*:*:*:*:}
  say_word gecos "${gecos%%:*}"
  read -r id 2>/dev/null </etc/machine-id && say machine_id "$id"
  for p in apt-get:apt dnf:dnf yum:yum apk:apk zypper:zypper pacman:pacman; do
    if has "${p%:*}"; then say package_manager "${p#*:}"; break; fi
  done
  if [ -e /.dockerenv ]; then say virtualization docker
  elif has systemd-detect-virt; then say virtualization "$(systemd-detect-virt 2>/dev/null)"; fi
  if has getenforce; then say selinux_mode "$(getenforce)"; fi
  while read -r name number _; do
    case $name in MemTotal:) say memory_kb "$number" ;; SwapTotal:) say swap_kb "$number"; break ;; esac
  done 2>/dev/null </proc/meminfo
  if read -r cpus 2>/dev/null </sys/devices/system/cpu/online; then
    IFS=,; n=0
    for range in $cpus; do n=$((n + ${range#*-} - ${range%-*} + 1)); done
    unset IFS
  else n=$(grep -c '^processor' /proc/cpuinfo); fi
  say processors "$n"
  while read -r name number _; do
    if [ "$name" = nameserver ]; then say nameserver "$number"; fi
  done 2>/dev/null </etc/resolv.conf
  whole_name "$node"
  for name in HOME LANG PATH SHELL USER; do
    eval "line=\${$name+$name=\$$name}"
    # shellcheck disable=SC2154
    [ -z "$line" ] || say env "${line%%
*}"
  done
  has ip || return 0
  ip -4 route show default 2>/dev/null | while read -r route via gateway dev device _; do
    if [ "$route $via $dev" = 'default via dev' ]; then say default_route "$device $gateway"; break; fi
  done
  ip -o -4 addr 2>/dev/null | while read -r _ dev family at _; do if [ "$family" = inet ]; then say address "$dev $at"; fi; done
}
