#!/usr/bin/env bash
# subreaper.sh [NAME…]: what becomes of processes, once more as root and without cgroups, as in most containers: trees are told
# apart by descent, session and token. NAME as in tests/e2e/test_NAME.py or tests/crash/test_NAME.py.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
(($(id -u) == 0)) || skip "an ordinary user has no cgroups anyway: the check ordinary runs the tests as one"
need python3
build_preset dev
export COVEY_BIN_DIR=$ROOT/build/dev/bin COVEY_DAEMON_FLAGS=--cgroups=false
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

names=("$@")
((${#names[@]} > 0)) || names=(found_stop found_output found_limits found_restart stop start daemon output restart cli crash/restart)

passed=0 failed=0 skipped=0
for name in "${names[@]}"; do
  [[ $name == */* ]] && file=tests/${name%/*}/test_${name#*/}.py || file=tests/e2e/test_$name.py
  log=$logs/${name//\//-} status=0
  timeout --kill-after=20 300 python3 tests/support/run_unittest.py "$file" >"$log" 2>&1 </dev/null || status=$?
  case $status in
    0) passed=$((passed + 1)) ;;
    77) skipped=$((skipped + 1)) ;;
    *)
      failed=$((failed + 1))
      printf '== %s\n' "$name"
      tail -n 100 "$log"
      ;;
  esac
done
printf 'without cgroups: %d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
((failed == 0 && passed > 0))
