/**
 * Shell functions by which root comes into a folder without being led elsewhere.
 *
 * Where all folders down to a path are root's alone (owner root, no right to write for group or others), nobody else can
 * change a name on the way, and the path is used as it is: one find(1) sees to that. Otherwise the folder is entered name
 * by name, and after each step it is looked at where that has led: a working directory stays the same folder, whatever
 * happens to its names. From the first folder that is not root's alone no link is followed, and a folder of one account
 * below that of another is refused: it can be exchanged by the other.
 */
export const ENTER = `# Whether the folder that was just entered by NAME is the one of that name in the folder that was left.
look() {
  h_seen=$(find . .. "../$1" -maxdepth 0 -printf '%D:%i %y %U %m %u\\n' 2>/dev/null) || return 1
  { read -r h_id h_kind h_uid h_mode h_user; read -r h_up h_rest; read -r h_named h_kind h_rest; } <<END
$h_seen
END
  [ "$h_kind" = d ] && [ "$h_id" = "$h_named" ] && { [ "$alone" = yes ] || [ "$h_up" = "$within" ]; }
}
step_into() {
  cd -P "./$1" 2>/dev/null || fail "$here/$1 is not a folder that can be entered"
  look "$1" || fail "$here/$1 was exchanged while it was entered, by whoever may write in $here: $path is left alone"
  here=$here/$1
}
weigh() {
  case $h_uid-$h_mode in
    0-*[2367]? | 0-*[2367]) alone=no; [ -n "$whose" ] || whose="$here, in which not only root may write" ;;
    0-*) ;;
    *)
      alone=no
      [ -n "$owner" ] || { owner=$h_uid whose="$here, a folder of $h_user"; }
      [ "$owner" = "$h_uid" ] ||
        fail "$here belongs to $h_user and lies in $whose, who could put another in its place: $path is left alone. Give both to one account, or to root" ;;
  esac
  within=$h_id
}
follow() {
  [ "$alone" = yes ] ||
    fail "$here/$1 is a link, and lies in $whose: root does not follow it, and $path is left alone. Declare the path it leads to, or give the folder to root"
  h_hops=$((h_hops + 1))
  [ "$h_hops" -le 40 ] || fail "$here/$1 leads through more than 40 links"
  h_to=$(readlink -n -- "./$1" && echo .) || fail "$here/$1 cannot be read"
  h_to=\${h_to%.}
  case $h_to in /*) cd -P / && here= ;; esac
  h_left=$h_to\${h_left:+/$h_left}
}
# enter FOLDER MISSING: MISSING is \`make\`, \`fail\`, or the exit status where the folder is not there.
enter() {
  h_folder=$1 h_missing=$2 h_left=\${1#/} here= alone=yes owner= whose= within= h_hops=0
  set -- /
  while [ -n "$h_left" ]; do
    here=$here/\${h_left%%/*}
    set -- "$@" "$here"
    case $h_left in */*) h_left=\${h_left#*/} ;; *) h_left= ;; esac
  done
  if h_odd=$(find "$@" -maxdepth 0 \\( ! -type d -o ! -uid 0 -o -perm /022 \\) -print -quit 2>/dev/null); then
    [ -n "$h_odd" ] || { cd -P "\${here:-/}" && return 0; }
  fi
  [ "$h_odd" != / ] || fail '/ is not for root alone to write in: nothing on this host is safe from other accounts. chown root: / && chmod go-w /'
  here=\${h_odd%/*} h_left=\${h_folder#"\${h_odd%/*}"/}
  cd -P "$here/" || fail "$here cannot be entered"
  while [ -n "$h_left" ]; do
    h_name=\${h_left%%/*}
    case $h_left in */*) h_left=\${h_left#*/} ;; *) h_left= ;; esac
    if [ -L "./$h_name" ]; then follow "$h_name"; continue; fi
    case $h_name in
      '' | .) continue ;;
      ..) [ "$alone" = yes ] || fail "a link leads out of $whose again: $path is left alone"; cd -P .. && here=\${here%/*}; continue ;;
    esac
    if [ ! -e "./$h_name" ]; then
      case $h_missing in
        make) mkdir -m 0755 -- "./$h_name" || fail "$here/$h_name cannot be made" ;;
        fail) fail "there is no folder $here/$h_name; declare it, or what brings it" ;;
        *) exit "$h_missing" ;;
      esac
    fi
    step_into "$h_name"
    weigh
  done
}
# at PATH MISSING COMMAND…: runs it with the folder of PATH as working directory. It has: path, name, here (the folder), and
# alone; where that is yes, paths below \`here\` are safe.
at() (
  trap 'exit 143' TERM
  path=$1 name=\${1##*/} h_missing=$2 nest=
  shift 2
  enter "\${path%/*}" "$h_missing" || exit 1
  "$@"
)
`
