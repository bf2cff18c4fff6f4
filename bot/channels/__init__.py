"""Channels translate: an update into a Message, an Outgoing into a sent message. Nothing else is decided here.

In: make a ``Message`` (``channel`` is the channel's name, ``update_id`` what makes the message unique in it) and

    await inbox.accept([message])

It returns when the message is on disk, ``(True,)`` for a new message and ``(False,)`` for one that was known already
(same channel and update id: it gets no second reply). Only after that may the channel tell its client that the message
arrived. A message that can't be stored as it is, or comes with a fault (``faults``: by update id, why the channel could
not read it), is set aside and stops no other. It raises

- ``inbox.Full``: more than 2,000 messages wait. Say "try again" (503 with Retry-After: 1).
- ``StoreError``: it could not be stored. If the message raises an alarm, its card was handed to ``send`` *before* the
  exception came out, with the same ``answers``; else the client hears that the message did not get through.

Out: the outbox calls ``channel.send(outgoing)`` when a reply is due: in order within a chat, chats in parallel, again
after a restart if it did not hear ``Sent`` or ``Refused``. ``outgoing.answers`` is the ``update_id`` of the message
answered, so a page can keep ``dict[update_id, Future[Reply]]``. Results (bot/delivery/outbox.py):

- ``Sent(message_id)``: it arrived.
- ``Wait(seconds)``: a flood limit; not counted as a try.
- ``Again(why)``: nobody knows; the outbox tries again after 0.25 to 4 seconds, for ever.
- ``Refused(why)``: never will (blocked, chat deleted, page closed); the row is done, but in the staff's chat kept.
- ``Moved(chat)``: the chat has a new id; sent again there.

``send`` never raises for what the other side does. A bug in it counts as ``Refused`` after five tries.
A channel is made in bot/ops/service.py, the only place that knows them all. A web channel also offers ``routes``, served
together with /healthz, /readyz and /metrics.
"""
