"""The command `closedloop demo`."""

from pathlib import Path

import click


@click.command()
@click.argument("folder", default="demo", type=click.Path(file_okay=False, path_type=Path))
@click.option("--customers", default=20_000, show_default=True, type=click.IntRange(1_000, 200_000))
def demo(folder: Path, customers: int) -> None:
    """Play three weeks of newsletters in FOLDER, with the real commands against an emulated platform.

    A shop with 20,000 synthetic customers sends three weekly waves over SFTP, pulls the response files of 21 days and loads
    them. FOLDER is made anew and stays afterwards, to look round in. Needs the extra: pip install 'closedloop[emulator]'.

    \b
    closedloop demo
    closedloop demo /tmp/shop --customers 5000
    """
    from closedloop.demo.story import Stage, tell

    tell(Stage(folder), customers)
