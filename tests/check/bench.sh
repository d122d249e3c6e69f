#!/usr/bin/env bash
# Every measurement builds as it is released, and runs with few rounds: what it finds is for people to look at.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need cmake ninja python3
tests/bench/run.sh --quick
for source in tests/bench/*_bench.*; do
  name=${source##*/}
  name=${name%_bench.*}
  [[ -s build/bench/$name.txt ]] || fail "$name has measured nothing"
done
printf 'all measurements run\n'
