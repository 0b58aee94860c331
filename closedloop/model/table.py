"""A schema: the columns of one CSV, as the user's TOML states them."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from closedloop.model.strict import Strict

ColumnType = Literal["int64", "string", "email", "timestamp", "enum"]

OF_A_ZONE = ("%z", "%:", "%#z", "%Z", "%+", "%s")
"""What a format tells a zone or an offset by, or seconds since 1970."""


class Column(Strict):
    """One column of a CSV: its header on the outside, its name on the inside, what it may hold.

    `header` is the key in the TOML, `name` the column in the warehouse. `aliases` are other headers
    the platform uses for it. `optional` columns may be absent from a file (then null in every row).
    `filled` columns of a subscriber file are written by closedloop, never selected.
    """

    header: str
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="The column in the warehouse.")
    type: ColumnType = Field(description="What a value is.")
    nullable: bool = Field(
        default=False, description='May be empty; "" is empty too when it comes in.'
    )
    optional: bool = Field(
        default=False,
        description="May be missing from a file as a whole: an agreed column that older files do not have. Needs `nullable`.",
    )
    aliases: tuple[str, ...] = Field(
        default=(), description="Other headers for the same column, compared without case."
    )
    max_length: int | None = Field(
        default=None, gt=0, description="Characters at most, of a string, email or enum."
    )
    values: tuple[str, ...] = Field(
        default=(), description="The values of an enum, which needs them."
    )
    unknown: Literal["warn", "reject"] = Field(
        default="warn",
        description="What a value outside an enum's `values` means: `warn` loads and reports it, `reject` rejects its row.",
    )
    format: str = Field(
        default="%Y-%m-%d %H:%M:%S",
        description="How a timestamp is written; the client's local time.",
    )
    references: str | None = Field(
        default=None,
        pattern=r"^[a-z_0-9]+\.[a-z_0-9]+$",
        description="schema.column that a value points at; what points at nothing is reported, never rejected.",
    )
    personal: bool = Field(default=False, description="Personal data: masked wherever it is shown.")
    filled: Literal["source_mailing", "wave"] | None = Field(
        default=None,
        description="Of a subscriber file: what closedloop writes here by itself. Other columns are selected.",
    )
    description: str = Field(default="", description="What the column holds, for people.")

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        if (self.type == "enum") != bool(self.values):
            raise ValueError("'values' belongs to type 'enum', and an enum needs it")
        for key, its_type in (("unknown", "enum"), ("format", "timestamp")):
            if key in self.model_fields_set and self.type != its_type:
                raise ValueError(f"'{key}' belongs to type '{its_type}', not to '{self.type}'")
        if "%" not in self.format:
            raise ValueError(
                f"'format' is '{self.format}', which tells no time; write it as in '%Y-%m-%d %H:%M:%S'"
            )
        if any(code in self.format for code in OF_A_ZONE):
            raise ValueError(
                f"'format' is '{self.format}', which tells a zone; times come in the client's local time, without one"
            )
        if self.max_length and self.type not in ("string", "email", "enum"):
            raise ValueError(f"'max_length' does not belong to type '{self.type}'")
        if self.optional and not self.nullable:
            raise ValueError("an optional column is null where it is absent: set nullable = true")
        return self


class Schema(Strict):
    """One CSV: its file name, how it is written, its columns in order (keyed by header).

    `header` says whether files start with a header line: "required", "none" (read by position) or
    "auto" (a first line that names a known column is a header, else by position). `extra` says what
    happens to columns the schema does not name, `shifted` what happens to a file read by position, or with a header
    in another order, whose columns look like each other's. `rules` are named checks over several columns.
    """

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]*$",
        description="As the file is called, without .toml; also the table and view in the warehouse.",
    )
    file: str = Field(
        description="The pattern of the file name: {date:%Y%m%d} once, {part} at most once, the rest as it stands."
    )
    description: str = Field(default="", description="What the file holds, for people.")
    key: tuple[str, ...] = Field(
        default=(),
        description="The columns, by `name`, that make a row unique; the view shows the newest row of each. Empty: every row counts.",
    )
    header: Literal["required", "auto", "none"] = Field(
        default="required",
        description="`required`: the first line names the columns; `none`: read by position; `auto`: a first line that names a known "
        "column is a header, else by position.",
    )
    separator: Literal[";", ",", "\t", "|"] = Field(
        default=";", description="The sign between two fields."
    )
    extra: Literal["refuse", "ignore"] = Field(
        default="refuse",
        description="What a column means that the schema does not name: refuse the file, or ignore the column.",
    )
    shifted: Literal["refuse", "ignore"] = Field(
        default="refuse",
        description="What a file means whose columns seem to have changed places: refuse it, or ignore that.",
    )
    rules: tuple[str, ...] = Field(
        default=(),
        description="Named checks over several columns: finished_not_before_started, delivery_fits_sending.",
    )
    columns: dict[str, Column] = Field(
        min_length=1,
        description="The columns in order, each by its header in the CSV; a header with a dot or a blank stands in quotes.",
    )

    @model_validator(mode="before")
    @classmethod
    def _from_toml(cls, given: Any) -> Any:
        """Lift `[table]` and tell each column its header."""
        if not isinstance(given, dict) or not isinstance(given.get("table"), dict):
            return given
        rest = {key: value for key, value in given.items() if key not in ("table", "columns")}
        columns = given.get("columns", {})
        if isinstance(columns, dict):
            columns = {
                header: {"header": header, **column} if isinstance(column, dict) else column
                for header, column in columns.items()
            }
        return {**given["table"], **rest, "columns": columns}

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        names = [column.name for column in self.columns.values()]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two columns are called '{twice[0]}'")
        headers = [h.lower() for c in self.columns.values() for h in {c.header, *c.aliases}]
        twice = sorted({header for header in headers if headers.count(header) > 1})
        if twice:
            raise ValueError(f"two columns have the header or alias '{twice[0]}'")
        lost = [name for name in self.key if name not in names]
        if lost:
            raise ValueError(f"key: no column is called '{lost[0]}'")
        return self

    def column(self, name: str) -> Column:
        """Return the column with this inside name; KeyError if there is none."""
        return {column.name: column for column in self.columns.values()}[name]
