from __future__ import annotations

from config.celery import app


def test_what_waits_for_other_systems_is_in_no_other_queue() -> None:
    with app.connection_for_write("memory://") as broker:
        channel = broker.default_channel
        queues = {name: each.bind(channel) for name, each in app.amqp.queues.items()}
        for queue in queues.values():
            queue.declare()
            queue.purge()
        app.send_task("eventstore.catch_up", ("x",), queue="outside", connection=broker)
        app.send_task("eventstore.wake", connection=broker)
        app.send_task("users.salesforce_sweep", connection=broker)
        app.send_task(
            "eventstore.sweep",
            exchange="celery",
            routing_key="celery",
            connection=broker,
        )
        held = {
            name: [message.headers["task"] for message in iter(queue.get, None)]
            for name, queue in queues.items()
        }
    assert held == {
        "celery": ["eventstore.wake", "eventstore.sweep"],
        "outside": ["eventstore.catch_up", "users.salesforce_sweep"],
    }
