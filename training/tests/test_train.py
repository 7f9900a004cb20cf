import csv
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import CONFIGS, config

from tessera_train import train
from tessera_train.data import make_sampler


@pytest.fixture
def arguments(imagery, recipe, tmp_path):
    recipe_path = tmp_path / "recipe.json"
    recipe_path.write_text(json.dumps(recipe))
    config_path = tmp_path / "config.json"
    config_path.write_text(json.dumps(config("test-attention")))

    def build(out, *more):
        return ["--config", str(config_path), "--recipe", str(recipe_path), "--sources", str(imagery[1]), "--data",
                str(imagery[0]), "--out", str(tmp_path / out), "--workers", "0", "--log-every", "2", "--threads", "1", *more]

    return build


def states(trainer):
    weights = {k: v.numpy().tobytes() for k, v in trainer.model.state_dict().items()}
    averages = {k: v.numpy().tobytes() for k, v in trainer.ema.items()}
    moments = [
        value.numpy().tobytes() for state in trainer.optimiser.state_dict()["state"].values()
        for value in state.values()
    ]
    return weights, averages, moments


def test_interrupted_and_resumed_is_uninterrupted(arguments, tmp_path):
    whole = train.main(arguments("whole", "--steps", "8"))
    train.main(arguments("parts", "--steps", "8", "--stop", "3"))
    resumed = train.main(arguments("parts", "--steps", "8", "--resume"))
    assert resumed.step == whole.step == 8
    assert states(resumed) == states(whole)
    with open(tmp_path / "parts" / "log.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["2", "4", "6", "8"]
    assert not (tmp_path / "parts" / "checkpoint.partial").exists()


@pytest.mark.parametrize("prediction", ["v", "epsilon"])
def test_the_loss_falls(imagery, recipe, prediction):
    recipe.update(prediction=prediction, p2_gamma=0.5, learning_rate=3e-3)
    trainer = train.Trainer(config("test-attention"), recipe)
    batch = make_sampler(imagery[0], recipe, imagery[1]).batch(0)
    batch.target[:] = 200
    losses = []
    for step in range(24):
        batch.step = step
        losses.append(trainer.update(batch, 0.0)[0].mean())
    assert np.mean(losses[-8:]) < 0.8 * np.mean(losses[:4])


def test_p2_weights_only_shrink_the_loss(imagery, recipe):
    recipe.update(prediction="epsilon", p2_gamma=0.0)
    batch = make_sampler(imagery[0], recipe, imagery[1]).batch(0)
    plain = train.Trainer(config("test-attention"), recipe).losses(batch)
    weighted = train.Trainer(config("test-attention"), {**recipe, "p2_gamma": 1.0}).losses(batch)
    assert (weighted < plain).all() and (weighted > 0).all()


def test_the_rate_warms_up_and_decays(recipe):
    trainer = train.Trainer(config("test-attention"), {**recipe, "warmup": 10})
    assert trainer.rate(0.0) == pytest.approx(4e-5)
    trainer.step = 100
    assert trainer.rate(0.0) == pytest.approx(4e-4)
    assert trainer.rate(0.5) == pytest.approx(4e-4 * 0.51)
    assert trainer.rate(1.0) == pytest.approx(4e-4 * 0.02)
    trainer.recipe["decay"] = "cosine"
    assert trainer.rate(1.0) == pytest.approx(4e-4 * 0.02)


def test_the_average_follows_the_weights(imagery, recipe):
    trainer = train.Trainer(config("test-attention"), recipe)
    sampler = make_sampler(imagery[0], recipe, imagery[1])
    name = "unet.output.weight"
    for step in range(3):
        trainer.update(sampler.batch(step), 0.0)
    now = trainer.model.state_dict()[name]
    assert 0 < (trainer.ema[name] - now).abs().max() < now.abs().max()
    assert trainer.ema[name].dtype == torch.float32


def test_a_batch_of_another_step_is_refused(imagery, recipe):
    trainer = train.Trainer(config("test-attention"), recipe)
    with pytest.raises(ValueError, match="step 5"):
        trainer.update(make_sampler(imagery[0], recipe, imagery[1]).batch(5), 0.0)


def test_two_processes_learn_as_one(arguments, tmp_path):
    recipe_path = tmp_path / "recipe.json"
    settings = json.loads(recipe_path.read_text())
    settings["batches"] = [{"size": 32, "count": 4, "share": 1}]
    recipe_path.write_text(json.dumps(settings))
    one = train.main(arguments("one", "--steps", "4"))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
               "-m", "tessera_train.train", *arguments("two", "--steps", "4")]
    subprocess.run(command, check=True, cwd=CONFIGS.parent, capture_output=True)
    two = train.Trainer.load(tmp_path / "two" / "checkpoint.pt")
    for name, value in one.model.state_dict().items():
        assert torch.allclose(two.model.state_dict()[name], value, atol=1e-4), name
