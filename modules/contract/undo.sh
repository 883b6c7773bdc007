# What a run has kept to be put back by. Sent where it is asked for.

ask_undo() { # RUN
  kept=$(state)/runs/$1
  [ -d "$kept" ] || return 0
  say record kept
  say root "$(word "$ROOT")"
  [ -f "$kept/entries" ] || return 0
  [ -r "$kept/entries" ] || return 1
  seen=
  while read -r n path kind stat before after _; do
    say entry "$n $path $kind $stat $before $after"
    # What stood there before the run is what its first change of the path has kept.
    case "$seen " in *" $path "*) continue ;; esac
    seen="$seen $path"
    case $kind in
    file) image_of "$n" "$kept/$n.image" ;;
    tree) parts_of "$n" "$kept/$n.image" ;;
    esac
  done <"$kept/entries"
}
image_of() { # NUMBER, FILE
  if [ ! -f "$2" ] || [ ! -r "$2" ]; then return 0; fi
  size=$(($(wc -c <"$2")))
  if [ "$size" -le 1048576 ]; then say image "$1 $(enc <"$2")"; else say long "$1 $size"; fi
}
parts_of() { # NUMBER, DIRECTORY: what is below it, directories before what is in them
  if [ ! -d "$2" ] || [ ! -r "$2" ]; then return 0; fi
  [ "$(find "$2" | wc -l)" -le 500 ] || { say long "$1 0"; return 0; }
  say tree "$1"
  find "$2" | while read -r f; do
    [ "$f" != "$2" ] || continue
    content=-
    if [ -L "$f" ]; then leads "$f" || continue; kind='link' content=$(word "$to")
    elif [ -d "$f" ]; then kind=dir
    elif [ -f "$f" ]; then
      kind='file'
      [ "$(($(wc -c <"$f")))" -gt 1048576 ] || content=$(enc <"$f")
    else kind=odd; fi
    stat=-
    [ "$kind" = link ] || [ "$kind" = odd ] || stat=$(stat -c %a,%u,%g -- "$f")
    say part "$1 $(word "${f#"$2"/}") $kind $stat $content"
  done
}
