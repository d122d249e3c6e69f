#!/usr/bin/env bash
# run_ctest.sh BUILD_DIR [CTEST-OPTION…]: runs the tests, says which suites ran and why any was skipped, and closes
# with `N passed, N failed, N skipped`. Fails when a test fails or none ran.
set -euo pipefail
build=$1
shift
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
junit=$(mktemp)
trap 'rm -f "$junit"' EXIT

status=0
ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$(nproc)" --output-junit "$junit" "$@" || status=$?
python3 "$here/summary.py" "$junit" || status=1
exit "$status"
