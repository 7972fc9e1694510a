#!/bin/sh
# Measures from the bundle, as production runs: the loader of TypeScript would count as the store's memory.
set -eu
cd "$(dirname "$0")/../.."
out=bench/store/dist
rm -rf "$out"
npx --no-install esbuild bench/store/*.bench.ts services/platform/src/analytics/chdb-child.ts --bundle --platform=node \
  --format=esm --splitting --packages=external --alias:@driftline/proto=./proto/src/index.ts \
  --alias:@driftline/platform=./services/platform/src --alias:@driftline/writer=./services/writer/src \
  --outdir="$out" --entry-names=[name] --log-level=warning
for bench in "${@:-ingest queries idle}"; do
  for each in $bench; do node "$out/$each.bench.js"; done
done
