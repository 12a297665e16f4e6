"""`heft`: the command line, with every command registered lazily so that help is instant.

Exit codes: 0 done; 1 the work could not be done, or part of the input was refused; 2 the command
line or a setting cannot be understood; 130 interrupted. Every failure is one line on stderr.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

import msgspec
from cyclopts import App, CycloptsError, Parameter

from daemon.exits import FAILED, INTERRUPTED, MISUSED
from streams.errors import HeftError, Invalid

__all__ = ["app", "main"]

SUMMARY = """Watches chains for new trading pairs and warns before a token rugs.

Start with heft demo: no keys, no network, no Kafka needed.

Settings come from heft.toml, then HEFT_<SECTION>__<KEY> in the environment,
then the command line. Exit codes: 0 done, 1 failed, 2 command line or setting
not understood, 130 interrupted.
"""


class Command(msgspec.Struct, frozen=True):
    """One line of the command list: where it lives, and what it says of itself."""

    name: str
    where: str
    about: str
    example: str
    more: str = ""


COMMANDS = (
    Command(
        "demo",
        "daemon.commands.demo:demo",
        "Play the bundled recording through the whole pipeline, and show the alerts.",
        "heft demo --once",
        "The recording was made on a local chain with the real Uniswap V2 contracts: honest "
        "launches, liquidity pulls, honeypots, hidden mints and switched taxes. It starts a Kafka "
        "of its own, shows alerts as they come, sums up, and stays up for you to look around.",
    ),
    Command(
        "replay",
        "daemon.commands.replay:replay",
        "Play a folder of recorded pools through the whole pipeline, as if it were live.",
        "heft replay recordings/ --report --verdicts verdicts.jsonl",
        "Without a Kafka in the settings it starts one of its own. Ends when every event has "
        "become dossiers, verdicts and alerts.",
    ),
    Command(
        "watch",
        "daemon.commands.watch:watch",
        "Follow live chains, or what others put on a Kafka: enrich, score and alert.",
        "heft watch --chain base --chain bnb",
        "Without --rpc it asks public nodes that need no key; with --rpc wss://... yours. Without "
        "a Kafka in the settings it starts one of its own. Without a chain it waits for what other "
        "producers put on heft.activity.v1, in the schema that heft topics --schema writes. Runs "
        "until SIGTERM, then finishes its batches within 10 seconds. Serves /live, /ready and "
        "/metrics.",
    ),
    Command(
        "scan",
        "daemon.commands.scan:scan",
        "Examine one token or pool of an EVM chain now: every check, the traps and the verdict.",
        "heft scan base 0x532f27101965dd16442e59d40670faf5ebb142e4",
        "Asks public nodes, or with --rpc yours; sends nothing to the chain: purchases and sales "
        "are simulated. What cannot be found out is unknown, and says why. A pool with more "
        "history than the node gives at once gets its findings and no verdict of the model.",
    ),
    Command(
        "analyze",
        "daemon.commands.analyze:analyze",
        "Read what a token says of itself: the odds of a rug, what decides, and an analysis.",
        "heft analyze --name Lantern --address 0x1f98... --description 'Liquidity is not locked.'",
        "The description alone decides; asks no chain and no network. What speaks to its reader "
        "instead of about the token is not read, and said. The analysis states nothing that the "
        "description does not say.",
    ),
    Command(
        "score",
        "daemon.commands.score:score",
        "Read dossiers, one JSON object a line, and write one verdict a line.",
        "heft score facts.jsonl --out verdicts.jsonl",
        "A line that is no dossier is told on stderr with its number and passed over; the exit "
        "code is then 1.",
    ),
    Command(
        "decode",
        "daemon.commands.decode:decode",
        "Read recorded logs, receipts or transactions, and print the events as JSON lines.",
        "heft decode base logs.json",
        "Takes eth_getLogs results, JSON-RPC responses, receipts, one a line or in lists; - is "
        "standard input. Each line has a type: launch, activity (with its kind) or retraction. "
        "What is no event of ours, and what cannot be decoded, is counted on stderr; the exit code "
        "is 1 when anything could not be decoded. For solana: getTransaction, getBlock and their "
        "notifications in any encoding, log notifications, providers' transactionNotification, "
        "Geyser updates as JSON, and what web3.js makes of an answer.",
    ),
    Command(
        "label",
        "daemon.commands.label:label",
        "Say what became of an alerted pool: rug, false-alarm or mute.",
        "heft label ethereum:0x00000000000000000000000000000000000000aa rug --why drained",
    ),
    Command(
        "train",
        "daemon.commands.train:train",
        "Train, calibrate and export a model from recorded pools.",
        "heft train recordings/ --name mine",
    ),
    Command(
        "eval",
        "daemon.commands.eval:eval_",
        "Teach a detector on one labelled set and judge it on a later one, beside baselines.",
        "heft eval trapdoor --train data/trapdoor --test data/later --report out/",
        "Rows of --train that stand in --test or lie in its future are dropped and counted. "
        "The exit code is 1 when a leak check fails.",
    ),
    Command(
        "simulate",
        "daemon.commands.simulate:simulate",
        "Play recorded launches through the self-teaching service, beside a model that is frozen.",
        "heft simulate recordings/ --from part1 --through part2 --retrain every-7-days",
        "Launches are scored as they come, outcomes arrive at their horizons, challengers are "
        "taught on what was known by then, tried, promoted and swapped. Prints AUC over time, "
        "with intervals, on launches that were scored before their outcome was known.",
    ),
    Command(
        "topics",
        "daemon.commands.topics:topics",
        "List the Kafka topics: what each holds, and how far its readers are behind.",
        "heft topics --schema docs/schemas",
    ),
    Command(
        "doctor",
        "daemon.commands.doctor:doctor",
        "Check everything that the daemon needs, and say what to do about what is missing.",
        "heft doctor",
    ),
)
GROUPS = {
    "alerts": (
        "Try receivers, ask who would hear, and see what was told.",
        (
            Command(
                "test",
                "daemon.commands.alerts:try_",
                "Send one test alert to a receiver.",
                "heft alerts test telegram",
            ),
            Command(
                "route",
                "daemon.commands.alerts:route",
                "Say who would hear of a token, and why.",
                "heft alerts route --token PEPE --chain base --probability 0.9",
            ),
            Command(
                "silence",
                "daemon.commands.silences:silence",
                "Hold alerts on some tokens back for a while.",
                "heft alerts silence --token PEPE --for 2h --why 'our own test'",
            ),
            Command(
                "silences",
                "daemon.commands.silences:silences",
                "List the silences that hold now: whose, until when, and why.",
                "heft alerts silences",
            ),
            Command(
                "lift",
                "daemon.commands.silences:lift",
                "End a silence before its time.",
                "heft alerts lift 3f2a9c",
            ),
            Command(
                "history",
                "daemon.commands.alerts:history",
                "List who was told what, and how it ended.",
                "heft alerts history --sink telegram --refused",
            ),
            Command(
                "retry",
                "daemon.commands.alerts:retry",
                "Queue refused deliveries again.",
                "heft alerts retry --sink telegram",
            ),
            Command(
                "drop",
                "daemon.commands.alerts:drop",
                "Count refused deliveries as dealt with.",
                "heft alerts drop --sink telegram",
            ),
        ),
    ),
    "models": (
        "List, show, promote and roll back model versions.",
        (
            Command(
                "list", "daemon.commands.models:list_", "List the versions.", "heft models list"
            ),
            Command(
                "show",
                "daemon.commands.models:show",
                "Show what one version is: its training data, calibration and hashes.",
                "heft models show nano",
            ),
            Command(
                "diff",
                "daemon.commands.models:diff",
                "Show what two versions differ in.",
                "heft models diff nano nano-early",
            ),
            Command(
                "pin",
                "daemon.commands.models:pin",
                "Hold the champion against promotions and rollbacks that nobody asked for.",
                "heft models pin",
            ),
            Command(
                "promote",
                "daemon.commands.models:promote",
                "Make a version the one that serves.",
                "heft models promote 20261122-1",
            ),
            Command(
                "rollback",
                "daemon.commands.models:rollback",
                "Serve the version before this one again.",
                "heft models rollback",
            ),
        ),
    ),
    "bench": (
        "Measure what the product claims, here and now.",
        (
            Command(
                "heft",
                "daemon.commands.bench:heft",
                "Measure what each ingredient of HEFT saves, at equal held-out quality.",
                "heft bench heft recordings/ --report out/",
                "Full fine-tuning, each ingredient alone, all together and our recipe, each in a "
                "process of its own on the same base, examples and steps: step time, peak memory, "
                "energy and AUC with its interval, beside what the author states.",
            ),
        ),
    ),
    "dead": (
        "Look at dead letters, send them back, or drop them.",
        (
            Command(
                "list",
                "daemon.commands.dead:list_",
                "List the records that could not be used, and why.",
                "heft dead list --topic heft.activity.v1",
            ),
            Command(
                "retry",
                "daemon.commands.dead:retry",
                "Put dead letters back where they came from; activity must be replayed.",
                "heft dead retry --topic heft.facts.v1 --limit 1",
            ),
            Command(
                "drop",
                "daemon.commands.dead:drop",
                "Count dead letters as dealt with: they are not listed again.",
                "heft dead drop --topic heft.activity.v1",
            ),
        ),
    ),
}


def app() -> App:
    """The command tree; nothing behind a command is imported before it is called."""
    root = App(
        name="heft",
        help=SUMMARY,
        help_format="plaintext",
        version=_version,
        suppress_keyboard_interrupt=False,  # run() says it
        default_parameter=Parameter(negative=""),
    )
    for place, command in enumerate(COMMANDS):
        _register(root, command, place)
    for place, (name, (about, commands)) in enumerate(GROUPS.items(), len(COMMANDS)):
        group = App(name=name, help=about, sort_key=place)
        for order, command in enumerate(commands):
            _register(group, command, order)
        root.command(group)
    return root


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit the process with its code."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run one command; every failure becomes one line on stderr and an exit code."""
    try:
        code = app()(
            arguments, exit_on_error=False, print_error=False, result_action="return_value"
        )
    except CycloptsError as error:
        return _fail(" ".join(str(error).split()), MISUSED)
    except Invalid as error:
        return _fail(str(error), MISUSED if error.reason in ("setting", "usage") else FAILED)
    except HeftError as error:
        return _fail(str(error), FAILED)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED
    return code if isinstance(code, int) else 0


def _version() -> str:
    """As installed; a checkout that is not installed has none."""
    try:
        return version("heft-monitor")
    except PackageNotFoundError:
        return "not installed"


def _register(parent: App, command: Command, place: int) -> None:
    parent.command(
        command.where,
        name=command.name,
        help=f"{command.about}\n\n{command.more}".strip(),
        help_epilogue=f"Example: {command.example}",
        sort_key=place,
    )


def _fail(message: str, code: int) -> int:
    print(f"heft: {message}", file=sys.stderr)
    return code
