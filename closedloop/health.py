"""Health checks: a web service hears of each run, and raises the alarm when it hears nothing for too long."""

import logging
import threading
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
)

logger = logging.getLogger(__name__)

LIMIT_SECONDS = 5.0


class HealthCheck:
    """Tells one check of a run. No call raises, and none waits for longer than five seconds.

    The URL is a secret of its kind, so no message shows it.
    """

    def __init__(self, job: str, url: str, limit_seconds: float = LIMIT_SECONDS) -> None:
        self._job = job
        self._url = url.rstrip("/")
        self._limit_seconds = limit_seconds
        self._before: threading.Thread | None = None

    def tell(self, signal: str, *, wait: bool = True) -> None:
        """Ask for the URL with the signal at its end; what was told before and not waited for comes first."""
        thread = threading.Thread(
            target=self._ask, args=(self._url + signal, self._before), daemon=True
        )
        self._before = thread
        thread.start()
        if wait:
            # Not only each wait of a connection is bounded, but the whole: a name may be looked up for ever.
            thread.join(self._limit_seconds)
            if thread.is_alive():
                logger.warning("the health check of %s could not be told: out of time", self._job)

    def _ask(self, url: str, before: threading.Thread | None) -> None:
        if before:
            before.join()
        try:
            with _opener().open(url, timeout=self._limit_seconds):
                pass
        except Exception as error:  # noqa: BLE001 no check is worth the run that it watches
            code = getattr(error, "code", None)
            why = (
                f"status {code}" if code else getattr(error, "reason", None) or type(error).__name__
            )
            logger.warning("the health check of %s could not be told: %s", self._job, why)


def _opener() -> OpenerDirector:
    """Return what speaks HTTP and HTTPS, through the usual proxies, and nothing else."""
    opener = OpenerDirector()
    for handler in (
        ProxyHandler(),
        HTTPHandler(),
        HTTPSHandler(),
        HTTPErrorProcessor(),
        HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    return opener
