"""What follows a run: the page, the metrics and the health check; no trouble with them fails it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from closedloop.cli import Setting
from closedloop.commands.dashboard import refresh
from closedloop.core.health import STARTED, signal
from closedloop.errors import ClosedLoopError, TryLater
from closedloop.log import about

if TYPE_CHECKING:
    from closedloop.health import HealthCheck
    from closedloop.model.job import PullJob, SendJob
    from closedloop.project import Project

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Ending:
    """How a run ended: with an exit code, or with an error."""

    code: int = 0
    error: BaseException | None = None

    @property
    def is_over(self) -> bool:
        """Say whether it did what it could, well or not; not where it had to wait, or was told to end."""
        return self.error is None or (
            isinstance(self.error, ClosedLoopError) and not isinstance(self.error, TryLater)
        )


@contextmanager
def followed(
    setting: Setting, project: "Project", job: "SendJob | PullJob", *, in_earnest: bool = True
) -> Iterator[Ending]:
    """Tell those who watch a job that a run begins, and how it ended: by the exit code it gets, or an error.

    Nobody watches a rehearsal, which is not in earnest.
    """
    about(job.name)
    ending = Ending()
    if not in_earnest:
        yield ending
        return
    if check := _check(project, job):
        check.tell(STARTED, wait=False)
    try:
        yield ending
    except BaseException as error:
        ending.error = error
        raise
    finally:
        _follow(setting, project, job, ending)
        if check and (told := signal(ending.code, ending.error)) is not None:
            check.tell(told)


def _follow(setting: Setting, project: "Project", job: "SendJob | PullJob", ending: Ending) -> None:
    """Write the page after a pull, and the metrics after every run."""
    if ending.is_over and job.kind == "pull" and project.settings.dashboard:
        refresh(project, setting.now())
    if metrics := project.settings.metrics:
        from closedloop.metrics import write_metrics

        try:
            write_metrics(project, project.root / metrics.file, setting.now())
        except (ClosedLoopError, OSError) as error:
            logger.warning("the metrics could not be written: %s", error)


def _check(project: "Project", job: "SendJob | PullJob") -> "HealthCheck | None":
    url = project.settings.health.get(job.name)
    if not url:
        return None
    from closedloop.health import HealthCheck

    return HealthCheck(job.name, url)
