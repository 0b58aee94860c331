"""Where secrets come from when systemd starts a job."""

from pathlib import Path

from closedloop.credentials import environment


def test_a_secret_may_be_a_credential_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "CLOSEDLOOP_DE_PASSWORD").write_text("open sesame\n")
    found = environment({"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert found.get("CLOSEDLOOP_DE_PASSWORD") == "open sesame"


def test_a_variable_that_is_set_goes_before_a_credential(tmp_path: Path) -> None:
    (tmp_path / "WORDS").write_text("from the file")
    found = environment({"CREDENTIALS_DIRECTORY": str(tmp_path), "WORDS": "from the shell"})
    assert found.get("WORDS") == "from the shell"


def test_credentials_that_are_no_text_or_gone_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "KEY").write_bytes(b"\xff\xfe")
    assert "KEY" not in environment({"CREDENTIALS_DIRECTORY": str(tmp_path)})
    gone = {"CREDENTIALS_DIRECTORY": str(tmp_path / "gone")}
    assert environment(gone) == gone
