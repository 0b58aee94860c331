"""The command resend."""

import sys

import click

from closedloop.cli import Setting
from closedloop.completion import offering, waves
from closedloop.errors import ProjectError


@click.command()
@click.argument("wave", type=int, shell_complete=offering(waves))
@click.option("--soft-bounces", is_flag=True, help="To those whom the wave bounced softly.")
@click.option("--client", help="Whose wave it is, where several clients have one of this number.")
@click.option("--again", is_flag=True, help="A second time, and without waiting for another wave.")
@click.option("--dry-run", is_flag=True, help="Show who would be mailed; nothing is sent.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.pass_obj
def resend(
    setting: Setting,
    wave: int,
    client: str | None,
    *,
    soft_bounces: bool,
    again: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Send WAVE once more to those of its recipients whom it bounced softly, as a wave of its own.

    The rows come from the kept copy, in the same layout. Left out is who was reached meanwhile, bounced for good, or must
    not be mailed any more. A wave is sent once more once; --again does so a second time, to those whom the first resend
    bounced softly, too.

    \b
    closedloop resend 20261121060000 --soft-bounces --dry-run    who would be mailed
    closedloop resend 20261121060000 --soft-bounces
    """
    from closedloop.console import show_report
    from closedloop.core.report import as_json as to_json
    from closedloop.core.resend import mailings_of, wave_of
    from closedloop.edges import working
    from closedloop.flows.runner import Wish, carry_out
    from closedloop.ledger import Ledger
    from closedloop.model.job import SendJob
    from closedloop.state import StateFolder

    if not soft_bounces:
        raise ProjectError(f"say to whom: closedloop resend {wave} --soft-bounces")
    project = setting.project()
    state = StateFolder(project.state)
    state.refuse_if_gone()
    with Ledger(state.ledger) as ledger:
        waves = ledger.waves(client)
    found = wave_of(waves, wave)
    mailings_of(found, [each for each in waves if each.client == found.client], again=again)
    job = project.job(found.job)
    if not isinstance(job, SendJob):
        raise ProjectError(f"wave {wave}: jobs/{job.name}.toml is no send job any more")
    wish = Wish(dry_run=dry_run, again=again, resend_of=wave)
    with working(project, job, shown=sys.stderr.isatty() and not as_json) as given:
        report = carry_out(job, project, given, wish, setting.now)
    if as_json:
        click.echo(to_json(report))
    else:
        show_report(report)
    return report.exit_code
