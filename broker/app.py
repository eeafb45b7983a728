"""The Celery app, configured for a protocol in which a message is only a hint (docs/decisions/0002)."""

from typing import Any

from celery import Celery

QUEUE = "jobs"
PREDICTIONS = "predictions"
"""A queue of its own, so that a prediction does not wait behind jobs; a worker takes from both in turn."""
TRAIN = "activation-lab.train"
PREDICT = "activation-lab.predict"
"""The names of the tasks: the API sends a task by its name, and the worker registers it under that name."""

SETTINGS: dict[str, Any] = {
    "accept_content": ["json"],
    "task_serializer": "json",
    # SQL holds every result.
    "task_ignore_result": True,
    "task_default_queue": QUEUE,
    # Late acknowledgement and Redis's visibility timeout restart a long task again and again (celery#5935).
    "task_acks_late": False,
    # A killed worker must not strand a reserved message.
    "worker_disable_prefetch": True,
    "worker_prefetch_multiplier": 1,
    "worker_pool": "prefork",
    # CUDA and torch do not survive a fork.
    "worker_pool_start_method": "spawn",
    # Importing torch takes longer than the default 4 s.
    "worker_proc_alive_timeout": 60,
    # The reconciler is the retry.
    "task_publish_retry": False,
    "broker_pool_acquire_timeout": 1,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    # The lease decides who trains, not the broker's connection.
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "worker_enable_remote_control": False,
    "worker_hijack_root_logger": False,
}

PUBLISHER_TRANSPORT = {
    # A silent broker must not hang a request.
    "socket_connect_timeout": 1,
    "socket_timeout": 1,
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
}
WORKER_TRANSPORT = {
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 25,
}


def create_publisher(broker_url: str) -> Celery:
    """Create the app of a process that sends hints: it gives up within seconds when the broker does not answer."""
    return Celery("activation-lab", broker=broker_url, broker_transport_options=PUBLISHER_TRANSPORT, **SETTINGS)


def create_consumer(broker_url: str, *, include: list[str]) -> Celery:
    """Create the app of a worker, which never gives up on the broker. `include` names the modules of its tasks."""
    return Celery(
        "activation-lab",
        broker=broker_url,
        broker_transport="broker.transport:Transport",
        include=include,
        broker_transport_options=WORKER_TRANSPORT,
        **SETTINGS,
    )
