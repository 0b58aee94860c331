"""The nine files of the interface, as jobs/ and schemas/ of this repository state them."""

from pathlib import Path

import pytest

from closedloop.core.crosscheck import disagreements
from closedloop.model.filename import Pattern
from closedloop.model.job import RESPONSE_SCHEMAS, PullJob, SendJob
from closedloop.model.settings import Settings
from closedloop.model.table import Schema
from closedloop.toml import read_toml, validated

REPOSITORY = Path(__file__).parents[1]
SCHEMAS = {
    path.stem: validated(Schema, read_toml(path, path.name), path.name)
    for path in sorted((REPOSITORY / "schemas").glob("*.toml"))
}

# The vendor's columns, in the vendor's order.
INTERFACE = {
    "subscribers": "Email BROADMAIL_ID WELLE_ID Anrede Vorname Nachname",
    "mailings": "id compoundMasterId mailingGroupId mailing.recipientLists started finished",
    "mailing_recipients": "id mailingId mailingGroupId userId created sendingStatus deliveryStatus response.category",
    "links": "id mailingId mailingToUserId mailingGroupId name url",
    "clicks": "linkId mailingId mailingToUserId mailingGroupId userId created click.browser click.platform click.device",
    "opens": "linkId mailingId mailingToUserId mailingGroupId userId created open.browser open.platform open.device",
    "automated_opens": "mailingId mailingToUserId mailingGroupId userId created open.browser open.platform",
    "unsubscribes": "mailingId mailingToUserId mailingGroupId userId created",
    "responses": "mailingId mailingToUserId mailingGroupId userId created category",
}

FILES = {
    "subscribers": "20210101120755_subscribers.csv",
    "mailings": "20210101_mailings.csv",
    "mailing_recipients": "20210101_mailingrecipients.csv",
    "links": "20210101_links.csv",
    "clicks": "20210101_clicks.csv",
    "opens": "20210101_opens.csv",
    "automated_opens": "20210101_automated_opens.csv",
    "unsubscribes": "20210101_unsubscribes.csv",
    "responses": "20210101_responses.csv",
}


def test_the_nine_files_are_there() -> None:
    assert {*SCHEMAS} == {"subscribers", *RESPONSE_SCHEMAS}


@pytest.mark.parametrize("name", sorted(INTERFACE))
def test_a_schema_has_the_vendors_columns_in_order(name: str) -> None:
    assert [*SCHEMAS[name].columns] == INTERFACE[name].split()


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_schema_knows_the_vendors_file_name(name: str) -> None:
    assert Pattern(SCHEMAS[name].file).sample() == FILES[name]
    assert Pattern(SCHEMAS[name].file).match(FILES[name])


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_everything_is_described(name: str) -> None:
    assert SCHEMAS[name].description.endswith(".")
    for column in SCHEMAS[name].columns.values():
        assert column.description, column.header


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_whoever_can_be_known_by_a_column_is_kept_private(name: str) -> None:
    personal = {"email", "recipient", "salutation", "first_name", "last_name"}
    for column in SCHEMAS[name].columns.values():
        assert column.personal == (column.name in personal), column.name


@pytest.mark.parametrize("name", RESPONSE_SCHEMAS)
def test_values_that_the_vendor_adds_warn_and_are_loaded(name: str) -> None:
    assert {column.unknown for column in SCHEMAS[name].columns.values()} == {"warn"}


def test_the_shipped_jobs_fit_a_client_and_the_schemas() -> None:
    settings = Settings.model_validate(
        {"clients": {"de": {"host": "h", "user": "u", "key": "k", "host_keys": ["ssh-rsa AAAA"]}}}
    )
    kinds: dict[str, type[SendJob | PullJob]] = {"send": SendJob, "pull": PullJob}
    given = {p.stem: read_toml(p, p.name) for p in sorted((REPOSITORY / "jobs").glob("*.toml"))}
    jobs = {
        name: validated(kinds[job["kind"]], {"name": name, **job}, name)
        for name, job in given.items()
    }
    assert {*jobs} == {"send_newsletter", "pull_responses"}
    assert disagreements(settings, jobs, SCHEMAS) == []
