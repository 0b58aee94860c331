"""The settings of the mail: where letters go, and in which language."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from closedloop.model.letter import Language
from closedloop.model.strict import Strict

PORTS = {"smtp": 25, "smtps": 465}
THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
HIGHEST_PORT = 65535
SAMPLE = "write it as in 'smtp://mail.example.com:587' or 'smtps://mail.example.com'"

_URL = re.compile(
    r"(?P<scheme>smtps?)://(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[^\s/@:\[\]?#]+))(?::(?P<port>[0-9]{1,5}))?/?"
)
_BARE = r"[!-;=?A-~]+@[A-Za-z0-9.-]+"
_ADDRESS = re.compile(rf"[^<>@\"\x00-\x1f]*<(?P<inner>{_BARE})>|(?P<bare>{_BARE})")


def _server(url: str) -> str:
    if "@" in url:
        # The address is not repeated: a password may be a part of it.
        raise ValueError("no user and no password in it; 'user' and 'password_env' are for that")
    found = _URL.fullmatch(url)
    if not found or not 0 < int(found["port"] or 1) <= HIGHEST_PORT:
        raise ValueError(f"'{url}' is no mail server; {SAMPLE}")
    return url


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError(
            f"'{text}' is no mail address; write it as in 'ops@example.com' or 'Operations <ops@example.com>'"
        )
    return text


Address = Annotated[str, AfterValidator(_address)]


class Mail(Strict):
    """Where letters go: `smtp://host:port` (STARTTLS) or `smtps://host:port` (TLS at once), and in which language.

    The password of `user` stands in an environment variable, a file (relative to the project), or a systemd
    credential. `ca` is a file with the certificates to trust instead of the machine's.
    """

    url: Annotated[str, AfterValidator(_server)] = Field(
        description="smtp://host:port (port 25, STARTTLS) or, encrypted from the start, smtps://host:port (port 465); without user and password."
    )
    sender: Address = Field(
        alias="from",
        description="The sender, as `ops@example.com` or `Operations <ops@example.com>`.",
    )
    to: tuple[Address, ...] = Field(min_length=1, description="Who gets the letters.")
    language: Language = Field(
        default="en",
        description="Words, numbers and dates of the letters; also of the page, unless [dashboard] says otherwise.",
    )
    user: str | None = Field(
        default=None,
        min_length=1,
        description="Who logs in; needs one of the three passwords below.",
    )
    password_env: str | None = Field(
        default=None, description="The environment variable that holds the password."
    )
    password_file: str | None = Field(
        default=None, description="The file that holds the password, relative to the project."
    )
    password_credential: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_.-]+$",
        description="The systemd credential (LoadCredential=) that holds the password.",
    )
    starttls: Literal["required", "never"] | None = Field(
        default=None,
        description="Of smtp:// alone. Without it STARTTLS is required, but not on this machine (localhost) without `user`. "
        "A password is never sent in plain text.",
    )
    ca: str | None = Field(
        default=None,
        description="A file with the certificates to trust instead of the machine's, relative to the project.",
    )

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        given = (self.password_env, self.password_file, self.password_credential)
        if sum(value is not None for value in given) != bool(self.user):
            raise ValueError(
                "'user' needs one of 'password_env', 'password_file', 'password_credential', and they need 'user'"
            )
        if self.scheme == "smtps" and self.starttls:
            raise ValueError("'starttls' belongs to smtp://; smtps:// is encrypted from the start")
        if self.user and self.starttls == "never":
            raise ValueError(
                "'starttls' is \"never\", and a password is not sent in plain text: take out the one or the other"
            )
        return self

    @property
    def scheme(self) -> str:
        """How the connection begins: smtp, or smtps for TLS at once."""
        return self.url.partition(":")[0]

    @property
    def host(self) -> str:
        """The server's name or address."""
        found = _URL.fullmatch(self.url)
        return str(found and (found["v6"] or found["name"]))

    @property
    def port(self) -> int:
        """The server's port."""
        found = _URL.fullmatch(self.url)
        return int((found and found["port"]) or PORTS[self.scheme])

    @property
    def needs_starttls(self) -> bool:
        """Say whether nothing but STARTTLS is said in plain text; to a server on this machine all may be."""
        if self.scheme == "smtps" or self.starttls == "never":
            return False
        return bool(self.user or self.starttls) or self.host not in THIS_MACHINE


def bare(address: str) -> str:
    """Return the address alone, without the name before it."""
    found = _ADDRESS.fullmatch(address)
    return str(found and (found["inner"] or found["bare"]))
