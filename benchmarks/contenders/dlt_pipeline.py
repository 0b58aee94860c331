"""dlt's filesystem source over SFTP into DuckDB, read by DuckDB through Arrow: the fastest of its readers."""

import json
import os
from pathlib import Path

import dlt
from dlt.common.configuration.specs import SFTPCredentials
from dlt.sources.filesystem import readers

given = os.environ
credentials = SFTPCredentials(
    sftp_port=int(given["PORT"]), sftp_username=given["LOGIN"], sftp_key_filename=given["KEY"]
)
pipeline = dlt.pipeline(
    "responses",
    pipelines_dir="pipelines",
    destination=dlt.destinations.duckdb("warehouse.duckdb"),
    dataset_name="main",
)
reading = {"sep": ";", "header": True, "ignore_errors": True}
pipeline.run(
    [
        readers(f"sftp://127.0.0.1{given['FOLDER']}", credentials, f"????????_{table}.csv")
        .read_csv_duckdb(chunk_size=100_000, use_pyarrow=True, dtype=columns, **reading)
        .with_name(table)
        for table, columns in json.loads(Path("tables.json").read_text()).items()
    ]
)
