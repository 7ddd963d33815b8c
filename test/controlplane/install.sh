#!/usr/bin/env bash
# Puts the programs of a Kubernetes control plane where the tests and the demo find them.
#
# usage: install.sh [program ...]
#
# Without arguments: etcd, kube-apiserver, kubectl, kube-controller-manager and kube-proxy. The last line on stdout is the
# directory that holds them; everything else goes to stderr. In order of preference:
#
#   1. KUBEBUILDER_ASSETS, if it is set and holds every program asked for;
#   2. bin/k8s, for each program there that was made from the pins in this directory's go.mod and go.sum;
#   3. a download by setup-envtest, if its index answers within seconds (never has the last two);
#   4. a build from the pinned Go modules: minutes the first time, seconds with a warm Go build cache.
set -euo pipefail

readonly SETUP_ENVTEST=sigs.k8s.io/controller-runtime/tools/setup-envtest@v0.25.1
readonly INDEX_SECONDS=8 DOWNLOAD_SECONDS=120 PROGRESS_SECONDS=20

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
dest=$root/bin/k8s
version=$(awk '$1 == "k8s.io/kubernetes" { print $2; exit }' "$here/go.mod")
scratch=

if [[ $# -eq 0 ]]; then
  set -- etcd kube-apiserver kubectl kube-controller-manager kube-proxy
fi

say() { printf 'control plane: %s\n' "$*" >&2; }

# cleanup leaves neither half-made files nor a build that goes on after an interrupt.
cleanup() {
  local running
  running=$(jobs -p)
  # shellcheck disable=SC2086 # one process id a word
  [[ -z $running ]] || kill $running 2>/dev/null || true
  [[ -z $scratch ]] || rm -rf "$scratch"
}

# within runs a command for at most so many seconds, where the machine has timeout(1).
within() {
  local seconds=$1
  shift
  if command -v timeout >/dev/null; then timeout "$seconds" "$@"; else "$@"; fi
}

# fingerprint identifies what a program was made from: the pins and the compiler.
fingerprint() {
  { cat "$here/go.mod" "$here/go.sum"; go env GOVERSION GOOS GOARCH; } | git hash-object --stdin
}

package_of() {
  case $1 in
    etcd) echo go.etcd.io/etcd/server/v3 ;;
    kube-apiserver | kube-controller-manager | kube-proxy | kubectl) echo "k8s.io/kubernetes/cmd/$1" ;;
    *) say "no such program: $1" && return 1 ;;
  esac
}

# missing prints those of its arguments that bin/k8s lacks or has from other pins.
missing() {
  local program
  for program in "$@"; do
    if [[ ! -x $dest/$program || $(cat "$dest/.$program.pins" 2>/dev/null) != "$pins" ]]; then
      echo "$program"
    fi
  done
}

# settle moves a finished program into place. A rename, so that whoever runs the old one is not disturbed.
settle() {
  chmod 0755 "$1"
  mv -f "$1" "$dest/$2"
  echo "$pins" >"$dest/.$2.pins"
}

# download asks setup-envtest, and says nothing where it does not answer. It takes the newest patch release of the
# pinned minor: not every patch is published in that form.
download() {
  local minor=${version#v} from program
  minor=${minor%.*}.x
  mkdir -p "$scratch/tools"
  say "looking for a download of Kubernetes $minor"
  GOBIN=$scratch/tools within "$DOWNLOAD_SECONDS" go install "$SETUP_ENVTEST" >/dev/null 2>&1 || return 0
  local tool=$scratch/tools/setup-envtest
  within "$INDEX_SECONDS" "$tool" list "$minor" --bin-dir "$scratch" 2>/dev/null | grep -q . || return 0
  say "downloading Kubernetes $minor"
  from=$(within "$DOWNLOAD_SECONDS" "$tool" use "$minor" --bin-dir "$scratch" -p path 2>/dev/null) || return 0
  for program in "$@"; do
    if [[ -x $from/$program ]]; then settle "$from/$program" "$program"; fi
  done
}

# build compiles the programs in one go: they share nearly all of their packages.
build() {
  local program packages=() flags started=$SECONDS count
  for program in "$@"; do packages+=("$(package_of "$program")"); done
  flags="-s -w -X k8s.io/component-base/version.gitVersion=$version"
  say "building $* $version; with an empty Go cache this takes 5 to 8 minutes on two cores, once"
  mkdir -p "$scratch/out"
  (cd "$here" && CGO_ENABLED=0 GOFLAGS='' exec go build -v -buildvcs=false -ldflags "$flags" \
    -o "$scratch/out/" "${packages[@]}") >"$scratch/log" 2>&1 &
  local compiler=$! next=$((SECONDS + PROGRESS_SECONDS))
  while kill -0 "$compiler" 2>/dev/null; do
    sleep 0.2
    if ((SECONDS >= next)); then
      count=$(wc -l <"$scratch/log")
      say "still building after $((SECONDS - started)) s: $((count)) packages, now $(tail -n 1 "$scratch/log")"
      next=$((SECONDS + PROGRESS_SECONDS))
    fi
  done
  if ! wait "$compiler"; then
    say "the build failed:"
    tail -n 40 "$scratch/log" >&2
    return 1
  fi
  # Go names a program after the last element of its package path that is not a version.
  [[ ! -e $scratch/out/server ]] || mv "$scratch/out/server" "$scratch/out/etcd"
  for program in "$@"; do settle "$scratch/out/$program" "$program"; done
  say "built in $((SECONDS - started)) s"
}

# given succeeds if KUBEBUILDER_ASSETS holds every program asked for.
given() {
  local program
  [[ -n ${KUBEBUILDER_ASSETS:-} ]] || return 1
  for program in "$@"; do
    if [[ ! -x $KUBEBUILDER_ASSETS/$program ]]; then
      say "KUBEBUILDER_ASSETS ($KUBEBUILDER_ASSETS) has no $program; using $dest instead"
      return 1
    fi
  done
}

main() {
  local lacking
  if given "$@"; then
    echo "$KUBEBUILDER_ASSETS"
    return
  fi
  pins=$(fingerprint)
  if [[ -n $(missing "$@") ]]; then
    mkdir -p "$dest"
    exec 9>"$dest/.lock"
    if command -v flock >/dev/null && ! flock -n 9; then
      say "waiting for another run that is at it"
      flock 9
    fi
    trap cleanup EXIT
    trap 'exit 130' INT TERM
    scratch=$(mktemp -d "$dest/.scratch.XXXXXX")
    lacking=$(missing "$@")
    # shellcheck disable=SC2086 # program names are single words
    [[ -z $lacking ]] || download $lacking
    lacking=$(missing "$@")
    # shellcheck disable=SC2086
    [[ -z $lacking ]] || build $lacking
  fi
  echo "$dest"
}

main "$@"
