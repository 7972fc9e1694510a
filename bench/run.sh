#!/bin/sh
# Every benchmark, one after the other, with a description of the machine first. Takes about half an hour.
# Name some to run only those: sh bench/run.sh agent gateway
set -e
cd "$(dirname "$0")/.."
printf 'machine   %s, %s logical CPUs, %s MiB memory\n' \
  "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" \
  "$(awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo)"
printf 'software  Node.js %s, Linux %s\n' "$(node --version)" "$(uname -r)"
for name in ${*:-agent bus store analyzer detection tailer sources push gateway flows mqtt web system}; do
  printf '\n== %s, load %s\n' "$name" "$(cut -d ' ' -f 1 /proc/loadavg)"
  if [ -f "bench/$name/run.sh" ]; then
    sh "bench/$name/run.sh"
    continue
  fi
  for script in bench/"$name"/*.bench.ts; do
    printf '%s\n' "-- $script"
    npx --no-install tsx "$script"
  done
done
