"""A press of a button becomes a label, once, and only of our chat."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from typing import Any

import pytest

from alerts.buttons import Buttons
from alerts.ledger import Ledger
from alerts.limits import TELEGRAM_TEXT
from alerts.outbox import Queued
from alerts.secret import Secret
from alerts.telegram import Telegram
from streams.clock import HandClock
from streams.labels import Label
from streams.state import State
from tests.unit.alerts.loopback import http, receiver
from tests.unit.alerts.making import a_verdict, alerts_of

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LIFE = alerts_of(a_verdict(1), a_verdict(2, probability=0.1))


def press(number: int, what: str, chat: int = -1001, message: int = 7) -> str:
    """One update of the Bot API."""
    return (
        f'{{"update_id":{number},"callback_query":{{"id":"p{number}","data":"heft:{what}",'
        f'"from":{{"id":42}},"message":{{"message_id":{message},"chat":{{"id":{chat}}}}}}}}}'
    )


async def pressed(
    state: State, *updates: str, leads_on: bool = True, chat_id: str = "-1001"
) -> tuple[list[Label], Ledger]:
    """The labels that come of these updates, on a chat where message 7 is the first alert's."""
    ledger, labels = Ledger(state), list[Label]()
    await ledger.write({}, [Queued(LIFE[0], 0)], ["telegram"], NOW)
    (told,) = await ledger.pending("telegram", {0}, after=0, limit=9)
    refs = {(LIFE[0].alert_id, "telegram"): "7"}
    await ledger.settle([told], "sent", "sent", refs, NOW)

    async def publish(label: Label) -> None:
        labels.append(label)

    body = f'{{"ok":true,"result":[{",".join(updates)}]}}'.encode()
    answers: deque[Any] = deque([http(200, body=body), http(200, body=b'{"ok":true}')])
    async with receiver(*answers) as server:
        base = server.url.partition("/hook")[0]
        service = Telegram(token=Secret("1:a"), chat_id=chat_id, base_url=base)
        buttons = Buttons(service, ledger, publish, HandClock(NOW))
        assert await buttons.poll(0) == leads_on
        await buttons._wire.close()
    return labels, ledger


async def test_a_press_is_a_label(state: State) -> None:
    """Who, when, what, on which pool."""
    labels, _ = await pressed(state, press(5, "false-alarm"))
    assert [(each.key, each.what, each.who, each.at) for each in labels] == [
        (LIFE[0].key, "false-alarm", "telegram:42", NOW)
    ]


async def test_a_press_elsewhere_or_of_nothing_is_none(state: State) -> None:
    """Another chat, a message that is no alert, an unknown button, and what is no press at all."""
    updates = [press(1, "rug", chat=-5), press(2, "rug", message=9), press(3, "buy"), '{"x":1}']
    labels, _ = await pressed(state, *updates)
    assert labels == []


async def test_a_press_that_cannot_be_read_is_passed_by(state: State) -> None:
    """Asked for again at once, it would come again at once, for ever."""
    unread = '{"update_id":900000001,"callback_query":{"id":"p","data":"heft:rug"}}'
    labels, _ = await pressed(state, unread, press(900000002, "rug"))
    assert [each.what for each in labels] == ["rug"]


async def test_a_chat_may_be_set_by_its_name(state: State) -> None:
    """A press tells the chat by its number and its name; another's name is not ours."""
    here, there = (f'"id":-1001,"username":"{name}"' for name in ("Rugs", "Other"))
    updates = [press(each, "rug").replace('"id":-1001', here) for each in (1, 2)]
    updates += [press(3, "rug").replace('"id":-1001', there), press(4, "rug")]
    labels, _ = await pressed(state, *updates, chat_id="@rugs")
    assert len(labels) == 2


async def test_a_poll_that_is_refused_is_told_once(
    state: State, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as 409, while another process polls: the buttons look alive and are not."""
    async with receiver(http(409, body=b'{"ok":false,"error_code":409}')) as server:
        base = server.url.partition("/hook")[0]
        service = Telegram(token=Secret("1:a"), chat_id="-1001", base_url=base)

        async def publish(_: Label) -> None:
            raise AssertionError

        buttons = Buttons(service, Ledger(state), publish, HandClock(NOW))
        assert not await buttons.poll(0)
        assert not await buttons.poll(0)
        await buttons._wire.close()
    assert capsys.readouterr().out.count("presses_unheard") == 1


async def test_presses_on_long_messages_are_read(state: State) -> None:
    """Each comes with its whole message: as many as are asked for at once have to fit."""
    asked = Telegram(token=Secret("1:a"), chat_id="-1001").updates(0, 0).body["limit"]
    text = "\\u0420" * TELEGRAM_TEXT
    long = '"message":{"text":"' + text + '",'
    updates = [press(each, "rug").replace('"message":{', long) for each in range(asked)]
    labels, _ = await pressed(state, *updates)
    assert len(labels) == asked


@pytest.mark.parametrize("update", ['{"x":1}', '{"update_id":"many"}', "7"])
async def test_an_answer_that_leads_nowhere_ends_in_a_pause(state: State, update: str) -> None:
    """It has no number to go on from, so that the same answer is due at once."""
    labels, _ = await pressed(state, update, leads_on=False)
    assert labels == []


async def test_mute_ends_the_messages_on_that_alert(state: State) -> None:
    """What comes later is for the topic alone."""
    labels, ledger = await pressed(state, press(5, "mute"))
    assert [each.what for each in labels] == ["mute"]
    await ledger.write({}, [Queued(LIFE[1], 0)], ["telegram"], NOW)
    assert await ledger.pending("telegram", {0}, after=0, limit=9) == []
