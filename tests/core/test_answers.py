from collections.abc import Callable

import pytest

from closedloop.core.answers import READ, unanswerable
from closedloop.model.table import Schema

Shipped = Callable[[str], Schema]
ALL = [(name, column) for name, columns in READ.items() for column in columns]


@pytest.fixture
def delivery(shipped: Shipped) -> dict[str, Schema]:
    return {name: shipped(name) for name in READ}


def changed(schema: Schema, name: str, /, **change: str) -> Schema:
    header = schema.column(name).header
    column = schema.columns[header].model_copy(update=change)
    return schema.model_copy(update={"columns": {**schema.columns, header: column}})


def test_the_shipped_schemas_can_be_answered_from(delivery: dict[str, Schema]) -> None:
    assert unanswerable(delivery) == []


@pytest.mark.parametrize(("schema", "column"), ALL)
def test_a_column_under_another_name_is_told(
    delivery: dict[str, Schema], schema: str, column: str
) -> None:
    delivery[schema] = changed(delivery[schema], column, name=f"{column}_x")
    (sentence,) = unanswerable(delivery)
    assert sentence.startswith(
        f'schemas/{schema}.toml: no column has name = "{column}", which the warehouse\'s answers read; write it at'
    )


def test_a_column_of_another_type_is_told(delivery: dict[str, Schema]) -> None:
    delivery["clicks"] = changed(delivery["clicks"], "link_id", type="string")
    (sentence,) = unanswerable(delivery)
    assert sentence == (
        "schemas/clicks.toml: column 'linkId': type 'string' is none that the warehouse's answers can read in "
        "'link_id'; make it 'int64'"
    )


def test_where_not_all_files_are_known_there_are_no_answers(delivery: dict[str, Schema]) -> None:
    assert unanswerable({"clicks": changed(delivery["clicks"], "link_id", name="x")}) == []
