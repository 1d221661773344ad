"""Mail as files, for development: nothing leaves the machine."""

import asyncio
import os
from email.headerregistry import Address
from pathlib import Path
from tempfile import NamedTemporaryFile

import structlog

from shared_lib.mail._mail import Mail, MailNotSent, MailRefused
from shared_lib.mail._message import build_message

_log = structlog.get_logger(__name__)


class FileMailer:
    """Writes each mail to `<directory>/<id>.eml`, whole or not at all; a repeat overwrites."""

    def __init__(self, directory: Path, sender: Address) -> None:
        self._directory = directory
        self._sender = sender

    async def send(self, mail: Mail) -> None:
        """Write `mail`. Raises MailRefused when its address is none, MailNotSent by the disk."""
        try:
            message = build_message(mail, self._sender, "8bit")
        except ValueError as error:
            raise MailRefused(str(error)) from None
        path = self._directory / f"{mail.id}.eml"
        try:
            await asyncio.to_thread(_write, path, message.as_bytes())
        except OSError as error:
            raise MailNotSent(f"not written: {error.strerror}") from error
        _log.info("mail_written", mail_id=str(mail.id))


def _write(path: Path, content: bytes) -> None:
    """Replace the file, for the owner's eyes only: it holds links that sign people in."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
