#!/bin/sh
# What `make check` runs. Every step runs even when one before it failed, so that one round shows everything.
status=0
step() {
  name=$1
  shift
  if output=$("$@" 2>&1); then
    printf 'ok      %s\n' "$name"
  else
    status=1
    printf 'FAILED  %s\n%s\n' "$name" "$output"
  fi
}
run() { npx --no-install "$@"; }

generated_is_fresh() {
  before=$(find proto/gen -type f -exec cksum {} + | sort)
  run buf generate || return 1
  after=$(find proto/gen -type f -exec cksum {} + | sort)
  [ "$before" = "$after" ] || { echo 'proto/gen was out of date; it has been rewritten'; return 1; }
}

step 'format and lint (biome)' run biome check .
step 'protobuf lint (buf)' run buf lint
step 'protobuf compatibility (buf)' run buf breaking --against proto/published.binpb
step 'generated code is fresh' generated_is_fresh
step 'types' run tsc --noEmit -p tsconfig.json
step 'types of the web app' run vue-tsc --noEmit -p web/tsconfig.json
step 'dead code (knip)' run knip --no-progress
step 'tidiness' run vitest run --project tidy
exit $status
