#!/usr/bin/env bash
# The tree speaks of itself alone: no path of somebody's machine, no half-done work. $TREE: another tree to look at.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "${TREE:-$ROOT}"

bad=0
# refuse WHY REGEX FIND-TEST…
refuse() {
  local why=$1 regex=$2 files
  shift 2
  mapfile -t files < <(project_files "$@")
  ((${#files[@]} > 0)) || return 0
  # This script and its own test name what they refuse.
  if grep -nIE -e "$regex" "${files[@]}" | grep -vE '^tests/check/(words|selftest)\.sh:'; then
    printf '  ^ %s\n' "$why"
    bad=1
  fi
}

refuse "a path of somebody's machine" '(^|[^A-Za-z0-9_.}])/(work|root|farm|tmp/notes|tmp/b-)(/|\b)' -true
refuse 'work that is not done' '\b(TODO|FIXME|XXX)\b' -name '*.cc' -o -name '*.h' -o -name '*.proto' -o -name '*.sh' -o -name '*.py'
refuse 'a merge that is not done' '^(<<<<<<<|>>>>>>>)( |$)' -true
((bad == 0)) || fail "some words do not belong here"
printf 'the tree speaks of itself alone\n'
