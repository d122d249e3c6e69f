#!/usr/bin/env bash
# headers.sh: what a program outside includes of the library compiles without a warning, with each compiler that is
# installed, with and without RTTI and exceptions, and with libc++ where it is there. Compiles the small examples.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WARNINGS=(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
mapfile -t examples < <(find core/examples -name '*.cc' | sort)
((${#examples[@]} > 0)) || fail "there are no examples"

compilers=()
for compiler in g++-12 clang++-14 clang++-15 clang++-16 clang++-19; do
  if command -v "$compiler" >/dev/null; then compilers+=("$compiler"); fi
done
((${#compilers[@]} > 0)) || skip "none of the compilers is installed"

# compiles COMPILER FLAG…: all examples at once.
compiles() {
  local compiler=$1 example
  shift
  for example in "${examples[@]}"; do
    # Without exceptions the example about them has nothing to say.
    if [[ " $* " == *" -fno-exceptions "* && $example == */exceptions.cc ]]; then continue; fi
    "$compiler" -std=c++20 "${WARNINGS[@]}" "$@" -fsyntax-only -Icore/include "$example" ||
      fail "$example does not compile with $compiler $*"
  done
}

for compiler in "${compilers[@]}"; do
  compiles "$compiler"
  compiles "$compiler" -fno-rtti -fno-exceptions
  if [[ $compiler == clang* ]] && printf '#include <version>\nint main() {}\n' | "$compiler" -stdlib=libc++ -fsyntax-only -x c++ - 2>/dev/null; then
    compiles "$compiler" -stdlib=libc++
  fi
done
printf '%d examples compile without a warning with %s\n' "${#examples[@]}" "${compilers[*]}"
