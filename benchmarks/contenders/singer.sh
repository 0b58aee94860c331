# Singer: tap-sftp into target-duckdb, each in a virtual environment of its own.
set -e -o pipefail
"$VENVS/tap/bin/tap-sftp" --config tap.json --catalog catalog.json | "$VENVS/target/bin/target-duckdb" --config target.json
