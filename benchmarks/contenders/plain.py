"""What one writes in an afternoon: paramiko, pandas, to_sql."""

import json
import os
from pathlib import Path

import pandas as pd
import paramiko
import sqlalchemy

given = os.environ
client = paramiko.SSHClient()
client.load_host_keys(given["KNOWN_HOSTS"])
client.connect("127.0.0.1", int(given["PORT"]), given["LOGIN"], key_filename=given["KEY"])
sftp = client.open_sftp()
engine = sqlalchemy.create_engine("sqlite:///warehouse.sqlite")
tables = json.loads(Path("tables.json").read_text())
for name in sorted(sftp.listdir(given["FOLDER"])):
    sftp.get(f"{given['FOLDER']}/{name}", name)
    table = name.partition("_")[2].removesuffix(".csv")
    texts = {column: str for column, kind in tables[table].items() if kind == "VARCHAR"}
    frame = pd.read_csv(
        name, sep=";", dtype=texts, low_memory=False, on_bad_lines="skip", encoding_errors="replace"
    )
    for column, kind in tables[table].items():
        if kind == "BIGINT":
            frame[column] = pd.to_numeric(frame[column], errors="coerce").astype("Int64")
        if kind == "TIMESTAMP":
            frame[column] = pd.to_datetime(frame[column], errors="coerce")
    frame.to_sql(table, engine, if_exists="append", index=False)
client.close()
