#!/usr/bin/env bash
# run.sh [--quick | --full] [NAME…]: builds what is in this folder without assertions or sanitizers and runs it, one after the
# other. --quick, which is the default: a few rounds of each, minutes; --full: 15 rounds, for figures that are shown to
# others. What each has printed is kept in build/bench/NAME.txt, and drawn by plots/plot.py into build/bench/NAME.svg.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

full=
names=()
while (($# > 0)); do
  case $1 in
    --quick) full= ;;
    --full) full=yes ;;
    -*)
      printf 'usage: ./dev bench [--quick | --full] [NAME…], got %s\n' "$1" >&2
      exit 64
      ;;
    *) names+=("$1") ;;
  esac
  shift
done

# arguments NAME: those of one program.
arguments() {
  case $1 in
    engine) printf '%s' "${full:+1000000}" ;;
    queue) printf '%s' "${full:+1000000}" ;;
    core) printf '%s' "${full:+1000000 15}" ;;
    process) printf '%s' "${full:+15 1000}" ;;
    cli) printf '%s' "${full:+51}" ;;
    rpc) printf '%s' "${full:+15}" ;;
    soak) printf '%s' "${full:+1000000}" ;;
    each) printf '%s' "${full:+100}" ;;
    cost) printf '%s' "${full:+100000}" ;;
    journal | recovery) ;;
  esac
}

known=()
for source in tests/bench/*_bench.*; do
  name=${source##*/}
  known+=("${name%_bench.*}")
done
((${#names[@]} > 0)) || names=("${known[@]}")
for name in "${names[@]}"; do
  [[ " ${known[*]} " == *" $name "* ]] || { printf 'bench: there is no %s; there are: %s\n' "$name" "${known[*]}" >&2 && exit 64; }
done

cmake --preset release -DCOVEY_BUILD_BENCH=ON -DCOVEY_BUILD_DAEMON=ON >/dev/null
targets=()
for name in "${names[@]}"; do
  if [[ -f tests/bench/${name}_bench.py ]]; then targets+=(covey_command covey_daemon); else targets+=("covey_${name}_bench"); fi
  [[ $name != cost ]] || targets+=(covey_cost_tasks)
done
cmake --build build/release -j "$(nproc)" --target "${targets[@]}"
mkdir -p build/bench
# The peers in Go, where there is Go and the network for their modules.
if [[ " ${names[*]} " == *" core "* ]] && command -v go >/dev/null &&
  (cd tests/bench/peers && go build -o ../../../build/bench/peers .); then
  export COVEY_BENCH_PEERS=$PWD/build/bench/peers
fi
for name in "${names[@]}"; do
  printf '\n== %s\n' "$name"
  program=(build/release/bench/"$name"_bench)
  [[ -f tests/bench/${name}_bench.py ]] && program=(env "COVEY_BIN_DIR=$PWD/build/release/bin" python3 "tests/bench/${name}_bench.py")
  # shellcheck disable=SC2046 # words
  "${program[@]}" $(arguments "$name") | tee "build/bench/$name.txt"
done
tests/bench/plots/plot.py build/bench
