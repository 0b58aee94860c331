"""Answers: what the SFTP server says on one connection, on its way out."""

import asyncio

import asyncssh

from closedloop.emulator.mischief import Mischief

OVERTAKEN_SECONDS = 0.005


class Answers:
    """Sits in a channel and lets answers overtake each other, or hangs up after so many, where asked to."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], mischief: Mischief) -> None:
        self._channel = channel
        self._mischief = mischief
        self._write = channel.write
        self._held: tuple[bytes, int | None] | None = None
        self._said = 0
        # The library writes each answer by one call of this, and offers no other place to stand.
        vars(channel)["write"] = self.write

    def write(self, answer: bytes, datatype: int | None = None) -> None:
        """Send an answer, or keep it until the next one went out, or a moment has passed."""
        # Asked for before the client hears the answer: it may ask for something else then.
        asked = self._mischief.now
        self._said += 1
        if self._held is None and asked.out_of_order:
            self._held = answer, datatype
            asyncio.get_running_loop().call_later(OVERTAKEN_SECONDS, self._release)
            return
        self._send(answer, datatype)
        self._release()
        if asked.answers and self._said >= asked.answers:
            # Disconnecting lets the last answer through, which aborting might not.
            self._channel.get_connection().disconnect(asyncssh.DISC_BY_APPLICATION, "Enough")

    def _release(self) -> None:
        held, self._held = self._held, None
        if held:
            self._send(*held)

    def _send(self, answer: bytes, datatype: int | None) -> None:
        if not self._channel.is_closing():
            self._write(answer, datatype)
