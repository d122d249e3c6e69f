#!/usr/bin/env bash
# The sources and the contract are formatted as .clang-format says. With --fix: format them.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need clang-format-14
mapfile -t files < <(project_files -name '*.cc' -o -name '*.h' -o -name '*.proto')
if [[ ${1:-} == --fix ]]; then
  exec clang-format-14 -i "${files[@]}"
fi
clang-format-14 --dry-run -Werror "${files[@]}"
printf '%d files are formatted\n' "${#files[@]}"
