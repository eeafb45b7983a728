#!/bin/sh
# install.sh EXTRA,...: installs the locked packages, whose files must have the locks' digests, and then the wheel, which
# may bring no other.
set -eu
cd "$(dirname "$0")"
pip_install() { pip install --no-cache-dir --no-compile --root-user-action=ignore "$@"; }

for extra in $(echo "$1" | tr , ' '); do
    set -- "$@" --requirement "locks/$extra.txt"
done
shift
pip_install --require-hashes --requirement locks/base.txt "$@"
pip_install --no-deps --no-index wheels/*.whl
pip check
