#!/usr/bin/env bash
# languages.sh [LANGUAGE…]: the contract can be generated and compiled for go, python, typescript and java, each with the
# generators and libraries of its own registry, in pinned versions. A language whose tools cannot be had here is skipped
# and named; when all are, the check is.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
languages=("$@")
[[ $# -gt 0 ]] || languages=(go python typescript java)
mkdir -p build/languages
work=$(mktemp -d build/languages/run.XXXXXX)
work=$ROOT/$work
trap 'rm -rf "$work"' EXIT
protos=("$ROOT"/proto/covey/v1/*.proto)
# What is fetched stays, by the versions that are asked for.
tools=$ROOT/build/tools/languages-$(cat tests/check/languages.sh tests/support/languages/pom.xml | cksum | cut -d' ' -f1)
mkdir -p "$tools"

# Each prepares its tools (77: they cannot be had), then generates and compiles.
go_tools() {
  command -v go protoc >/dev/null || return 77
  export GOFLAGS=-mod=mod
  GOBIN=$tools/bin go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.35.2 &&
    GOBIN=$tools/bin go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.5.1 || return 77
  mkdir -p "$work/go"
  cd "$work/go"
  go mod init github.com/covey/covey/client/go &&
    go get google.golang.org/grpc@v1.68.1 google.golang.org/protobuf@v1.35.2 || return 77
}
go_check() {
  protoc -I "$ROOT/proto" --plugin="$tools/bin/protoc-gen-go" --plugin="$tools/bin/protoc-gen-go-grpc" \
    --go_out=. --go_opt=module=github.com/covey/covey/client/go \
    --go-grpc_out=. --go-grpc_opt=module=github.com/covey/covey/client/go "${protos[@]}"
  [[ -f coveyv1/group_service_grpc.pb.go ]]
  go build ./...
}

python_tools() {
  command -v python3 >/dev/null || return 77
  [[ -x $tools/python/bin/python ]] || python3 -m venv "$tools/python" || return 77
  "$tools/python/bin/pip" install --quiet --no-input grpcio-tools==1.68.1 setuptools==75.6.0 || return 77
  mkdir -p "$work/python"
  cd "$work/python"
}
python_check() {
  local python=$tools/python/bin/python module
  "$python" -m grpc_tools.protoc -I "$ROOT/proto" --python_out=. --grpc_python_out=. "${protos[@]}"
  for module in "${protos[@]}"; do
    module=$(basename "$module" .proto)
    "$python" -c "import covey.v1.${module}_pb2, covey.v1.${module}_pb2_grpc"
  done
}

typescript_tools() {
  command -v npm protoc >/dev/null || return 77
  mkdir -p "$tools/typescript"
  cd "$tools/typescript"
  [[ -x node_modules/.bin/tsc ]] ||
    npm install --silent --no-audit --no-fund --save-exact \
      @bufbuild/protobuf@2.2.3 @bufbuild/protoc-gen-es@2.2.3 typescript@5.7.2 || return 77
  mkdir -p "$work/typescript"
  ln -s "$tools/typescript/node_modules" "$work/typescript/node_modules"
  cd "$work/typescript"
}
typescript_check() {
  mkdir -p src
  protoc -I "$ROOT/proto" --plugin=node_modules/.bin/protoc-gen-es --es_out=src --es_opt=target=ts "${protos[@]}"
  node_modules/.bin/tsc --noEmit --strict --target es2022 --module nodenext --moduleResolution nodenext \
    --skipLibCheck src/covey/v1/*.ts
}

java_tools() {
  command -v mvn javac >/dev/null || return 77
  mkdir -p "$work/java"
  cp "$ROOT/tests/support/languages/pom.xml" "$work/java/"
  cd "$work/java"
}
java_check() {
  mvn --batch-mode --quiet -Dcontract="$ROOT/proto" -Dmaven.repo.local="$tools/maven" compile
  [[ -n $(find target -name 'GroupServiceGrpc.class') ]]
}

passed=() skipped=()
for language in "${languages[@]}"; do
  log=$work/$language.log
  set +e  # bash does not end a function at its first error where its status is asked for
  (
    "${language}_tools" || exit 77
    set -e
    "${language}_check"
  ) >"$log" 2>&1
  status=$?
  set -e
  if [[ $status -eq 77 ]]; then
    skipped+=("$language")
    printf 'skipped: %s: its tools could not be had: %s\n' "$language" "$(grep -v '^$' "$log" | tail -n 1)"
  elif [[ $status -ne 0 ]]; then
    cat "$log"
    fail "the contract does not compile for $language"
  else
    passed+=("$language")
  fi
done
[[ ${#passed[@]} -gt 0 ]] || skip "no tools for any of: ${skipped[*]}"
printf 'the contract compiles for %s\n' "${passed[*]}"
