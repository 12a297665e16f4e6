"""HEFT on any table: a small Qwen2 that reads words for numbers and words for text.

The detector of pools (``trainer.recipe``) speaks of dossiers; this one of tables whose columns are
only known when they are read. Numbers become quantile-bin words as in the prompt; of the text, the
words that the teaching rows show to matter, the most telling first. Names cannot spell a number's
word: each kind has ids of its own.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.feature_selection import chi2
from torch import Tensor
from torch.nn import functional

from heft_model.architecture import HeftMember, NanoSettings
from trainer.sources.table import Table

__all__ = ["Encoder", "Network", "NetworkSettings", "untuned_states"]

Floats = NDArray[np.float64]
PAD, END = 0, 1


class NetworkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a run depends on besides its rows."""

    width: int = 64
    layers: int = 2
    bins: int = 12
    words: int = 40
    """Most text words of one row."""
    vocabulary: int = 2000
    """Text words that are known at all."""
    steps: int = 120
    batch: int = 64
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.05
    hidden: float = 0.15
    """Share of words that are hidden, drawn anew each step."""
    label_smoothing: float = 0.03
    average: float = 0.98
    threads: int = 1


class Encoder:
    """Rows to ids, fitted on the teaching rows alone."""

    def __init__(self, table: Table, settings: NetworkSettings) -> None:
        """Cut the numbers, and choose the words by chi-squared with the label."""
        self._settings = settings
        self._names = table.names
        self._edges = [_edges(column, settings.bins) for column in table.numbers.T]
        first = 2
        self._offsets = []
        for edges in self._edges:
            self._offsets.append(first)
            first += len(edges) + 2  # unknown, then one more bin than edges
        self._words = _telling_words(table, settings.vocabulary)
        self._first_word = first
        self.size = first + len(self._words)

    @property
    def edges(self) -> dict[str, list[float]]:
        """Where the bins of each number part, for whoever reads rows without this class."""
        return {name: edges.tolist() for name, edges in zip(self._names, self._edges, strict=True)}

    @property
    def words(self) -> dict[str, int]:
        """The known words by rank."""
        return self._words

    @property
    def first_word(self) -> int:
        """The id of the word of rank 0."""
        return self._first_word

    def __call__(self, table: Table) -> tuple[Tensor, Tensor]:
        """Padded ids ``[rows, longest]`` and each row's last index."""
        bins = [
            np.where(np.isnan(column), 0, 1 + np.searchsorted(edges, column)) + offset
            for column, edges, offset in zip(
                table.numbers.T, self._edges, self._offsets, strict=True
            )
        ]
        fixed = np.stack(bins, axis=1) if bins else np.empty((len(table), 0), dtype=np.int64)
        rows = [
            [*numbers, *self._told(text), END]
            for numbers, text in zip(fixed.tolist(), table.texts, strict=True)
        ]
        longest = max(map(len, rows))
        ids = torch.zeros((len(rows), longest), dtype=torch.int64)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = torch.tensor(row)
        return ids, torch.tensor([len(row) - 1 for row in rows])

    def _told(self, text: str) -> list[int]:
        """The known words of a text, once each, the most telling last (nearest the answer)."""
        known = {self._words[word] for word in text.split() if word in self._words}
        told = sorted(known)[: self._settings.words]
        return [self._first_word + rank for rank in reversed(told)]


class Network:
    """One taught network."""

    def __init__(self, table: Table, settings: NetworkSettings, *, seed: int) -> None:
        """Teach on ``table``, whose rows are drawn by their weights."""
        torch.set_num_threads(settings.threads)
        torch.manual_seed(seed)
        self.encoder = Encoder(table, settings)
        member = fresh(self.encoder.size, settings)
        self.member = _taught(member, self.encoder(table), table, settings, seed)

    def logits(self, table: Table) -> Floats:
        """One a row."""
        ids, last = self.encoder(table)
        with torch.no_grad():
            parts = torch.split(torch.argsort(last), 256)
            order = torch.cat(parts)
            found = torch.cat([self.member(*_trimmed(ids[part], last[part])) for part in parts])
        return np.asarray(found[torch.argsort(order)].double().numpy())


def fresh(vocabulary: int, settings: NetworkSettings) -> HeftMember:
    """A network that has been taught nothing."""
    shape = NanoSettings(
        width=settings.width, layers=settings.layers, ffn=2 * settings.width, max_length=512
    )
    return HeftMember(shape, vocabulary)


@torch.no_grad()
def untuned_states(train: Table, tables: tuple[Table, ...], settings: NetworkSettings) -> Any:
    """What an untaught trunk makes of each table's rows: ``[rows, width]`` each."""
    torch.manual_seed(0)
    encoder = Encoder(train, settings)
    member = fresh(encoder.size, settings).eval()
    states = []
    for table in tables:
        ids, last = encoder(table)
        found = [
            member.trunk(input_ids=part).last_hidden_state[torch.arange(len(end)), end]
            for part, end in zip(torch.split(ids, 256), torch.split(last, 256), strict=True)
        ]
        states.append(torch.cat(found).double().numpy())
    return states


def _taught(
    member: HeftMember,
    rows: tuple[Tensor, Tensor],
    table: Table,
    settings: NetworkSettings,
    seed: int,
) -> HeftMember:
    ids, last = rows
    labels = torch.from_numpy(table.labels.astype(np.float32))
    odds = table.weights / table.weights.sum()
    matrices = [p for p in member.parameters() if p.ndim > 1]
    others = [p for p in member.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": settings.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=settings.learning_rate,
    )
    mean = {name: value.clone() for name, value in member.state_dict().items()}
    rng = np.random.default_rng(seed)
    member.train()
    for step in range(settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * _schedule(step / settings.steps)
        batch = torch.from_numpy(rng.choice(len(odds), settings.batch, p=odds))
        words, end = _trimmed(ids[batch], last[batch])
        shown = torch.where(torch.rand(words.shape) < settings.hidden, PAD, words)
        shown[torch.arange(len(end)), end] = END
        target = labels[batch] * (1 - settings.label_smoothing) + settings.label_smoothing / 2
        loss = functional.binary_cross_entropy_with_logits(member(shown, end), target)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(member.parameters(), 1.0)
        optimizer.step()
        decay = min(settings.average, (1 + step) / (10 + step))
        for name, value in member.state_dict().items():
            mean[name].lerp_(value, 1 - decay)
    member.load_state_dict(mean)
    return member.eval()


def _trimmed(ids: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
    """Without the columns that are padding in every row."""
    return ids[:, : int(last.max()) + 1], last


def _schedule(done: float) -> float:
    return min(1.0, (done + 1e-3) / 0.05) * 0.5 * (1 + math.cos(math.pi * done))


def _edges(column: Floats, bins: int) -> Floats:
    known = column[np.isfinite(column)]
    if not len(known):
        return np.empty(0)
    return np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1], method="inverted_cdf"))


def _telling_words(table: Table, most: int) -> dict[str, int]:
    """Words of the texts to their rank by chi-squared; none when there are no texts."""
    if not any(table.texts):
        return {}
    vectorizer = CountVectorizer(
        tokenizer=str.split, token_pattern=None, lowercase=False, binary=True, min_df=3
    )
    counts = vectorizer.fit_transform(table.texts)
    telling = np.nan_to_num(chi2(counts, table.labels)[0])
    names = vectorizer.get_feature_names_out()
    chosen = np.argsort(-telling, kind="stable")[:most]
    return {str(names[place]): rank for rank, place in enumerate(chosen)}
