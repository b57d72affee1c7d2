/**
 * Completion of the command line in bash, zsh and fish. Each script asks `keelson complete` for candidates: its first
 * line is `words`, or `files` where the shell is to complete paths; the others are a candidate each, a tab, and what it
 * is. The shells quote what they insert, and no candidate is evaluated.
 */

export const COMPLETION_SHELLS = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof COMPLETION_SHELLS)[number]

const BASH = `# keelson completion bash, for ~/.bashrc: eval "$(keelson completion bash)"
_keelson() {
  local IFS=$' \\t\\n' rest=\${COMP_LINE:0:COMP_POINT} word trimmed kept='' quote='' plain='' candidate program=$1
  local -a words=() answer=()
  local -i index
  # bash splits words at : and = as well; what no blank parts is one word.
  for ((index = 0; index <= COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    trimmed=\${rest#"\${rest%%[![:space:]]*}"}
    # Of the last word only what is left of the cursor.
    [[ $trimmed == "$word"* ]] || word=$trimmed
    if [[ \${#words[@]} -gt 0 && $trimmed == "$rest" ]]; then words[-1]+=$word; else words+=("$word"); fi
    rest=\${trimmed#"$word"}
  done
  for ((index = 0; index < \${#words[@]}; index++)); do
    _keelson_plain "\${words[index]}"
    words[index]=$plain
  done
  # Of a candidate, bash inserts what comes after the last : or = of the word.
  [[ $quote ]] || kept=\${plain%"\${plain##*[:=]}"}
  type -P -- "$program" > /dev/null || program=keelson
  mapfile -t answer < <(command -- "$program" complete -- "\${words[@]:1}" 2> /dev/null)
  COMPREPLY=()
  if [[ \${answer[0]-} == files ]]; then
    compopt -o filenames
    mapfile -t COMPREPLY < <(compgen -f -- "$plain")
    return
  fi
  [[ \${answer[0]-} == words ]] || return
  for candidate in "\${answer[@]:1}"; do
    candidate=\${candidate%%$'\\t'*}
    _keelson_quoted "\${candidate#"$kept"}" && COMPREPLY+=("$plain")
  done
}
# What the shell makes of a word, without expanding anything: sets $plain, and $quote where a quotation is open.
_keelson_plain() {
  local text=$1 char
  plain='' quote=''
  while [[ $text ]]; do
    char=\${text:0:1} text=\${text:1}
    if [[ $char == "$quote" ]]; then
      quote=
    elif [[ -z $quote && $char == [\\'\\"] ]]; then
      quote=$char
    elif [[ $char == \\\\ && $quote != \\' ]]; then
      plain+=\${text:0:1} text=\${text:1}
    else
      plain+=$char
    fi
  done
}
# Sets $plain to what has to stand on the command line for a text.
_keelson_quoted() {
  local text=$1 char
  case $quote in
    '') printf -v plain %q "$text" ;;
    \\') [[ $text != *\\'* ]] && plain=$text ;;
    *)
      [[ $text != *!* ]] || return 1
      plain=
      while [[ $text ]]; do
        char=\${text:0:1} text=\${text:1}
        [[ $char != [\\\\\\"\\\`\\$] ]] || plain+=\\\\
        plain+=$char
      done
      ;;
  esac
}
complete -F _keelson keelson
`

const ZSH = `#compdef keelson
# keelson completion zsh, for ~/.zshrc: source <(keelson completion zsh)
_keelson() {
  emulate -L zsh
  local -a before answer values shown
  local program=\${(Q)words[1]} line
  [[ $program == */* ]] || (( $+commands[$program] )) || program=keelson
  before=("\${(@Q)words[2,CURRENT-1]}")
  (( CURRENT > 2 )) || before=()
  answer=("\${(@f)$(command -- $program complete -- "\${before[@]}" "\${(Q)PREFIX}" 2> /dev/null)}")
  if [[ $answer[1] == files ]]; then
    _files
    return
  fi
  [[ $answer[1] == words ]] || return 1
  for line in "\${(@)answer[2,-1]}"; do
    values+=("\${line%%$'\\t'*}")
    shown+=("\${line/$'\\t'/  }")
  done
  (( $#values > 0 )) || return 1
  compadd -l -d shown -- "\${values[@]}"
}
if [[ $funcstack[1] == _keelson ]]; then
  _keelson "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
  compdef _keelson keelson
fi
`

const FISH = `# keelson completion fish > ~/.config/fish/completions/keelson.fish
function __keelson_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct | string unescape)
    set -l program $before[1]
    command -q -- $program; or set program keelson
    set -l answer (command $program complete -- $before[2..-1] "$current" 2> /dev/null)
    if test "$answer[1]" = files
        __fish_complete_path "$current"
    else if test "$answer[1]" = words
        string join \\n -- $answer[2..-1]
    end
end
complete -c keelson -f -a '(__keelson_complete)'
`

export const COMPLETION_SCRIPTS: { readonly [shell in Shell]: string } = { bash: BASH, zsh: ZSH, fish: FISH }
