#!/usr/bin/env bash
# fuzz.sh [SECONDS]: runs each fuzzer for that long (default 20), from its seeds and from what earlier runs found.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need clang++-14
seconds=${1:-20}
build_preset fuzz covey_fuzzers
found=0
for fuzzer in build/fuzz/fuzz/*; do
  [[ -f $fuzzer && -x $fuzzer ]] || continue
  found=$((found + 1))
  name=$(basename "$fuzzer")
  corpus=build/fuzz/corpus/$name
  mkdir -p "$corpus" build/fuzz/crashes
  seeds=()
  [[ -d tests/fuzz/corpus/$name ]] && seeds=("tests/fuzz/corpus/$name")
  printf '%s for %d s\n' "$name" "$seconds"
  "$fuzzer" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
    -error_exitcode=1 -timeout_exitcode=1 \
    -artifact_prefix="build/fuzz/crashes/$name-" "$corpus" ${seeds[@]+"${seeds[@]}"}
done
((found > 0)) || fail "no fuzzer was built"
printf '%d fuzzers found nothing\n' "$found"
