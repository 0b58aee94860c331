"""Make `python -m closedloop` the command."""

from closedloop.cli import main

main()
