"""The command restart."""

import click

from closedloop.cli import Setting
from closedloop.errors import ProjectError


@click.command()
@click.argument("job")
@click.option(
    "--assume-sent", is_flag=True, help="The platform took the wave: it is not sent again."
)
@click.option(
    "--resend", is_flag=True, help="The platform never took it: the next run sends a new selection."
)
@click.pass_obj
def restart(setting: Setting, job: str, *, assume_sent: bool, resend: bool) -> None:
    """Go on with a send JOB that stopped because the outcome of a wave could not be known.

    The answer to the decisive rename was lost and the file is gone from the server: only the platform knows whether it
    mailed the wave. Find out first, from its list of mailings, its status mail or its support. Without an option this command
    shows the wave and does nothing.

    \b
    closedloop restart send_newsletter                  which wave it is
    closedloop restart send_newsletter --assume-sent    people were mailed
    closedloop restart send_newsletter --resend         nobody was mailed
    """
    from closedloop.edges import working
    from closedloop.flows import restart as flow
    from closedloop.model.job import SendJob

    if assume_sent and resend:
        raise ProjectError(
            "--assume-sent and --resend exclude each other: were people mailed, or not?"
        )
    project = setting.project()
    chosen = project.job(job)
    if not isinstance(chosen, SendJob):
        raise ProjectError(f"{job} is a pull job: its next run goes on by itself")
    with working(project, chosen, shown=False) as given:
        wave = flow.unknown_wave(chosen, given)
        if assume_sent:
            flow.assume_sent(wave, given, setting.now())
        if resend:
            flow.assume_lost(wave, given)
    shown = f"wave {wave.wave_id}, {wave.file}, {wave.written:,} recipients"
    if assume_sent:
        click.echo(f"{shown}: written down as sent; it is not sent again")
    elif resend:
        click.echo(f"{shown}: forgotten; the next run of {job} sends a new selection")
    else:
        click.echo(
            f"{shown}: it is not known whether the platform took it; give --assume-sent or --resend"
        )
