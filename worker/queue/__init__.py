"""Messages between watcher and workers, and what one process has open; the only user of Celery."""
