/**
 * Shell functions by which root writes, removes and reads files. A path is never resolved where another account could
 * redirect it, whatever that account exchanges, links or renames meanwhile.
 * Where all folders down to it are root's alone, a path is used as it is. Elsewhere the folder is entered (enter.ts), and
 * what is written is made ready in a folder in it that only root may enter, with a random name, and comes to its place by
 * one rename(2), which follows nothing. What stands there is looked at by a hard link in that same place: it stays the
 * same file then, which must not have a third name.
 *
 * All of them run in a subshell, with the folder as its working directory: no `cd` is seen outside, and `fail` ends it.
 */
import { ENTER } from './enter.ts'

export const HANDS = `
# In the run's folder: log (STAGE/TASK PATH), was/ with what stood there, none/ where nothing did.
kept=\${P%/*/*/*}/kept
# Exit status of what finds nothing at a path.
NOTHING=44
${ENTER}# private: makes a folder that only root may enter in the one that is the working directory, and enters it.
private() {
  h_run=\${P%/*/*/*}
  h_run=\${h_run##*/}
  clear_left
  h_nest=$(mktemp -d "./.keelson.$h_run.XXXXXXXXXXXX") || fail "cannot write in $here"
  h_nest=\${h_nest#./}
  trap tidy EXIT
  cd -P "./$h_nest" 2>/dev/null || fail "the folder that was made in $here was taken away by another account: $path is left alone"
  is_private "$h_nest" && is_empty || fail "the folder that was made in $here was exchanged by another account: $path is left alone"
  nest=$h_nest
}
is_private() {
  look "$1" && case $h_uid-$h_mode in 0-700 | 0-2700) ;; *) false ;; esac
}
is_empty() {
  for h_entry in ./* ./.[!.]* ./..?*; do
    [ ! -e "$h_entry" ] && [ ! -L "$h_entry" ] || return 1
  done
}
# Another account may have given it another name meanwhile. What has been removed takes no more files.
tidy() {
  if [ -z "$nest" ]; then return; fi
  if [ -e ./keelson.new ] || [ -L ./keelson.new ]; then rm -rf -- ./keelson.new; fi
  rm -f -- ./keelson.old
  rmdir -- "../$nest" 2>/dev/null || :
  if (: > ./keelson.new) 2>/dev/null; then
    rm -f -- ./keelson.new
    find .. -mindepth 1 -maxdepth 1 -type d -samefile . -delete 2>/dev/null || :
  fi
}
# What runs that were killed have left: nothing but what they made in there is removed.
clear_left() {
  for h_entry in ./.keelson.*; do
    case $h_entry in "./.keelson.$h_run."*) continue ;; esac
    if [ -O "$h_entry" ] && [ -d "$h_entry" ] && [ ! -L "$h_entry" ]; then
      h_entry=\${h_entry#./}
      (cd -P "./$h_entry" && is_private "$h_entry" && rm -rf -- ./keelson.new ./keelson.old && rmdir -- "../$h_entry") 2>/dev/null || :
    fi
  done
}
# ready [hidden]: a place for what is to come: new, dest (its place), up (the folder), shown (new, as a path for others to open).
ready() {
  if [ "$alone-\${1:-}" = yes- ]; then
    new=$here/.keelson.$name dest=$here/$name up=\${here:-/} shown=$here/.keelson.$name
    if [ -e "$new" ] || [ -L "$new" ]; then rm -rf -- "$new"; fi
    trap 'rm -rf -- "$new"' EXIT
  else
    private
    new=./keelson.new dest=../$name up=..
    read -r h_pid h_rest < /proc/self/stat
    shown=/proc/$h_pid/cwd/keelson.new
  fi
  [ ! -d "$dest" ] || [ -L "$dest" ] || fail "$path is a directory; remove it, or declare another path"
}
# standing: what stands at the path now, in \`old\`; as one and the same file where others may exchange it.
standing() {
  if [ "$alone" = yes ]; then
    old=$here/$name
    [ -e "$old" ] || [ -L "$old" ]
    return
  fi
  [ -n "$nest" ] || private
  old=./keelson.old
  [ -e "$old" ] || [ -L "$old" ] || ln -P -- "../$name" "$old" 2>/dev/null && return 0
  if [ -e "../$name" ] || [ -L "../$name" ]; then fail "$path cannot be looked at; see who changes it"; fi
  return 1
}
# regular [OWNER…]: \`old\` is a file, and belongs to one of these if they are given. Sets identity, where it may change.
regular() {
  identity=
  [ ! -L "$old" ] || fail "$path is a link; declare the path it leads to"
  [ -f "$old" ] || fail "$path is not a file"
  [ "$alone" = no ] || return 0
  identity=$(find "$old" -maxdepth 0 -printf '%n %u %U:%G %m %D:%i') || fail "$path cannot be looked at"
  h_user=\${identity#* } h_user=\${h_user%% *}
  [ "\${identity%% *}" = 2 ] || fail "$path has other names, elsewhere (hard links): it is left alone. Remove it, or make it a copy of its own"
  [ $# -gt 0 ] || return 0
  for h_owner; do [ "$h_user" != "$h_owner" ] || return 0; done
  fail "$path belongs to $h_user by now: it is left alone"
}
# keep: what stands at the path when this run first touches it can be put back until the run ends. Not what is very long.
keep() {
  [ -d "$kept" ] || return 0
  h_task=\${P#"\${kept%kept}"}
  printf '%s %s\\n' "\${h_task%/*}" "$path" >> "$kept/log"
  [ ! -e "$kept/was$path" ] && [ ! -L "$kept/was$path" ] && [ ! -e "$kept/none$path/.none" ] && [ ! -e "$kept/long$path/.long" ] || return 0
  if ! standing; then note_kept none; return; fi
  h_parent=$kept/was\${path%/*}
  [ -d "$h_parent" ] || mkdir -p -- "$h_parent" || fail "what is at $path cannot be kept"
  # In blocks of 512 bytes. What goes beyond is ended by a signal.
  (ulimit -f 131072 && exec cp -a -- "$old" "$kept/was$path") || {
    [ $? -gt 128 ] || fail "what is at $path cannot be kept; it is left as it was"
    rm -f -- "$kept/was$path"
    note_kept long
  }
}
note_kept() {
  [ -d "$kept/$1$path" ] || mkdir -p -- "$kept/$1$path" || fail "what is at $path cannot be kept"
  : > "$kept/$1$path/.$1"
}
# place: what is ready gets its name.
place() {
  keep
  [ -L "$new" ] || sync -- "$new" || fail "$path cannot be written to the disk; it is left as it was"
  mv -fT -- "$new" "$dest" || fail "$path cannot be put in its place; it is left as it was"
  [ -n "$nest" ] || trap - EXIT
  sync -- "$up"
}
judged() {
  [ $# -eq 0 ] || (cd "$P" && "$@" "$shown") || fail "$path: the candidate was refused; the old file is still in place"
}
# in_time COMMAND…: what a program that judges a file reads besides may never end.
in_time() {
  timeout --kill-after=5 60 "$@" && return
  j_code=$?
  case $j_code in 124 | 137) echo "no end within 60 s; it was killed: $*" >&2 ;; esac
  return "$j_code"
}
replace_file() { at "$1" fail write_file "$@"; }
write_file() {
  w_owner=$2 w_group=$3 w_mode=$4 w_source=$5
  shift 5
  ready
  # Made 0600, it gets its owner and then its mode: it is never wider than 0600 or what it is to be.
  install -T -o "$w_owner" -g "$w_group" -m "$w_mode" -- "$w_source" "$new" || fail "cannot write $path; it is left as it was"
  judged "$@"
  place
}
replace_with_acl() { at "$1" fail write_with_acl "$@"; }
write_with_acl() {
  w_owner=$2 w_group=$3 w_mode=$4 w_source=$5
  shift 5
  # On the way it has the mode of the old one, which may be wider.
  ready hidden
  standing || fail "$path is not there any more"
  regular
  (umask 077; set -C; cat -- "$w_source" > "$new") || fail "cannot write $path; it is left as it was"
  chown -- "$w_owner:$w_group" "$new" && cp --attributes-only --preserve=mode -- "$old" "$new" && chmod -- "$w_mode" "$new" ||
    fail "$path: its owner, mode and ACL cannot be set; it is left as it was"
  judged "$@"
  place
}
replace_text() { at "$1" fail write_text "$@"; }
write_text() {
  w_was=$2 w_source=$3
  shift 3
  ready
  standing || fail "$path is not there any more"
  regular
  # What was in one file must not get the owner and mode of another.
  [ -z "$identity" ] || [ "$identity" = "$(cat -- "$w_was.identity")" ] || fail "$path was exchanged meanwhile: it is left alone"
  (umask 077; set -C; cat -- "$w_source" > "$new") || fail "cannot write $path; it is left as it was"
  # With an ACL the mode says what its mask is, not what the group may.
  cp --attributes-only --preserve=mode,ownership,xattr -- "$old" "$new" || fail "$path: what may be done with it cannot be copied; it is left as it was"
  judged "$@"
  # As it will be seen when it is replaced again.
  if [ -n "$identity" ]; then find "$new" -maxdepth 0 -printf '2 %u %U:%G %m %D:%i' > "$w_was.identity"; fi
  place
}
read_file() { at "$1" "$NOTHING" copy_out "$2" "\${3:-8388608}"; }
copy_out() {
  standing || exit "$NOTHING"
  regular
  head -c "$(($2 + 1))" -- "$old" > "$1" || fail "$path cannot be read"
  [ -z "$(find "$1" -size "+$2c")" ] || fail "$path is longer than $2 bytes"
  printf %s "$identity" > "$1.identity"
}
change_file() { at "$1" fail change_there "$@"; }
change_there() {
  c_how=$2
  shift 2
  standing || fail "$path is not there any more"
  regular "$@"
  keep
  "$c_how" "$old" || fail "$path: its owner and mode cannot be set"
}
remove_file() { at "$1" 0 take_away; }
take_away() {
  [ ! -d "./$name" ] || [ -L "./$name" ] || fail "$path is a directory; only a file would be removed"
  keep
  if [ "$alone" = yes ]; then rm -f -- "$here/$name"
  elif [ -n "$nest" ]; then rm -f -- "../$name"
  else rm -f -- "./$name"; fi
}
remove_link() { at "$1" 0 take_link; }
take_link() {
  [ -L "./$name" ] || [ ! -e "./$name" ] || fail "$path is not a link; only a link would be removed"
  take_away
}
make_link() { at "$1" fail link_there "$@"; }
link_there() {
  if [ ! -L "./$name" ] && [ -e "./$name" ]; then
    [ "$3" = force ] && [ ! -d "./$name" ] || fail "something other than a link stands at $path; remove it$([ "$3" = force ] || echo ', or say force: true for a file')"
  fi
  ready
  ln -s -- "$2" "$new" || fail "cannot write in $here"
  place
}
make_directory() { at "$1" make directory_there "$@"; }
directory_there() {
  d_how=$2
  shift 2
  [ ! -L "./$name" ] || fail "$path is a link; declare what it points to, or another path"
  if [ -d "./$name" ]; then
    d_at=$here/$name
    if [ "$alone" = no ]; then enter_last "$@"; d_at=.; fi
  else
    [ ! -e "./$name" ] || fail "$path is not a directory; remove it, or declare another path"
    if [ "$alone" = no ]; then directory_moved; return; fi
    d_at=$here/$name
    mkdir -m 0700 -- "$d_at" || fail "$path cannot be made"
  fi
  "$d_how" "$d_at" || fail "$path: its owner and mode cannot be set"
}
# enter_last OWNER…: the folder at the path itself, which belongs to one of these.
enter_last() {
  step_into "$name"
  for h_owner; do [ "$h_user" != "$h_owner" ] || return 0; done
  fail "$path belongs to $h_user by now: it is left alone"
}
# Copied, because it would take over an ACL of the folder in which it is made.
directory_moved() {
  ready
  mkdir -m 0700 -- "$P/directory" && cp -aT -- "$P/directory" "$new" && rmdir -- "$P/directory" || fail "$path cannot be made"
  case $(ls -ld -- "$new") in
    ??????????+*) fail "$path would take over the default ACL of $here, which gives others rights on it: setfacl -k $here" ;;
  esac
  "$d_how" "$new" || fail "$path: its owner and mode cannot be set"
  mv -fT -- "$new" "$dest" || fail "$path cannot be put in its place"
}
make_folder() { [ -d "$1" ] || at "$1/." make :; }
make_home() { at "$1" make home_there "$@"; }
home_there() {
  [ ! -e "./$name" ] && [ ! -L "./$name" ] || fail "something other than a folder stands at $path"
  ready
  if [ -d /etc/skel ]; then cp -aT -- /etc/skel "$new"; else mkdir -- "$new"; fi &&
    chmod -R go= -- "$new" && chown -Rh -- "$2:$3" "$new" && mv -fT -- "$new" "$dest" || fail "$path cannot be made"
}
remove_directory() { at "$1" 0 drop_directory; }
drop_directory() {
  [ -e "./$name" ] || [ -L "./$name" ] || return 0
  [ -d "./$name" ] && [ ! -L "./$name" ] || fail "$path is not a directory; only a directory would be removed"
  rmdir -- "./$name" || fail "$path is left as it is: empty it, or say recursive: true"
}
remove_tree() { at "$1" 0 drop_tree; }
drop_tree() {
  [ ! -L "./$name" ] || fail "$path is a link; remove what it points to"
  [ ! -e "./$name" ] || [ -d "./$name" ] || fail "$path is not a directory; only a directory would be removed"
  rm -rf --one-file-system -- "./$name" || fail "$path could not be removed with all that is in it; see who changes it"
}
remove_entries() { at "$1" 0 drop_entries "$@"; }
drop_entries() {
  d_owner=$2
  shift 2
  [ ! -L "./$name" ] || fail "$path is a link; declare what it points to, or another path"
  [ -d "./$name" ] || return 0
  if [ "$alone" = yes ]; then cd -P "./$name"; else enter_last "$d_owner"; fi || fail "$path cannot be entered"
  rm -rf --one-file-system -- "$@" || fail "what is in $path could not be removed; see who changes it"
}
put_back() {
  [ -f "$kept/log" ] || return 0
  sort -u -- "$kept/log" > "$P/kept"
  while read -r pb_task pb_path; do
    for pb_root; do
      case $pb_path in "$pb_root" | "$pb_root"/*) ;; *) continue ;; esac
      at "$pb_path" 0 back_there || { echo "$pb_path could not be put back" >&2; return 1; }
      printf '%s %s\\n' "$pb_task" "$pb_path"
      break
    done
  done < "$P/kept"
}
back_there() {
  [ ! -e "$kept/long$path/.long" ] || fail "it was too long to be kept"
  if [ ! -e "$kept/was$path" ] && [ ! -L "$kept/was$path" ]; then
    rm -f -- "./$name"
    return
  fi
  ready
  cp -aT -- "$kept/was$path" "$new" && mv -fT -- "$new" "$dest" && sync -- "$up" || exit 1
  [ "$alone" = no ] || trap - EXIT
}
`
