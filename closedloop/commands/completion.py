"""The command that prints what a shell needs to complete our words: completion."""

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from closedloop.cli import cli

KINDS: dict[str, type[ShellComplete]] = {
    "bash": BashComplete,
    "zsh": ZshComplete,
    "fish": FishComplete,
}


@click.command()
@click.argument("shell", type=click.Choice([*KINDS]))
def completion(shell: str) -> None:
    """Print the lines that let SHELL complete commands, options, jobs, error files, runs, waves and quarantined files.

    \b
    closedloop completion bash >> ~/.bashrc
    closedloop completion zsh >> ~/.zshrc
    closedloop completion fish > ~/.config/fish/completions/closedloop.fish
    """
    kind = KINDS[shell]
    click.echo(kind(cli, {}, "closedloop", "_CLOSEDLOOP_COMPLETE").source())
