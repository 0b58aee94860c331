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

    sql: str | None = Field(
        default=None,
        description="A query that yields the schema's columns by header, in any order and any case, without those that closedloop "
        "fills. Either this or `file`.",
    )
    source: str = Field(
        default="warehouse",
        alias="from",
        description='Where `sql` runs: "warehouse", "duckdb:///path" or "postgresql://user@host/database".',
    )
    file: str | None = Field(
        default=None,
        description="A CSV with a header, or a Parquet file, relative to the project. Either this or `sql`.",
    )

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

    schema_name: str = Field(alias="schema", description="The layout of the second file.")


USUAL_DEADLINE_MINUTES = 120.0
"""A pull of ten million rows, or a send to a million, is done in less on a small server and a slow line."""

OnError = Literal["suspend", "continue"]
"""What an error file does to its job: later runs wait for `closedloop restart`, or try again by themselves."""


class JobBase(Strict):
    """What every job says, whatever it does.

    A run that is not done after `deadline_minutes` ends at its next safe point.
    """

    name: str
    kind: str
    client: str = Field(
        description="The client it works for: a section [clients.NAME] of closedloop.toml."
    )
    description: str = Field(default="", description="What it does, for people.")
    schedule: str | None = None
    deadline_minutes: float = Field(
        default=USUAL_DEADLINE_MINUTES,
        gt=0,
        description="A run that is not done by then ends at its next safe point with exit 75, and the next run goes on where it was.",
    )
    mail: MailWhen = Field(
        default="always",
        description="After which runs it mails: `always` after each that did something, `change` when something is not as usual, "
        "`trouble` when a person should act.",
    )
    on_error: OnError = Field(
        default="suspend",
        description="What an error file does to this job: `suspend` it until closedloop restart, or `continue` to try again by itself "
        "where that can't mail twice.",
    )


class SendJob(JobBase):
    """Select recipients and send them one mailing: one wave for each slot of the schedule.

    A wave waits up to `wait_hours` until an earlier one of its source mailing is confirmed.
    """

    kind: Literal["send"] = Field(description="This job sends waves.")
    schedule: str | None = Field(
        default=None,
        description="Five fields of cron, in the client's time zone. Each slot has one wave; a run belongs to the latest slot that has begun. Without it: one slot a day.",
    )
    source_mailing: int = Field(
        gt=0,
        lt=2**63,
        description="The number of the mailing that the platform copies and sends; never activate it.",
    )
    wait_hours: float = Field(
        default=12,
        ge=0,
        description="So long a wave waits (exit 75) while an earlier one of the same source mailing is not confirmed, then it goes out "
        "all the same and the report says so; 0: not at all.",
    )
    schema_name: str = Field(
        alias="schema", default="subscribers", description="The layout of the subscriber file."
    )
    consent: str = Field(
        min_length=1,
        description="The one consent this job mails under. A selection that yields a column `consent` is held to it row by row.",
    )
    selection: Selection = Field(description="Who is mailed.")
    test_recipients: Selection | None = Field(
        default=None, description="Who gets `closedloop run JOB --test`."
    )
    product_data: ProductData | None = Field(
        default=None,
        description="A second file, published before the subscriber file under the same time.",
    )


class PullJob(JobBase):
    """Fetch, check and load every new response file.

    A file fails as a whole when none of its rows is right, or more than `reject_floor` and more than the share `reject_limit` of its
    rows are rejected. Today's delivery is missed from `expected_by` (client's local time) on.
    """

    kind: Literal["pull"] = Field(description="This job fetches response files.")
    schedule: str | None = Field(
        default=None,
        description="Five fields of cron, in the client's time zone, for `closedloop schedule`.",
    )
    schemas: tuple[str, ...] = Field(
        default=RESPONSE_SCHEMAS, min_length=1, description="Which files are pulled, by schema."
    )
    reject_limit: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="A file is refused when none of its rows is right, or more than this share of them is rejected, and more than "
        "`reject_floor`.",
    )
    reject_floor: int = Field(
        default=20,
        ge=0,
        description="So many rejected rows are taken in any case, as long as some row is right.",
    )
    expected_by: str = Field(
        default="12:00",
        pattern=r"^([01]\d|2[0-3]):[0-5]\d$",
        description="The client's local time from which today's files are missed.",
    )
