"""A job: what to do, for which client, and when."""

from typing import Literal, Self

from pydantic import Field, model_validator

from closedloop.model.strict import Strict

RESPONSE_SCHEMAS = (
    "mailings",
    "mailing_recipients",
    "links",
    "clicks",
    "opens",
    "automated_opens",
    "unsubscribes",
    "responses",
)
"""The eight files of a delivery (spec/optimizely.md, section 3)."""


MailWhen = Literal["always", "change", "trouble"]
"""After which runs a job mails: all that did something, those out of the ordinary, those that a person must act on."""


class Selection(Strict):
    """Where rows come from: a query, or a file.

    `sql` runs on `source`: "warehouse", or a database URL (duckdb:///path, postgresql://...). `file` is a
    CSV (with header) or Parquet file, relative to the project.
    """

    sql: str | None = None
    source: str = Field(default="warehouse", alias="from")
    file: str | None = None

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if bool(self.sql) == bool(self.file):
            raise ValueError("needs either 'sql' or 'file'")
        if self.file and "source" in self.model_fields_set:
            raise ValueError(
                "'from' belongs to 'sql': take it out, or write 'sql' instead of 'file'"
            )
        return self


class ProductData(Selection):
    """A second CSV, published before the subscriber file."""

    schema_name: str = Field(alias="schema")


USUAL_DEADLINE_MINUTES = 120.0
"""A pull of ten million rows, or a send to a million, is done in less on a small server and a slow line."""

OnError = Literal["suspend", "continue"]
"""What an error file does to its job: later runs wait for `closedloop restart`, or try again by themselves."""


class SendJob(Strict):
    """Select recipients and send them one mailing: one wave for each slot of the schedule.

    A wave waits up to `wait_hours` until an earlier one of its source mailing is confirmed. A run that is not done after
    `deadline_minutes` ends at its next safe point.
    """

    name: str
    kind: Literal["send"]
    client: str
    description: str = ""
    schedule: str | None = None
    deadline_minutes: float = Field(default=USUAL_DEADLINE_MINUTES, gt=0)
    mail: MailWhen = "always"
    on_error: OnError = "suspend"
    source_mailing: int = Field(gt=0, lt=2**63)
    wait_hours: float = Field(default=12, ge=0)
    schema_name: str = Field(alias="schema", default="subscribers")
    consent: str = Field(min_length=1)
    selection: Selection
    test_recipients: Selection | None = None
    product_data: ProductData | None = None


class PullJob(Strict):
    """Fetch, check and load every new response file.

    A file fails as a whole when none of its rows is right, or more than `reject_floor` and more than the share `reject_limit` of its
    rows are rejected. Today's delivery is missed from `expected_by` (client's local time) on. A run that is not done after
    `deadline_minutes` ends at its next safe point.
    """

    name: str
    kind: Literal["pull"]
    client: str
    description: str = ""
    schedule: str | None = None
    deadline_minutes: float = Field(default=USUAL_DEADLINE_MINUTES, gt=0)
    mail: MailWhen = "always"
    on_error: OnError = "suspend"
    schemas: tuple[str, ...] = Field(default=RESPONSE_SCHEMAS, min_length=1)
    reject_limit: float = Field(default=0.05, ge=0, le=1)
    reject_floor: int = Field(default=20, ge=0)
    expected_by: str = Field(default="12:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
