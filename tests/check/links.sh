#!/usr/bin/env bash
# Each relative link in our Markdown leads to a file, each anchor to a heading. $TREE: another tree to look at.
# shellcheck disable=SC2016 # the backquotes are Markdown's
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "${TREE:-$ROOT}"

# headings FILE: the anchors of its headings.
headings() {
  sed -nE '/^```/,/^```/d; s/^#+[[:space:]]+(.*)$/\1/p' "$1" | tr '[:upper:]' '[:lower:]' | sed -E 's/[^a-z0-9 _-]//g; s/ /-/g'
}

bad=0 count=0
while IFS=: read -r file link; do
  count=$((count + 1))
  path=${link%%#*} anchor=
  [[ $link == *'#'* ]] && anchor=${link#*#}
  target=$file
  [[ -n $path ]] && target=$(dirname "$file")/$path
  if [[ ! -e $target ]]; then
    printf '%s: there is no %s\n' "$file" "$link"
    bad=1
  elif [[ -n $anchor ]] && ! headings "$target" | grep -qxF "$anchor"; then
    printf '%s: %s has no heading #%s\n' "$file" "$target" "$anchor"
    bad=1
  fi
done < <(project_files -name '*.md' | while read -r file; do
  sed -E '/^```/,/^```/d; s/`[^`]*`//g' "$file" | { grep -oE '\]\([^)[:space:]]+\)' || true; } | sed -E 's/^\]\((.*)\)$/\1/' |
    { grep -vE '^[a-z]+:' || true; } | sed "s|^|$file:|"
done)
((bad == 0)) || fail "links lead nowhere"
printf '%d links lead somewhere\n' "$count"
