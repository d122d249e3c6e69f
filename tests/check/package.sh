#!/usr/bin/env bash
# The Debian packages hold what they should, their programs run, and systemd accepts the unit.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need cpack dpkg-deb dpkg-shlibdeps readelf nm
# As whoever makes packages builds it, but that a warning is an error: -O3 finds some that -O2 does not.
cmake -G Ninja -B build/package -DCMAKE_BUILD_TYPE=Release -DCOVEY_BUILD_TESTS=OFF -DCOVEY_BUILD_EXAMPLES=OFF -DCOVEY_WERROR=ON
cmake --build build/package -j "$(nproc)"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
# shellcheck disable=SC2015 # both have to work
(cd build/package && cpack -B "$out") >"$out/log" 2>&1 || { cat "$out/log" && fail "cpack"; }

daemon=$(echo "$out"/covey_*.deb)
library=$(echo "$out"/libcovey-dev_*.deb)
[[ $(dpkg-deb -f "$daemon" Package) == covey && $(dpkg-deb -f "$library" Package) == libcovey-dev ]] || fail "names"
for needed in passwd 'libgrpc\+\+1' libsqlite3-0 libsystemd0 libtomlplusplus3 libmicrohttpd12 libprometheus-cpp-core1.0; do
  dpkg-deb -f "$daemon" Depends | grep -qE "(^|[ ,])$needed" || fail "covey does not depend on $needed"
done
dpkg-deb -x "$daemon" "$out/tree"
dpkg-deb -e "$daemon" "$out/control"
[[ $(cat "$out/control/conffiles") == /etc/covey/coveyd.toml ]] || fail "conffiles"
for script in "$out"/control/{postinst,prerm,postrm}; do sh -n "$script"; done
for file in etc/covey/coveyd.toml usr/bin/covey usr/bin/coveyd usr/lib/systemd/system/coveyd.service \
  usr/share/man/man1/covey.1 usr/share/man/man8/coveyd.8 usr/share/bash-completion/completions/covey \
  usr/share/zsh/vendor-completions/_covey usr/share/fish/vendor_completions.d/covey.fish usr/share/doc/covey/copyright; do
  [[ -f $out/tree/$file ]] || fail "covey has no /$file"
done
[[ -z $(find "$out/tree" -type f \( -name '*.a' -o -name '*.h' \)) ]] || fail "covey has files for development"
"$out/tree/usr/bin/covey" --version
for program in covey coveyd; do
  readelf -hdlW "$out/tree/usr/bin/$program" >"$out/elf"
  for mark in 'Type: *DYN' GNU_RELRO BIND_NOW; do
    grep -q "$mark" "$out/elf" || fail "$program: no PIE with full RELRO"
  done
  nm -D "$out/tree/usr/bin/$program" >"$out/symbols"
  for mark in __stack_chk_fail '_chk@'; do
    grep -q "$mark" "$out/symbols" || fail "$program: stack and buffers are not checked"
  done
done
"$out/tree/usr/bin/coveyd" --config "$out/tree/etc/covey/coveyd.toml" --check-config
dpkg-deb -c "$library" >"$out/files"
for file in include/covey/run.h include/covey/client/client.h include/covey/version.h include/covey/v1/types.pb.h \
  lib/libcovey_core.a lib/pkgconfig/covey-client.pc lib/cmake/covey/covey-config.cmake; do
  grep -q " ./usr/$file$" "$out/files" || fail "libcovey-dev has no /usr/$file"
done

if ! command -v systemd-analyze >/dev/null; then
  printf 'packages are good; the unit was not looked at: systemd-analyze is not installed\n'
  exit 0
fi
# The program is not installed here; all else is as it will be.
unit=$out/coveyd.service
sed "s|^ExecStart=/usr/bin/coveyd|ExecStart=$out/tree/usr/bin/coveyd|" "$out/tree/usr/lib/systemd/system/coveyd.service" >"$unit"
grep -q "^ExecStart=$out/tree/usr/bin/coveyd --config" "$unit" || fail "the unit's ExecStart"
systemd-analyze verify --man=no --recursive-errors=yes "$unit" || fail "systemd-analyze verify"
# Of 100, less is better: an unhardened service has 96. Tasks are arbitrary programs, so much has to stay.
systemd-analyze security --offline=true --threshold=40 "$unit" >"$out/security" || { cat "$out/security" && fail "exposure"; }
tail -n 1 "$out/security"
printf 'packages and unit are good\n'
