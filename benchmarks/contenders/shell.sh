# OpenSSH's sftp and DuckDB's shell.
set -e
echo "get $FOLDER/*.csv ." > batch
sftp -q -b batch -F none -i "$KEY" -P "$PORT" -o UserKnownHostsFile="$KNOWN_HOSTS" -o IdentitiesOnly=yes "$LOGIN@127.0.0.1"
"$VENVS/shell/bin/duckdb" warehouse.duckdb < load.sql
