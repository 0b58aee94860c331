"""Jobs as lines of a crontab."""

from zoneinfo import ZoneInfo

from closedloop.core.crontab import crontab
from closedloop.model.job import PullJob

COMMAND = ("/srv/newsletter/.venv/bin/closedloop",)
ZONES = {"de": ZoneInfo("Europe/Berlin"), "uk": ZoneInfo("Europe/London")}


def printed(*jobs: PullJob, root: str = "/srv/newsletter") -> list[str]:
    return crontab({job.name: job for job in jobs}, ZONES, COMMAND, root).splitlines()


def a_job(**changed: str) -> PullJob:
    plain = {"name": "home", "kind": "pull", "client": "de", "schedule": "*/10 * * * *"}
    return PullJob.model_validate({**plain, **changed})


def test_a_job_is_a_line_with_its_schedule() -> None:
    line = "*/10 * * * * /srv/newsletter/.venv/bin/closedloop --project /srv/newsletter run home"
    assert [each for each in printed(a_job()) if "home" in each] == [line]
    assert "# " not in printed(a_job())


def test_a_job_without_a_schedule_is_left_out() -> None:
    without = PullJob(name="home", kind="pull", client="de")
    assert not [line for line in printed(without) if not line.startswith("#") and line]


def test_jobs_stand_below_the_zone_of_their_client() -> None:
    lines = printed(a_job(name="british", client="uk"), a_job(name="german"))
    order = [line for line in lines if line.startswith(("CRON_TZ", "*"))]
    assert order[0] == "CRON_TZ=Europe/Berlin"
    assert order[1].endswith("run german")
    assert order[2] == "CRON_TZ=Europe/London"
    assert order[3].endswith("run british")


def test_nobody_is_told_to_have_a_machine_in_two_zones() -> None:
    assert [line for line in printed(a_job()) if "the machine must be in it" in line]
    several = printed(a_job(name="british", client="uk"), a_job(name="german"))
    assert not [line for line in several if "must be in it" in line]
    advice = (
        "be in several zones: take a cron that knows it (cronie), or 'closedloop schedule systemd'."
    )
    assert [line for line in several if line.startswith("#") and line.endswith(advice)]


def test_paths_with_blanks_and_percent_signs_survive_cron_and_the_shell() -> None:
    (line,) = [line for line in printed(a_job(), root="/srv/50% off") if line.startswith("*")]
    assert line.endswith(r"--project '/srv/50\% off' run home")


def test_a_description_never_becomes_a_line_of_its_own() -> None:
    lines = printed(a_job(description="Home.\n* * * * * reboot"))
    assert "# Home. * * * * * reboot" in lines
    assert "* * * * * reboot" not in lines
