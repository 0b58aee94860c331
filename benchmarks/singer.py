"""What Singer's tap-sftp and target-duckdb are told, as their user would write it once."""

import json
import subprocess
from pathlib import Path

from benchmarks.sshd import Server
from benchmarks.venvs import ready


def configure(work: Path, server: Server, day: Path, tables: list[str]) -> None:
    """Write what tap and target ask for, and let the tap discover its catalog, of which all is selected."""
    streams = [
        {
            "table_name": table,
            "search_prefix": str(day),
            "search_pattern": rf"/\d+_{table}\.csv$",
            "key_properties": [],
            "delimiter": ";",
        }
        for table in tables
    ]
    tap = {
        "host": "127.0.0.1",
        "port": server.port,
        "username": server.user,
        "private_key_file": str(server.key),
        "start_date": "2020-01-01T00:00:00Z",
        "encoding_format": "latin-1",  # as UTF-8, the first line that isn't ends it
        "tables": json.dumps(streams),
    }
    target = {
        "filepath": str(work / "warehouse.duckdb"),
        "database": "warehouse",
        "default_target_schema": "main",
        "primary_key_required": False,
    }
    (work / "tap.json").write_text(json.dumps(tap))
    (work / "target.json").write_text(json.dumps(target))
    command = [
        str(ready() / "tap" / "bin" / "tap-sftp"),
        "--config",
        str(work / "tap.json"),
        "--discover",
    ]
    found = subprocess.run(command, check=True, capture_output=True)  # noqa: S603  pinned in venvs.py
    catalog = json.loads(found.stdout)
    for stream in catalog["streams"]:
        stream["metadata"][0]["metadata"]["selected"] = True
    (work / "catalog.json").write_text(json.dumps(catalog))
