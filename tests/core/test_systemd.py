import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from closedloop.core.systemd import Place, units
from closedloop.errors import ProjectError
from closedloop.model.job import PullJob, SendJob
from closedloop.model.settings import Settings

CLIENT = {"host": "sftp.example.com", "user": "r", "key": "k", "host_keys": ["ssh-rsa AAAA"]}
PLACE = Place(("/opt/closedloop/bin/closedloop",), "/srv/newsletter", "news", ["/srv/newsletter/var"])  # fmt: skip


def a_pull(**changed: Any) -> PullJob:
    plain = {"name": "home", "kind": "pull", "client": "de", "schedule": "*/10 * * * *"}
    return PullJob.model_validate({**plain, **changed})


def a_send(**changed: Any) -> SendJob:
    plain = {
        "name": "letter", "kind": "send", "client": "de", "schedule": "0 6 * * 2", "source_mailing": 1, "consent": "c",
        "selection": {"file": "customers.csv"},
    }  # fmt: skip
    return SendJob.model_validate({**plain, **changed})


def made(
    *jobs: SendJob | PullJob,
    place: Place = PLACE,
    client: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, str]:
    settings = Settings.model_validate({"clients": {"de": {**CLIENT, **(client or {})}}, **more})
    return units({job.name: job for job in jobs}, settings, place)


def test_each_job_with_a_schedule_has_a_timer_and_a_service() -> None:
    assert sorted(made(a_pull(), a_pull(name="idle", schedule=None))) == [
        "closedloop-newsletter-failed@.service",
        "closedloop-newsletter-home.service",
        "closedloop-newsletter-home.timer",
    ]


def test_a_send_is_started_at_its_slots_and_asked_for_what_is_left_of_them() -> None:
    found = made(a_send())
    slots, retries = (found[f"closedloop-newsletter-{name}.timer"] for name in ("letter", "letter-retry"))  # fmt: skip
    assert "OnCalendar=Tue *-*-* 06:00:00 Europe/Berlin\n" in slots
    assert "OnCalendar=*-*-* *:05/10:00\n" in retries
    service = found["closedloop-newsletter-letter-retry.service"]
    assert "ExecStart=/opt/closedloop/bin/closedloop --project /srv/newsletter run letter --retry\n" in service  # fmt: skip


def test_what_a_machine_that_was_off_has_missed_is_caught_up_with_once() -> None:
    found = made(a_send())
    assert "Persistent=yes" in found["closedloop-newsletter-letter.timer"]
    assert "Persistent=no" in found["closedloop-newsletter-letter-retry.timer"]


def test_a_service_may_write_into_the_folders_it_needs_only() -> None:
    place = Place(PLACE.command, PLACE.root, "news", ["/srv/newsletter/var", "/srv/www"])
    service = made(a_pull(), place=place)["closedloop-newsletter-home.service"]
    assert "ProtectSystem=strict\n" in service
    assert re.findall("^ReadWritePaths=(.*)$", service, re.MULTILINE) == [
        "/srv/newsletter/var",
        "-/srv/www",
    ]


@pytest.mark.parametrize(
    ("root", "word"), [("/srv/newsletter", "yes"), ("/home/ann/shop", "read-only")]
)
def test_homes_are_hidden_unless_the_project_is_in_one(root: str, word: str) -> None:
    place = Place(PLACE.command, root, "news", [f"{root}/var"])
    services = [text for name, text in made(a_pull(), place=place).items() if "home.service" in name]  # fmt: skip
    assert all(f"ProtectHome={word}\n" in text for text in services)
    assert services


def test_secrets_are_loaded_from_files_of_root() -> None:
    mail = {"url": "smtps://mail.example.com", "from": "a@example.com", "to": ["b@example.com"], "user": "u", "password_credential": "mail"}  # fmt: skip
    client = {"key": None, "password_env": "DE_PASSWORD"}
    service = made(a_pull(), client=client, mail=mail)["closedloop-newsletter-home.service"]
    assert re.findall("^LoadCredential=(.*)$", service, re.MULTILINE) == [
        "DE_PASSWORD:/etc/credstore/closedloop-newsletter.DE_PASSWORD",
        "mail:/etc/credstore/closedloop-newsletter.mail",
    ]


def test_a_run_has_its_deadline_before_it_is_stopped_from_outside() -> None:
    service = made(a_pull(deadline_minutes=30))["closedloop-newsletter-home.service"]
    assert "TimeoutStartSec=45min\n" in service


def test_two_jobs_never_share_a_unit() -> None:
    with pytest.raises(ProjectError, match="closedloop-newsletter-letter-retry"):
        made(a_send(), a_pull(name="letter-retry"))


def test_a_path_that_no_unit_can_hold_is_refused() -> None:
    with pytest.raises(ProjectError, match="control character"):
        made(a_pull(), place=Place(PLACE.command, "/srv/a\nUser=root", "news", ["/srv/a"]))


@pytest.mark.parametrize("root", ["/srv/newsletter", "/srv/50% off; $HOME \"x\" 'y'"])
def test_systemd_finds_nothing_wrong_with_the_units(
    root: str, tmp_path: Path, systemd_analyze: str
) -> None:
    place = Place((sys.executable, "-m", "closedloop"), root, "root", [f"{root}/var", "/srv/www"])
    found = made(
        a_send(description="50 % off.\nNow"), a_pull(), place=place, client={"passphrase_env": "P"}
    )
    for name, text in found.items():
        (tmp_path / name).write_text(text)
    instance = next(name for name in found if "@" in name).replace("@.", "@home.service.")
    (tmp_path / instance).write_text((tmp_path / instance.replace("home.service", "")).read_text())
    names = [name for name in found if "@" not in name]
    ended = subprocess.run(  # noqa: S603 our own units
        [systemd_analyze, "verify", "--man=no", *(str(tmp_path / name) for name in [*names, instance])],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    ours = [line for line in ended.stderr.splitlines() if str(tmp_path) in line or "closedloop" in line]  # fmt: skip
    assert (ended.returncode, ours) == (0, [])
