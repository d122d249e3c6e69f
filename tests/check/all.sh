#!/usr/bin/env bash
# all.sh [--long | NAME…]: runs the checks one after the other, the quick ones first, all of them even if one fails. Without
# arguments those that every change passes; with --long also those that build the tree once more to ask of it what seldom
# breaks, which is for before an issue is resolved. Each writes build/check/NAME.log, which is shown when it fails. Closes
# with `N passed, N failed, N skipped`.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Name and most seconds of each.
SHORT="format:60 shell:60 reference:120 buf:300 languages:240 layering:60 words:60 links:60 sizes:60 selftest:60 tsa:600 tidy:1500 ordinary:900 crash:900 tsan:1200"
LONG="headers:1200 subreaper:900 memory:1800 bench:2400 package:1200 fuzz:900 patches:1800 asan:1800 image:1500"
CHECKS="$SHORT $LONG"

limit_of() {
  local check
  for check in $CHECKS; do
    [[ ${check%%:*} == "$1" ]] && printf '%s' "${check##*:}" && return 0
  done
  printf 'check: there is no %s; there are: %s\n' "$1" "$(sed -E 's/:[0-9]+//g; s/\s+/ /g' <<<"$CHECKS")" >&2
  exit 64
}

names=()
case ${1:-} in
  '') for check in $SHORT; do names+=("${check%%:*}"); done ;;
  --long) for check in $CHECKS; do names+=("${check%%:*}"); done ;;
  *) names=("$@") ;;
esac
for name in "${names[@]}"; do limit_of "$name" >/dev/null; done

mkdir -p build/check
passed=0 failed=0 skipped=0
for name in "${names[@]}"; do
  log=build/check/$name.log
  printf '== check %s\n' "$name"
  start=$SECONDS status=0
  timeout --kill-after=20 "$(limit_of "$name")" "tests/check/$name.sh" >"$log" 2>&1 </dev/null || status=$?
  case $status in
    0)
      passed=$((passed + 1)) word=passed
      # Which suites ran, what was skipped and why; else the check's own last word.
      grep -E '^(suites|skipped): ' "$log" || true
      tail -n 1 "$log"
      ;;
    77)
      skipped=$((skipped + 1)) word=skipped
      tail -n 1 "$log"
      ;;
    *)
      failed=$((failed + 1)) word=failed
      tail -n 300 "$log"
      ((status != 124 && status != 137)) || printf '%s took longer than %s s\n' "$name" "$(limit_of "$name")"
      ;;
  esac
  printf '   %s: %s after %d s\n' "$name" "$word" $((SECONDS - start))
done

printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
((failed == 0 && passed > 0))
