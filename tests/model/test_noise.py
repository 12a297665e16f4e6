"""Noise turns facts into like facts, and never a fact into another or a name into a fact."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="needs the extra `train`")

import torch

from heft_model.prompt import bin_word, render, unknown_word, vocabulary
from heft_model.tokenizer import Words
from tests.unit.heft_model.making import facts, lexicon
from trainer.noise import Noise

pytestmark = pytest.mark.train


def test_noise_stays_within_each_fact() -> None:
    """Hiding and jitter turn a word into another of the same fact, and touch nothing else."""
    words = Words.of(vocabulary(lexicon()))
    noise = Noise(lexicon(), words, hidden=0.3, jitter=0.5)
    prompt = render(facts(), lexicon())
    (row,) = words.encode([prompt])
    torch.manual_seed(0)
    changed: set[int] = set()
    for _ in range(50):
        told = [words.word(token) for token in noise(torch.tensor([row]))[0].tolist()]
        for place, (was, now) in enumerate(zip(prompt.split(" "), told, strict=True)):
            assert was.partition("=")[0] == now.partition("=")[0]
            if was != now:
                changed.add(place)
                assert now.endswith("=?") or is_next(was, now)
    assert len(changed) > 30


def is_next(was: str, now: str) -> bool:
    """Whether two words are neighbouring bins."""
    return abs(int(was[-2:]) - int(now[-2:])) == 1


def test_without_noise_nothing_changes() -> None:
    """Zero shares leave every prompt as it is."""
    words = Words.of(vocabulary(lexicon()))
    rows = torch.tensor(words.encode([render(facts(), lexicon())]))
    assert torch.equal(Noise(lexicon(), words, hidden=0.0, jitter=0.0)(rows), rows)


def test_bins_begin_in_order() -> None:
    """The words of a fact lie on a line, in their order, with unknown in the middle."""
    words = Words.of(vocabulary(lexicon()))
    noise = Noise(lexicon(), words, hidden=0.0, jitter=0.0)
    embedding = torch.zeros(len(words), 4)
    noise.order(embedding)
    name, edges = max(lexicon().edges.items(), key=lambda item: len(item[1]))
    bins = torch.stack([embedding[words.id(bin_word(name, i))] for i in range(len(edges) + 1)])
    steps = bins.diff(dim=0)
    assert torch.allclose(steps, steps[0].expand_as(steps), atol=1e-6)
    assert torch.allclose(bins.mean(dim=0), embedding[words.id(unknown_word(name))], atol=1e-5)
    assert embedding[words.id("<s>")].abs().sum() == 0


def test_roughness_is_zero_for_equal_neighbours() -> None:
    """Bins of one fact may be alike; bins of different facts are no neighbours."""
    words = Words.of(vocabulary(lexicon()))
    noise = Noise(lexicon(), words, hidden=0.0, jitter=0.0)
    embedding = torch.zeros(len(words), 4)
    for place, (name, edges) in enumerate(lexicon().edges.items()):
        for i in range(len(edges) + 1):
            embedding[words.id(bin_word(name, i))] = place
    assert noise.roughness(embedding) == 0
    assert noise.roughness(torch.randn(len(words), 4)) > 1


def test_whole_groups_are_hidden_as_in_a_dossier_given_in_part() -> None:
    """All of a group's facts go together, each group in some prompts and none in all."""
    words = Words.of(vocabulary(lexicon()))
    noise = Noise(lexicon(), words, hidden=0.0, jitter=0.0, partial=1.0)
    prompt = render(facts(), lexicon())
    rows = torch.tensor(words.encode([prompt] * 60))
    known = [place for place, word in enumerate(prompt.split(" ")) if "=q" in word]
    group = [prompt.split(" ")[place].partition(".")[0] for place in known]
    torch.manual_seed(0)
    hidden = noise(rows)[:, known] != rows[:, known]
    for name in ("liquidity", "trading", "holders", "token"):
        mine = hidden[:, [each == name for each in group]]
        assert torch.equal(mine.all(dim=1), mine.any(dim=1))
        assert 0 < mine.any(dim=1).sum() < 60
