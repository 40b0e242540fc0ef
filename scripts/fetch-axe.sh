#!/bin/sh
# Fetches axe-core, which checks the pages for accessibility in tests only, from the npm registry into the cache where
# the tests look, and checks that it is the one that was looked at.
set -eu

version=4.14.1
sha256=e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745
place=${XDG_CACHE_HOME:-$HOME/.cache}/hepmeter/axe-core-$version

if [ -s "$place/axe.min.js" ]; then
	echo "$place/axe.min.js"
	exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
if command -v npm >/dev/null; then
	(cd "$work" && npm pack --silent "axe-core@$version" >/dev/null)
else
	curl -fsS -o "$work/axe-core-$version.tgz" "https://registry.npmjs.org/axe-core/-/axe-core-$version.tgz"
fi
echo "$sha256  $work/axe-core-$version.tgz" | sha256sum -c --quiet
tar -xzf "$work/axe-core-$version.tgz" -C "$work" package/axe.min.js package/LICENSE
mkdir -p "$place"
mv "$work/package/LICENSE" "$work/package/axe.min.js" "$place/"
echo "$place/axe.min.js"
