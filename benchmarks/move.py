"""One of our turns: the files of a folder to another, down or up; as lean as the command.

python -m benchmarks.move down|up SERVER FOLDER TO
"""

import gc
import json
import os
import sys
from pathlib import Path

from closedloop.cli import OBJECTS_WORTH_A_SEARCH
from closedloop.model.settings import Client
from closedloop.remote.sftp import open_remote


def _move(way: str, words: str, source: Path, to: Path) -> None:
    port, user, key, host_key = json.loads(words)
    client = Client(host="127.0.0.1", port=port, user=user, key=key, host_keys=(host_key,))
    with open_remote(client, to.parent, os.environ.get) as remote:
        if way == "up":
            for path in sorted(source.iterdir()):
                remote.stage(path, f"{to}/{path.name}")
            return
        files = [(file, to / file.name) for file in remote.listing(str(source))]
        # All are wanted: begun with the largest, two connections end together.
        files.sort(key=lambda each: each[0].size, reverse=True)
        remote.expect(str(source), files)
        for file, target in files:
            remote.fetch(str(source), file, target)


if __name__ == "__main__":
    # As the command begins and ends.
    gc.set_threshold(OBJECTS_WORTH_A_SEARCH)
    _move(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
    gc.freeze()
