# What few scripts do with files: whole trees, links, copies kept aside. Sent where one of these functions is called, after
# the library, whose functions they use.

ask_tree() { # PATH, how many entries at most
  real "$1/." || return
  at=${real%/.}
  kind_of "$at"
  say kind "$kind"
  [ -d "$at" ] || return 0
  cd -- "$at" || return
  list=$(find . 2>/dev/null) || { say error unreadable; return 0; }
  [ "$(printf '%s\n' "$list" | wc -l)" -le "$2" ] || { say error large; return 0; }
  stats=$(find . -exec stat -c '%f,%a,%u,%g,%U,%G,%s,%Y' -- {} + 2>/dev/null) ||
    stats=$(find . -exec stat -c '%f,%a,%u,%g,%U,%G,%s,%Y' -- {} \;) || return
  say names "$(find . -print0 | enc)"
  say stats "$(word "$stats")"
}

# Renames over what is no directory itself: `mv` would take a link to one for the directory.
swap() { # TEMPORARY, ENTRY
  if [ -d "$2" ]; then mv -fT -- "$1" "$2" 2>/dev/null || { rm -f -- "$2" && mv -f -- "$1" "$2"; }
  else mv -f -- "$1" "$2"; fi
}
still_link() { # ENTRY, where it leads
  if [ ! -L "$1" ]; then moved "it is no link any more"; return; fi
  leads "$1" || return
  if [ "$to" != "$2" ]; then moved "the link leads elsewhere"; return; fi
}
# Whether ENTRY is as it was read: `absent`, `dir` for an empty directory, `link` and where it leads, or a file's DIGEST.
still_entry() { # ENTRY, WHAT, where a link leads
  case $2 in
  link) still_link "$1" "$3" ;;
  dir) if [ -L "$1" ] || [ ! -d "$1" ]; then moved "it is no directory any more"; fi ;;
  *) if [ "$2" != absent ] && [ -L "$1" ]; then moved "it is a link now"; else still "$1" "$2"; fi ;;
  esac
}

# A file in the place of a link.
do_write_over_link() { # PATH, where it leads, DIGEST after, MODE, OWNER, GROUP, CONTENT, COMMAND that judges it...
  if [ -n "$R" ] && [ $# -gt 7 ]; then echo 'a sandbox runs no commands'; return 93; fi
  entry "$1" && still_link "$entry" "$2" || return
  draft "$entry" "$3" "$7" '' || return
  led=$2
  own "$tmp" "$4" "$5" "$6" && label "$tmp" "$entry"; rc=$?
  shift 7
  if [ "$rc" = 0 ] && [ $# -gt 0 ]; then judge "$tmp" "$@"; rc=$?; fi
  if [ "$rc" = 0 ]; then flush "$tmp" && still_link "$entry" "$led" && swap "$tmp" "$entry"; rc=$?; fi
  [ "$rc" = 0 ] || { rm -f -- "$tmp"; return "$rc"; }
  flush_dir "$dir"
}
do_back_up() { # PATH, its DIGEST, PATH of the copy
  real "$1" || return
  from=$real
  still "$from" "$2" || return
  real "$3" || return
  if [ -f "$real" ] && [ "$(digest <"$real")" = "$2" ]; then return 0; fi
  still "$real" absent || return
  tmp=${real%/*}/.dtrctl-$T-backup
  if [ -e "$tmp" ] || [ -L "$tmp" ]; then echo "something stands at $tmp"; return 1; fi
  cp -p -- "$from" "$tmp" && label "$tmp" "$from" && still "$tmp" "$2" && flush "$tmp" && mv -f -- "$tmp" "$real"; rc=$?
  [ "$rc" = 0 ] || { rm -f -- "$tmp"; return "$rc"; }
  flush_dir "${real%/*}"
}

# Everything below a directory, and itself, as long as it holds what was seen. What is mounted there is not ours to empty.
do_remove_tree() { # PATH, DIGEST of the sorted names
  entry "$1" || return
  if [ -L "$entry" ] || [ ! -d "$entry" ]; then moved "it is no directory any more"; return; fi
  if [ "$(cd -- "$entry" && find . | sort | digest)" != "$2" ]; then moved "it holds other files now"; return; fi
  while read -r _ on _; do
    case $on in "$entry" | "$entry"/*) echo "something is mounted at $on: unmount it first"; return 1 ;; esac
  done <<EOF
$(cat /proc/mounts 2>/dev/null)
EOF
  rm -rf -- "$entry" && flush_dir "${entry%/*}"
}
do_remove_link() { # PATH, where it leads
  entry "$1" && still_link "$entry" "$2" && rm -f -- "$entry" && flush_dir "${entry%/*}"
}
do_remove_other() { # PATH, `special` or a file's DIGEST
  entry "$1" || return
  if [ "$2" = special ]; then
    if [ -L "$entry" ] || [ -f "$entry" ] || [ -d "$entry" ]; then moved "something else stands there now"; return; fi
  elif [ -L "$entry" ]; then moved "it is a link now"; return
  else still "$entry" "$2" || return; fi
  rm -f -- "$entry" && flush_dir "${entry%/*}"
}
do_make_link() { # PATH, `soft` or `hard`, where it leads, what stands there, where that leads
  entry "$1" && still_entry "$entry" "$4" "$5" || return
  f=$entry; tmp=${f%/*}/.dtrctl-$T
  if [ -e "$tmp" ] || [ -L "$tmp" ]; then echo "something stands at $tmp"; return 1; fi
  if [ "$2" = hard ]; then real "$R$3" && ln -- "$real" "$tmp" || return
  else
    case $3 in /*) set -- "$1" "$2" "$ROOT$3" "$4" ;; esac
    ln -s -- "$3" "$tmp" || return
  fi
  { [ "$4" != dir ] || rmdir -- "$f"; } && swap "$tmp" "$f"; rc=$?
  [ "$rc" = 0 ] || { rm -f -- "$tmp"; return "$rc"; }
  flush_dir "${f%/*}"
}
do_touch() { # PATH, which times: `both`, `access` or `modification`
  real "$1" || return
  case $2 in both) touch -c -- "$real" ;; access) touch -c -a -- "$real" ;; *) touch -c -m -- "$real" ;; esac
}
