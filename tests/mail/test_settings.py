"""What [mail] takes, and what it refuses before anything is sent."""

from typing import Any

import pytest
from pydantic import ValidationError

from closedloop.model.mail import Mail, bare

GOOD = {
    "url": "smtp://mail.example.com:587",
    "from": "closedloop <closedloop@example.com>",
    "to": ("ops@example.com",),
}
LOG_IN = {"user": "robot", "password_env": "MAIL_PASSWORD"}


def settings(**changed: Any) -> Mail:
    return Mail.model_validate({**GOOD, **changed})


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("smtp://mail.example.com", ("mail.example.com", 25)),
        ("smtp://mail.example.com:587/", ("mail.example.com", 587)),
        ("smtps://mail.example.com", ("mail.example.com", 465)),
        ("smtp://[::1]:2525", ("::1", 2525)),
    ],
)
def test_a_url_names_the_server_and_its_port(url: str, place: tuple[str, int]) -> None:
    assert (settings(url=url).host, settings(url=url).port) == place


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        pytest.param({"url": "http://mail.example.com"}, "no mail server", id="another scheme"),
        pytest.param({"url": "mail.example.com"}, "no mail server", id="no scheme"),
        pytest.param({"url": "smtp://mail.example.com:0"}, "no mail server", id="port 0"),
        pytest.param({"url": "smtp://mail.example.com:70000"}, "no mail server", id="port 70000"),
        pytest.param({"url": "smtp://mail.example.com/x"}, "no mail server", id="a path"),
        pytest.param({"from": "closedloop"}, "no mail address", id="a sender without @"),
        pytest.param({"to": ("a@example.com\nBcc: b",)}, "no mail address", id="a line break"),
        pytest.param({"to": ()}, "at least 1", id="nobody"),
        pytest.param({"user": "robot"}, "'user' needs one of", id="a user without a password"),
        pytest.param({"password_env": "X"}, "they need 'user'", id="a password without a user"),
        pytest.param({**LOG_IN, "password_file": "x"}, "'user' needs one of", id="two passwords"),
        pytest.param({**LOG_IN, "starttls": "never"}, "plain text", id="a password in plain text"),
        pytest.param(
            {"url": "smtps://mail.example.com", "starttls": "required"},
            "belongs to",
            id="TLS twice",
        ),
    ],
)
def test_what_can_not_work_is_refused_with_a_reason(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        settings(**changed)


def test_a_password_in_the_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValidationError) as caught:
        settings(url="smtp://robot:hush@mail.example.com")
    sentence = str(caught.value.errors()[0]["msg"])
    assert "no user and no password" in sentence
    assert "hush" not in sentence


@pytest.mark.parametrize(
    ("changed", "needed"),
    [
        pytest.param({}, True, id="another machine"),
        pytest.param({"starttls": "never"}, False, id="another machine, on purpose"),
        pytest.param({"url": "smtp://localhost"}, False, id="this machine"),
        pytest.param({"url": "smtp://localhost", **LOG_IN}, True, id="this machine, with log-in"),
        pytest.param({"url": "smtps://mail.example.com"}, False, id="encrypted already"),
    ],
)
def test_plain_text_goes_to_this_machine_only(changed: dict[str, Any], needed: bool) -> None:  # noqa: FBT001 a claim
    assert settings(**changed).needs_starttls is needed


def test_an_address_may_have_a_name_before_it() -> None:
    assert bare("Betrieb & Co <ops@example.com>") == "ops@example.com"
    assert bare("ops@example.com") == "ops@example.com"
