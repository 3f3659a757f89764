#!/bin/sh
# Installs the npm workspace's packages from package-lock.json, unless they are already there.
set -eu
cd "$(dirname "$0")/../.."

command -v npm >/dev/null || {
  echo "deltavec: npm is not on the PATH; install Node.js with npm (20 or newer)" >&2
  exit 1
}
# npm writes this file last; `find -newer` also compares fractions of a second.
marker=node_modules/.package-lock.json
if [ -f "$marker" ] && [ -x node_modules/.bin/node ] &&
  [ -z "$(find package-lock.json -newer "$marker")" ]; then
  exit 0
fi
npm ci --no-fund --no-audit --loglevel=error
