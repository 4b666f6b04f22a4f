"""The Celery application: `celery -A worker worker -P solo`, `celery -A worker beat`.

A message is only a doorbell: it carries photo ids, the rows say what is to be done. JSON only.
"""

import logging
from typing import Any

from celery import Celery, signals
from kombu import transport

from worker import log, outages, settings

#: One queue, so that a worker needs no options.
QUEUE = "kadr"
#: Priority of what was there before; 0, Celery's default, is that of what arrives and goes first.
BACKFILL = 6


def _configuration() -> dict[str, Any]:
    """Build the configuration when Celery first asks for it, not at import."""
    chosen = settings.load()
    return {
        "broker_url": chosen.broker_url,
        "accept_content": ["json"],
        "task_serializer": "json",
        "task_ignore_result": True,
        "task_default_queue": QUEUE,
        "imports": ("worker.queue.tasks",),
        # One message at a time, and acknowledged when done: others may take the next one.
        "worker_prefetch_multiplier": 1,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        # A message that cannot be sent must not block the watcher: the sweep sends it later.
        "task_publish_retry_policy": {"max_retries": 1, "interval_start": 0.1, "interval_max": 0.5},
        "broker_transport_options": _transport_options(chosen),
        "worker_hijack_root_logger": False,
        "worker_send_task_events": False,
        # Celery's own keeps the schedule in a file of pickles, and ours is one line.
        "beat_scheduler": "celery.beat:Scheduler",
        "beat_schedule": {"sweep": {"task": "kadr.sweep", "schedule": chosen.sweep_s}},
        "timezone": "UTC",
    }


def _transport_options(chosen: settings.Settings) -> dict[str, Any]:
    if chosen.is_embedded:
        return {"polling_interval": 0.05}
    return {
        # A killed worker's message comes back about when its lease ends.
        "visibility_timeout": max(60, int(2 * chosen.lease_s)),
        "socket_timeout": 10,
        "socket_connect_timeout": 3,
        "socket_keepalive": True,
        "health_check_interval": 10,
        # No `retry_on_timeout`: redis-py then connects again within a read for what is published,
        # and waits for ever for a message that was never sent. Celery connects again by itself.
    }


# Messages that nobody of ours sent end no worker.
for _scheme in ("redis", "rediss"):
    transport.TRANSPORT_ALIASES[_scheme] = "worker.queue.transport:Transport"
transport.TRANSPORT_ALIASES["memory"] = "worker.queue.memory_transport:Transport"

app = Celery("kadr")
app.add_defaults(_configuration)


class _OneLineAnOutage(logging.Filter):
    """Turns what Celery logs of a lost broker, at each attempt, into one line an outage."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if text.startswith("Connected to"):
            outages.clear(outages.BROKER)
            return False
        if "onnection to broker lost" in text or text.startswith("consumer: Cannot connect"):
            outages.note(outages.BROKER, text.partition(":")[2].partition("Trying")[0].strip())
            return False
        return not text.startswith("Frequent restarts")


@signals.setup_logging.connect  # type: ignore[untyped-decorator]
def _configure_logs(**_: object) -> None:
    """Configure logs as the rest of Kadr does; Celery's own setup logs what each library does."""
    chosen = settings.load()
    log.configure(chosen.log_level, as_json=chosen.log_format == "json")
    logging.getLogger("celery.worker.consumer.consumer").addFilter(_OneLineAnOutage())
