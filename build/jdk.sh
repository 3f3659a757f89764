# Finds a JDK that builds deltavec; read by mvnw, deltavec and .ci/run.

MIN_JDK=25

# Prints the feature version of the JDK at $1, or 0 where there is none.
jdk_version() {
  [ -x "$1/bin/javac" ] && [ -f "$1/release" ] || {
    echo 0
    return
  }
  v=$(sed -n 's/^JAVA_VERSION="\{0,1\}\([0-9]*\).*/\1/p' "$1/release" | head -n 1)
  echo "${v:-0}"
}

# Sets JAVA_HOME to a JDK that is new enough: JAVA_HOME itself, else the java on the PATH, else the
# newest in the usual install places. Fails, saying what to install, where there is none.
find_jdk() {
  if [ -n "${JAVA_HOME:-}" ] && [ "$(jdk_version "$JAVA_HOME")" -ge "$MIN_JDK" ]; then
    return
  fi
  best=
  best_version=0
  if java=$(command -v java); then
    # Resolves links such as /usr/bin/java to the JDK they lead to.
    while [ -L "$java" ]; do
      target=$(readlink "$java")
      case $target in
        /*) java=$target ;;
        *) java=$(dirname "$java")/$target ;;
      esac
    done
    candidate=$(dirname "$(dirname "$java")")
    v=$(jdk_version "$candidate")
    if [ "$v" -ge "$MIN_JDK" ]; then
      JAVA_HOME=$candidate
      export JAVA_HOME
      return
    fi
  fi
  for candidate in \
    /usr/lib/jvm/* /usr/java/* /opt/java/* /opt/jdk* /opt/*jdk* \
    /Library/Java/JavaVirtualMachines/*/Contents/Home \
    "$HOME"/Library/Java/JavaVirtualMachines/*/Contents/Home \
    "$HOME"/.sdkman/candidates/java/* "$HOME"/.jdks/* "$HOME"/.jenv/versions/* \
    "$HOME"/.asdf/installs/java/* "$HOME"/.local/share/mise/installs/java/*; do
    v=$(jdk_version "$candidate")
    if [ "$v" -ge "$MIN_JDK" ] && [ "$v" -gt "$best_version" ]; then
      best=$candidate
      best_version=$v
    fi
  done
  [ -n "$best" ] || {
    echo "deltavec: no JDK $MIN_JDK or newer found; install one (for example Eclipse Temurin $MIN_JDK) or set JAVA_HOME" >&2
    return 1
  }
  JAVA_HOME=$best
  export JAVA_HOME
}
