"""Messages between watcher and workers, and what one process has open; the only user of Celery.

A photo's way from a file-system event to its keywords is handed on at three places where no
function calls the next one:

1. An event ends in a dictionary. `worker.watch.events` calls `Settling.touch` from watchdog's
   threads; the loop of `worker.watch.watcher` asks `Settling.take_due` ten times a second which
   files have not changed for `settle_s`, and registers these.
2. The watcher does not know Celery. It is given a function `ring(photo_ids)`: that of a `Doorbell`,
   whose `send` is `tag_photos.delay` and is put there by `tasks.doorbell_of`.
3. A task finds settings, catalogue and model in a variable of its process, `process.get_process()`.
   `EmbeddedWorker` sets it to the `Process` that a command has opened; in a fleet the first task
   opens one from the KADR_... variables.

From the task on, calls can be followed: `Process.get_pipeline`, `worker.tagging.pipeline`.
"""
