"""The train role: looks now and then whether the model is to be refreshed.

Everything heavy is done by ``heft train --look``, a child of low priority that may be killed at any
moment; this process only keeps the times.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import anyio
import structlog

from daemon.plant import Plant
from daemon.supervisor import Part
from streams.errors import Invalid
from streams.stage import Drain

__all__ = ["learn_part"]

log = structlog.get_logger(__name__)


def learn_part(plant: Plant, config: Path | None) -> Part:
    """Looks at the moments of the settings until drained; raises ``Invalid`` without the extra.

    ``config`` names the settings file that the child is to read.
    """
    said = plant.settings.learn
    if plant.settings.archive.dir is None:
        raise Invalid("learning reads the archive: set archive.dir", reason="setting")
    try:
        from trainer.schedule import looking
    except ImportError as error:
        raise Invalid("learning needs more: pip install 'heft-monitor[cpu,train]'") from error

    async def look() -> None:
        arguments = [sys.executable, "-m", "daemon", "train", "--look"]
        arguments += ["--config", str(config)] if config else []
        alone = os.environ | {"OMP_NUM_THREADS": "1"}
        done = await anyio.run_process(arguments, check=False, env=alone, stdin=subprocess.DEVNULL)
        told = (done.stdout + done.stderr).decode(errors="replace").strip()
        log.info("refresh_looked", code=done.returncode, said=told[-500:])

    async def run(drain: Drain) -> None:
        scheduler = looking(look, said.cron, said.look_seconds)
        scheduler.start()
        try:
            with drain.interrupts():
                await anyio.sleep_forever()
        finally:
            scheduler.shutdown(wait=False)

    return Part("train", run)
