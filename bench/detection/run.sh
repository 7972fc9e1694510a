#!/bin/sh
# Benchmarks of detection and delivery. The NAB score needs the benchmark's files: NAB_DIR=<dir> sh bench/run.sh detection
set -e
for script in bench/detection/cost/*.bench.ts bench/detection/latency/*.bench.ts bench/detection/delivery/*.bench.ts \
  bench/detection/forest/forest.bench.ts bench/detection/baselines/*.bench.ts; do
  printf '%s\n' "-- $script"
  npx --no-install tsx "$script"
done
if [ -n "${NAB_DIR:-}" ]; then
  out=$(mktemp -d)
  npm run -s bench:nab -- --nab "$NAB_DIR" --out "$out"
  node "$NAB_DIR/score.mjs" --nab "$NAB_DIR" --results "$out" --threshold 0.5 --groups driftline
  rm -rf "$out"
else
  printf '%s\n' 'no NAB score: NAB_DIR does not say where the files are'
fi
