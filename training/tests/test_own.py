"""Conditions that the network makes itself."""

import numpy as np
import pytest
import torch
from conftest import config

from tessera_train import modelfile
from tessera_train.data import make_sampler
from tessera_train.trainer import Trainer

OWN = {"share": 1.0, "reach": 0.8, "calls": 3, "smallest": 16}


@pytest.fixture
def settings(recipe):
    return {**recipe, "batches": [{"size": 64, "count": 6, "share": 1}], "own": OWN, "clean": 0.4}


@pytest.fixture
def batch(imagery, settings):
    return make_sampler(imagery[0], settings, imagery[1]).batch(0)


def regenerate(trainer, batch):
    draws = trainer.draws(batch)
    coarse = torch.from_numpy(batch.coarse).float() / 127.5 - 1
    return coarse, trainer.regenerate(coarse, batch.metres, batch.strength, draws.own.numpy(), draws.own_noise)


def random_trainer(settings, **changes):
    trainer = Trainer(config("test-attention"), {**settings, **changes})
    modelfile.randomise(trainer.model, 1)
    return trainer


def test_only_degraded_conditions_change_and_labels_never(settings, batch):
    assert 0 < (batch.strength == 0).sum() < 6
    labels = batch.strength.copy(), batch.metres.copy()
    before, after = regenerate(random_trainer(settings), batch)
    changed = (before != after).flatten(1).any(dim=1).numpy()
    assert (changed == (batch.strength > 0)).all()
    assert (batch.strength == labels[0]).all() and (batch.metres == labels[1]).all()


def test_the_result_lies_on_the_grid_of_stored_pixels(settings, batch):
    _, after = regenerate(random_trainer(settings), batch)
    grey = (after + 1) * 127.5
    assert (grey - grey.round()).abs().max() < 1e-3 and after.abs().max() <= 1


def test_it_is_a_function_of_seed_and_step(settings, batch):
    first, second = (regenerate(random_trainer(settings), batch)[1] for _ in range(2))
    assert torch.equal(first, second)
    batch.step += 1
    assert not torch.equal(first, regenerate(random_trainer(settings), batch)[1])


def test_no_gradient_flows_through_it(settings, batch):
    trainer = random_trainer(settings)
    assert not regenerate(trainer, batch)[1].requires_grad
    seen = []
    trainer.model.encoder.register_forward_hook(lambda *_: seen.append(torch.is_grad_enabled()))
    trainer.losses(batch).sum().backward()
    assert seen == [False] * OWN["calls"] + [True]


def test_small_conditions_and_recipes_without_it_stay_as_they_are(settings, batch):
    assert random_trainer(settings, own={**OWN, "smallest": 32}).draws(batch).own is None
    plain = {k: v for k, v in settings.items() if k != "own"}
    with_none = random_trainer(plain)
    assert with_none.draws(batch).own is None
    share = random_trainer(settings, own={**OWN, "share": 0.0})
    assert torch.equal(with_none.losses(batch), share.losses(batch))


@pytest.mark.parametrize("kind", ["v", "epsilon"])
def test_a_network_that_knows_the_answer_gives_it(settings, batch, kind):
    trainer = random_trainer(settings, prediction=kind)
    answer = 20 / 127.5 - 1

    def exact(x, coarse, t, metres, strength):
        assert coarse.shape[2] * 4 == x.shape[2] and (metres >= 4).all() and (strength > 0).all()
        ab = trainer.alpha_bar[t][:, None, None, None]
        noise = (x - ab.sqrt() * answer) / (1 - ab).sqrt()
        return noise if kind == "epsilon" else ab.sqrt() * noise - (1 - ab).sqrt() * answer

    trainer.predict = exact
    _, after = regenerate(trainer, batch)
    assert torch.allclose(after[batch.strength > 0], torch.tensor(answer), atol=1e-5)


def test_the_shares_of_two_processes_are_the_whole(settings, batch):
    trainer = random_trainer(settings)
    whole = trainer.draws(batch)
    for rank in range(2):
        part = trainer.draws(batch.share(rank, 2))
        for name in ("t", "noise", "own", "own_noise"):
            assert torch.equal(getattr(part, name), getattr(whole, name)[rank::2])
    with pytest.raises(ValueError, match="6 crops do not divide among 4"):
        batch.share(0, 4)
    assert np.array_equal(batch.rows, np.arange(6))
