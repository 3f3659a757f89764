#!/bin/sh
# Builds the Maven artifacts of the last commit twice, in two places, with another time zone, language
# and umask the second time, and compares what was built, byte for byte. Takes two builds without tests.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
artifacts=.,bom,core,jvm,micrometer
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# build NAME: builds the last commit in a directory of that name; its buildinfo names every file with
# length and digest.
build() {
  mkdir "$work/$1"
  git -C "$root" archive HEAD -- . ':!data' | tar -xf - -C "$work/$1"
  (
    cd "$work/$1"
    ./mvnw -q -DskipTests -Dspotless.check.skip -Dcheckstyle.skip -Dbuildinfo.ignoreJavadoc=false verify \
      org.apache.maven.plugins:maven-artifact-plugin:buildinfo -pl "$artifacts"
    find . -name '*.buildinfo' -exec cat {} + | grep '^outputs\.' | sort -u >"$work/$1.outputs"
  )
}

build first
(
  export TZ=Asia/Tokyo LC_ALL=C
  umask 077
  build second
)

if ! diff "$work/first.outputs" "$work/second.outputs"; then
  echo "reproducible: the two builds differ" >&2
  exit 1
fi
files=$(grep -c 'filename=.*\.jar' "$work/first.outputs")
[ "$files" -ge 10 ] || {
  echo "reproducible: only $files jars were compared" >&2
  exit 1
}
echo "reproducible: two builds gave the same $files jars"
