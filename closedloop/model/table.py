"""A schema: the columns of one CSV, as the user's TOML states them."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from closedloop.model.strict import Strict

ColumnType = Literal["int64", "string", "email", "timestamp", "enum"]


class Column(Strict):
    """One column of a CSV: its header on the outside, its name on the inside, what it may hold.

    `header` is the key in the TOML, `name` the column in the warehouse. `aliases` are other headers
    the platform uses for it. `optional` columns may be absent from a file (then null in every row).
    `filled` columns of a subscriber file are written by closedloop, never selected.
    """

    header: str
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    type: ColumnType
    nullable: bool = False
    optional: bool = False
    aliases: tuple[str, ...] = ()
    max_length: int | None = Field(default=None, gt=0)
    values: tuple[str, ...] = ()
    unknown: Literal["warn", "reject"] = "warn"
    format: str = "%Y-%m-%d %H:%M:%S"
    references: str | None = Field(default=None, pattern=r"^[a-z_0-9]+\.[a-z_0-9]+$")
    personal: bool = False
    filled: Literal["source_mailing", "wave"] | None = None
    description: str = ""

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

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    file: str
    description: str = ""
    key: tuple[str, ...] = ()
    header: Literal["required", "auto", "none"] = "required"
    separator: Literal[";", ",", "\t", "|"] = ";"
    extra: Literal["refuse", "ignore"] = "refuse"
    shifted: Literal["refuse", "ignore"] = "refuse"
    rules: tuple[str, ...] = ()
    columns: dict[str, Column] = Field(min_length=1)

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
