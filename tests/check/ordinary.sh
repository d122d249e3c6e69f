#!/usr/bin/env bash
# ordinary.sh [NAME…]: the tests once more as an ordinary user, for whom nothing opens that has a wrong mode or owner, and
# who has no cgroups: those of the real programs, all but those that build something, and the programs of tests that deal
# with files and processes. NAME as in tests/e2e/test_NAME.py or build/dev/bin/NAME.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
(($(id -u) == 0)) || skip "whoever is no ordinary user runs the tests as one; they were run as $(id -un) already"
need setpriv python3
build_preset dev
user=nobody
folder=$(mktemp -d /tmp/covey-ordinary-XXXXXX)
trap 'rm -rf "$folder"' EXIT

# Copies, wherever the tree lies: the way to it may be closed to others.
tree=$folder/tree
mkdir -p "$tree/build/dev/bin" "$folder/home" "$folder/run"
project_files -name '*' | tar --create --files-from=- | tar --extract --directory="$tree"
programs="base_test process_test executor_test output_test sqlite_journal_test unix_socket_test"
find build/dev/bin -maxdepth 1 -type f -perm -u+x ! -name '*_test' -exec cp -t "$tree/build/dev/bin" {} +
for name in $programs; do cp "build/dev/bin/$name" "$tree/build/dev/bin"; done
grpcurl=$(find build/tools -maxdepth 1 -name 'grpcurl-*' -type f 2>/dev/null | sort | tail -n 1)
[[ -z $grpcurl ]] || cp "$grpcurl" "$tree/grpcurl"
chown -R "$user" "$folder"
chmod 755 "$folder"

names=("$@")
if ((${#names[@]} == 0)); then
  read -ra names <<<"$programs"
  for file in tests/e2e/test_*.py; do
    name=$(basename "$file" .py)
    case ${name#test_} in
      install | subproject | readme | ordinary_user) ;;
      *) names+=("${name#test_}") ;;
    esac
  done
fi

# run NAME: one file or program of tests; its log and its status stay in the folder.
run() {
  local status=0 test=(python3 tests/support/run_unittest.py "tests/e2e/test_$1.py")
  [[ ! -f $tree/build/dev/bin/$1 ]] || test=("build/dev/bin/$1" --gtest_brief=1)
  (cd "$tree" && exec setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups --inh-caps=-all \
    env -i PATH=/usr/local/bin:/usr/bin:/bin HOME="$folder/home" XDG_RUNTIME_DIR="$folder/run" LANG=C.UTF-8 COVEY_BIN_DIR="$tree/build/dev/bin" COVEY_GRPCURL="${grpcurl:+$tree/grpcurl}" \
    timeout --kill-after=20 300 "${test[@]}") >"$folder/$1.log" 2>&1 </dev/null || status=$?
  printf '%d' "$status" >"$folder/$1.status"
}

passed=0 failed=0 skipped=0
for name in "${names[@]}"; do
  while (($(jobs -rp | wc -l) >= $(nproc))); do wait -n || true; done
  run "$name" &
done
wait
for name in "${names[@]}"; do
  case $(cat "$folder/$name.status") in
    0) passed=$((passed + 1)) ;;
    77) skipped=$((skipped + 1)) ;;
    *)
      failed=$((failed + 1))
      printf '== %s\n' "$name"
      tail -n 100 "$folder/$name.log"
      ;;
  esac
done
printf 'as %s: %d passed, %d failed, %d skipped\n' "$user" "$passed" "$failed" "$skipped"
((failed == 0 && passed > 0))
