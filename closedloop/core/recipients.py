"""Who of a selection is mailed, who is not and why, and the lines of the subscriber file."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import polars as pl

from closedloop.core.blocklist import blocked
from closedloop.core.nearest import nearest
from closedloop.core.plain import are_small, are_without_control, repeated
from closedloop.errors import ProjectError
from closedloop.model.table import Column, Schema

CONSENT = "consent"
"""A selection may yield this column besides the schema's; rows with another consent are dropped."""

# Exactly one @ (spec/optimizely.md, section 4.3). Before it words with single dots between them, without
# blanks, invisible signs and those that need quotes; after it labels as the domain name system has them, the
# last one no number.
_WORD = r"[^\s\p{Cc}\p{Cf}@.,:;<>()\[\]\\\"]+"
_LABEL = r"[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}_-]*[\p{L}\p{M}\p{N}])?"
_LAST_LABEL = r"\p{L}[\p{L}\p{M}\p{N}-]*[\p{L}\p{M}\p{N}]"
ADDRESS = rf"^{_WORD}(?:\.{_WORD})*@(?:{_LABEL}\.)+{_LAST_LABEL}$"
LONGEST_LOCAL_PART = 64
LONG_LOCAL_PART = rf"^[^@]{{{LONGEST_LOCAL_PART + 1}}}"
CONTROL = r"[\x00-\x1f\x7f-\x9f]"
INT64 = r"^-?[0-9]{1,19}$"


_DIALECT: Any = {"include_header": False, "quote_style": "non_numeric", "null_value": ""}


@dataclass(frozen=True, slots=True)
class Fitted:
    """A batch made ready: `rows` in the schema's order by header, without the filled columns.

    `address` is normalised, for comparing only. `reason` says why a row can't be written, or is null.
    """

    rows: pl.DataFrame
    address: pl.Series
    reason: pl.Series


def normalised(address: pl.Expr) -> pl.Expr:
    """Return addresses as they are compared everywhere: trimmed, case-folded, in one Unicode form.

    What differs in capitals only is one address, in the full sense of Unicode: ß is ss, a final sigma is any
    sigma. Beyond it, a dotless i is an i: rather one address too few than somebody who left.
    """
    small = address.str.normalize("NFC").str.strip_chars().str.to_lowercase()
    # The small letters of the capitals: only they tell that ß is ss. One sigma stands for both.
    folded = (
        small.str.to_uppercase()
        .str.to_lowercase()
        .str.replace_all("\u03c2", "\u03c3", literal=True)
    )
    return folded.str.normalize("NFC")


def all_normalised(addresses: pl.Series) -> pl.Series:
    """Return many addresses normalised. Of plain ASCII the small letters say it all, ten times as fast."""
    if are_small(addresses):
        return addresses.alias("text")
    text = pl.col("text")
    rows = addresses.alias("text").to_frame().with_row_index("place")
    others = rows.filter(text.str.len_bytes() != text.str.len_chars())
    others = others.select("place", normalised(text).alias("text"))
    small = rows.select(text.str.strip_chars().str.to_lowercase()).to_series()
    return small.scatter(others["place"], others["text"])


def selected_columns(schema: Schema) -> list[Column]:
    """Return the columns that a selection must yield: all that closedloop does not fill."""
    return [column for column in schema.columns.values() if column.filled is None]


def column_disagreements(yielded: Sequence[str], schema: Schema) -> list[str]:
    """Return a sentence for each way in which a selection does not yield exactly the schema's columns."""
    wanted = {column.header.lower(): column.header for column in selected_columns(schema)}
    filled = {column.header.lower() for column in schema.columns.values() if column.filled}
    lowered = [name.lower() for name in yielded]
    lacking = [header for key, header in wanted.items() if key not in lowered]
    sentences = [
        f"column '{header}' of schemas/{schema.name}.toml is not selected" for header in lacking
    ]
    for name in yielded:
        if name.lower() in filled:
            sentences.append(f"column '{name}' is filled by closedloop: leave it out")
        elif name.lower() not in wanted and name.lower() != CONSENT:
            hint = nearest(name, lacking) if lacking else "; leave it out"
            sentences.append(f"column '{name}' is not in schemas/{schema.name}.toml{hint}")
    twice = sorted({name for name in lowered if lowered.count(name) > 1})
    return [*sentences, *(f"column '{name}' is selected twice" for name in twice)]


def fit(batch: pl.DataFrame, schema: Schema, consent: str | None) -> Fitted:
    """Cast a batch to the schema's columns and say which rows do not fit.

    Values are never cut or repaired, but for blanks around the address. Raises `ProjectError` if a column
    holds something that can't be written at all, such as a list.
    """
    by_name = {name.lower(): name for name in batch.columns}
    columns = selected_columns(schema)
    rows = batch.select(_cast(by_name[c.header.lower()], c, batch.schema) for c in columns)
    raw_texts = batch.select(_text(by_name[c.header.lower()], c, batch.schema) for c in columns)
    reasons = [
        reason for c in columns for reason in _misfits(c, rows[c.header], raw_texts[c.header])
    ]
    lost = [_lost_in_text(batch[by_name[c.header.lower()]], c) for c in columns]
    reasons += [reason for reason in lost if reason is not None]
    if consent is not None and CONSENT in by_name:
        given = batch[by_name[CONSENT]].cast(pl.String)
        reasons.insert(0, _where(given.ne_missing(consent), "no consent"))
    email = next((column.header for column in columns if column.type == "email"), None)
    address = (
        all_normalised(rows[email]) if email else pl.Series([None] * len(rows), dtype=pl.String)
    )
    reasons.append(pl.Series([None], dtype=pl.String).new_from_index(0, len(rows)))
    reason = pl.select(pl.coalesce(reasons)).to_series()
    return Fitted(rows, address.alias("address"), reason.alias("reason"))


def asked_for(addresses: pl.Series, spellings: pl.DataFrame) -> pl.Series:
    """Return under which addresses the warehouse may know these people; `addresses` are normalised.

    Those of plain ASCII are the same to both of us; of others it knows how they were delivered (`recipient`, `address`).
    """
    if spellings.is_empty():
        return addresses.drop_nulls()
    theirs = spellings.filter(_ours(spellings).is_in(addresses.implode()))
    return pl.concat([addresses.drop_nulls(), theirs["address"]])


def in_our_words(suppressed: pl.DataFrame, spellings: pl.DataFrame) -> pl.DataFrame:
    """Return who is suppressed (`address`, `reason`) by their normalised addresses, each as often as it was spelled."""
    spelled = spellings.with_columns(_ours(spellings).alias("ours")).join(suppressed, on="address")
    both = [
        suppressed.select("address", "reason"),
        spelled.select(pl.col("ours").alias("address"), "reason"),
    ]
    return pl.concat(both).sort("reason", descending=True)


def _ours(spellings: pl.DataFrame) -> pl.Series:
    return all_normalised(spellings["recipient"])


def decide(
    addresses: pl.Series, reasons: pl.Series, suppressed: pl.DataFrame, blocklist: Sequence[str]
) -> pl.Series:
    """Return, for each selected row, why it is not mailed, or null if it is.

    A row that does not fit keeps its reason; then come the suppressed (normalised `address`, `reason`), the blocklist
    (patterns with `*`), and of the rest each address once, the first one.
    """
    reasons = _without_those_who_left(addresses, reasons, suppressed)
    if blocklist:
        reasons = _without_listed(addresses, reasons, blocklist)
    again = repeated(addresses, reasons.is_null().arg_true())
    return reasons.scatter(again, "duplicate")


def _without_those_who_left(
    addresses: pl.Series, reasons: pl.Series, suppressed: pl.DataFrame
) -> pl.Series:
    left = suppressed.select("address", pl.col("reason").alias("left"))
    left = left.filter(left["address"].is_first_distinct())
    # Equal texts have equal hashes, so only these need be compared, and most need not.
    doubtful = addresses.hash().is_in(left["address"].hash().implode()).arg_true()
    rows = pl.DataFrame({"address": addresses.gather(doubtful), "reason": reasons.gather(doubtful)})
    rows = rows.join(left, on="address", how="left", maintain_order="left")
    # A copy, since scattering changes what the caller gave.
    return reasons.clone().scatter(doubtful, rows.select(pl.coalesce("reason", "left")).to_series())


def _without_listed(
    addresses: pl.Series, reasons: pl.Series, blocklist: Sequence[str]
) -> pl.Series:
    patterns = pl.Series(blocklist, dtype=pl.String).to_frame("pattern")
    patterns = patterns.select(normalised(pl.col("pattern")))
    listed = pl.when(blocked(pl.col("address"), patterns["pattern"].to_list())).then(
        pl.lit("blocklisted")
    )
    rows = pl.DataFrame({"address": addresses, "reason": reasons})
    return rows.select(pl.coalesce("reason", listed)).to_series()


def dropped(reasons: pl.Series) -> dict[str, int]:
    """Return how many rows each reason drops, most frequent first, then by name."""
    counts = reasons.drop_nulls().alias("reason").value_counts()
    return dict(counts.sort("count", "reason", descending=[True, False]).iter_rows())


def lines(rows: pl.DataFrame, schema: Schema, fills: dict[str, int]) -> bytes:
    """Return rows in the platform's dialect (spec/optimizely.md, section 2.1).

    No header, LF, UTF-8, text in quotes that are doubled inside, NULL as nothing, the empty text as `""`.
    """
    order = [
        pl.lit(fills[column.filled], pl.Int64).alias(header) if column.filled else pl.col(header)
        for header, column in schema.columns.items()
    ]
    text = BytesIO()
    rows.select(order).write_csv(text, **_DIALECT, separator=schema.separator)
    return text.getvalue()


def written_addresses(content: bytes, schema: Schema) -> pl.Series:
    """Return the addresses in a file that `lines` made, normalised, in their order."""
    place = next(i for i, c in enumerate(schema.columns.values()) if c.type == "email")
    if not content:
        return pl.Series([], dtype=pl.String)
    rows = pl.read_csv(
        content,
        has_header=schema.header == "required",
        separator=schema.separator,
        columns=[place],
        infer_schema=False,
    )
    return all_normalised(rows.to_series())


def head(schema: Schema) -> bytes:
    """Return the header line, where the schema wants one written."""
    if schema.header != "required":
        return b""
    return (
        pl.DataFrame({header: [] for header in schema.columns})
        .write_csv(separator=schema.separator)
        .encode()
    )


def masked(rows: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Return rows that may be shown.

    Personal columns keep their first letter, addresses their top-level domain. An address in any other text,
    such as a link, is masked too.
    """
    shown = [_shown(column) for header, column in schema.columns.items() if header in rows.columns]
    return rows.with_columns(shown)


def _shown(column: Column) -> pl.Expr:
    value = pl.col(column.header)
    if column.type == "email":
        return value.str.replace(r"(?s)^(.).*?(@)?[^@]*?(\.[^.@]*)?$", "${1}***${2}***${3}")
    if column.personal:
        return value.cast(pl.String).str.replace(r"(?s)^(.).*$", "${1}***")
    return value if column.type == "int64" else value.str.replace_all(r"\S*@\S*", "***")


def _cast(name: str, column: Column, types: pl.Schema) -> pl.Expr:
    text = _text(name, column, types)
    if column.type == "int64":
        return (
            pl.when(text.str.contains(INT64))
            .then(text.cast(pl.Int64, strict=False))
            .alias(column.header)
        )
    return text.str.strip_chars() if column.type == "email" else text


def _text(name: str, column: Column, types: pl.Schema) -> pl.Expr:
    kind, value = types[name], pl.col(name)
    if kind.is_nested() or kind in (pl.Binary, pl.Object):
        raise ProjectError(
            f"selection: column '{name}' holds {kind}, which can't be written to a CSV; cast it in the query"
        )
    if isinstance(kind, pl.Datetime) and kind.time_zone and column.type == "timestamp":
        raise ProjectError(
            f"selection: column '{name}' holds times with a zone; turn them into the client's local time in the query"
        )
    if kind in (pl.Datetime, pl.Date) and column.type == "timestamp":
        return value.cast(pl.Datetime).dt.strftime(column.format).alias(column.header)
    if column.type == "int64" and (kind.is_float() or kind.is_decimal()):
        whole = pl.when(value == value.round(0)).then(value.cast(pl.Int64, strict=False))
        value = pl.coalesce(whole.cast(pl.String), value.cast(pl.String))
    return value.cast(pl.String).alias(column.header)


def _lost_in_text(value: pl.Series, column: Column) -> pl.Series | None:
    """Return what the text of a value would not tell of it, or null; None if the texts tell all."""
    if value.dtype.is_float() and column.type not in ("int64", "timestamp"):
        lost, rule = ~value.is_finite(), "not a number"
    elif isinstance(value.dtype, pl.Datetime) and column.type == "timestamp":
        told = re.search("%[.369]*f", column.format) is not None
        lost, rule = (value.dt.nanosecond() != 0) & (not told), "holds fractions of a second"
    else:
        return None
    return _where(lost, f"{column.header}: {rule}")


def _misfits(column: Column, value: pl.Series, text: pl.Series) -> list[pl.Series]:
    """Return what is wrong with values, or null, for each rule that any of them breaks, in the order of the rules."""
    checks = _checks(column, value, text)
    if (limit := column.max_length) and (value.str.len_bytes() > limit).any():
        checks[f"{column.header}: longer than {limit} characters"] = value.str.len_chars() > limit
    return [_where(wrong, rule) for rule, wrong in checks.items() if wrong.any()]


def _where(wrong: pl.Series, rule: str) -> pl.Series:
    return pl.select(pl.when(wrong).then(pl.lit(rule))).to_series()


def _checks(column: Column, value: pl.Series, text: pl.Series) -> dict[str, pl.Series]:
    if column.type == "email":
        invalid = ~value.str.contains(ADDRESS)
        if (value.str.len_bytes() >= LONGEST_LOCAL_PART).any():
            invalid |= value.str.contains(LONG_LOCAL_PART)
        return {
            "missing address": value.is_null() | (value == ""),
            "invalid address": invalid,
        }
    checks: dict[str, pl.Series] = {}
    if not column.nullable:
        checks["missing"] = text.is_null()
    match column.type:
        case "int64":
            checks["not a whole number of 64 bits"] = text.is_not_null() & value.is_null()
        case "timestamp":
            # Written back and compared: polars reads `2026-1- 1` as well.
            read = text.str.to_datetime(column.format, strict=False).dt.strftime(column.format)
            checks[f"not a timestamp like {column.format}"] = text.ne_missing(read)
        case "enum" if column.unknown == "reject":
            checks[f"not one of {', '.join(column.values)}"] = text.is_not_null() & ~text.is_in(
                list(column.values)
            )
        case _:
            checks["holds a control character or line break"] = _has_control(text)
    return {f"{column.header}: {rule}": wrong for rule, wrong in checks.items()}


def _has_control(text: pl.Series) -> pl.Series:
    if are_without_control(text):
        return pl.repeat(value=False, n=len(text), eager=True)
    return text.str.contains(CONTROL)
