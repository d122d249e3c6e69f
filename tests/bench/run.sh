#!/usr/bin/env bash
# Measures: builds what is in this folder without assertions or sanitizers, and runs it, one after the other.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cmake --preset release -DCOVEY_BUILD_BENCH=ON -DCOVEY_BUILD_DAEMON=ON >/dev/null
cmake --build build/release -j "$(nproc)" --target covey_benchmarks
for bench in build/release/bench/*; do
  [[ -f $bench && -x $bench ]] || continue
  printf '\n== %s\n' "$(basename "$bench")"
  "$bench"
done
