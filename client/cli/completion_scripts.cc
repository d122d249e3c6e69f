#include "client/cli/complete.h"

namespace covey::cli {

// What bash puts in place is the part of the word behind its last '=' or ':', which are words of their own to
// it.
std::string_view BashCompletion() {
  return R"sh(# Completion of covey for bash: source <(covey completion bash)
_covey() {
  local word line mode='' typed=${COMP_WORDS[COMP_CWORD]} strip=''
  local -a words=("${COMP_WORDS[@]:1:COMP_CWORD}")
  if [[ $typed == '=' ]]; then
    typed=''
    strip="${COMP_WORDS[COMP_CWORD-1]}="
  elif ((COMP_CWORD > 1)) && [[ ${COMP_WORDS[COMP_CWORD-1]} == '=' ]]; then
    strip="${COMP_WORDS[COMP_CWORD-2]}="
  fi
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :*) mode=${line#:} ;;
      *) word=${line%%$'\t'*}; COMPREPLY+=("$(printf '%q' "${word#"$strip"}")") ;;
    esac
  done < <("${COMP_WORDS[0]}" completion words -- "${words[@]}" 2>/dev/null)
  case $mode in
    files) compopt -o filenames; while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$typed") ;;
    directories) compopt -o filenames; while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -d -- "$typed") ;;
    programs) while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -c -- "$typed") ;;
  esac
}
complete -F _covey covey
)sh";
}

std::string_view ZshCompletion() {
  return R"sh(#compdef covey
# Completion of covey for zsh: source <(covey completion zsh), or as a file _covey in a folder of $fpath.
_covey() {
  local line word mode=''
  local -a found
  while IFS= read -r line; do
    case $line in
      :*) mode=${line#:} ;;
      *) word=${line%%$'\t'*}; found+=("${word//:/\\:}:${line#*$'\t'}") ;;
    esac
  done < <("${words[1]}" completion words -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)
  (( $#found )) && _describe -V covey found
  case $mode in
    files) _files ;;
    directories) _files -/ ;;
    programs) _command_names ;;
  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _covey "$@"
else
  compdef _covey covey
fi
)sh";
}

std::string_view FishCompletion() {
  return R"sh(# Completion of covey for fish: covey completion fish | source
function __covey_complete
  set -l words (commandline -opc)
  set -l mode ''
  for line in (command $words[1] completion words -- $words[2..-1] (commandline -ct | string collect --allow-empty) 2>/dev/null)
    switch $line
      case ':*'
        set mode $line
      case '*'
        echo $line
    end
  end
  switch $mode
    case ':files'
      __fish_complete_path (commandline -ct)
    case ':directories'
      __fish_complete_directories (commandline -ct) ''
    case ':programs'
      complete -C (commandline -ct)
  end
end
complete -c covey -f -a '(__covey_complete)'
)sh";
}

}  // namespace covey::cli
