import csv
import functools
import json
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import CONFIGS, config
from PIL import Image

from tessera_train import train
from tessera_train.data import make_sampler
from tessera_train.trainer import Trainer


@pytest.fixture
def arguments(imagery, recipe, tmp_path):
    recipe_path = tmp_path / "recipe.json"
    recipe_path.write_text(json.dumps(recipe))
    config_path = tmp_path / "config.json"
    config_path.write_text(json.dumps(config("test-attention")))

    def build(out, *more):
        return ["--config", str(config_path), "--recipe", str(recipe_path), "--sources", str(imagery[1]), "--data",
                str(imagery[0]), "--out", str(tmp_path / out), "--workers", "0", "--log-every", "2",
                "--threads", "1", *more]

    return build


def states(trainer):
    weights = {k: v.numpy().tobytes() for k, v in trainer.model.state_dict().items()}
    averages = {k: v.numpy().tobytes() for k, v in trainer.ema.items()}
    moments = [
        value.numpy().tobytes() for state in trainer.optimiser.state_dict()["state"].values()
        for value in state.values()
    ]
    return weights, averages, moments


def edit(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


OWN = {"share": 1.0, "reach": 0.6, "calls": 2, "smallest": 16}


def test_interrupted_and_resumed_is_uninterrupted(arguments, tmp_path):
    edit(tmp_path / "recipe.json", own=OWN, accumulate=1)
    whole = train.main(arguments("whole", "--steps", "8"))
    train.main(arguments("parts", "--steps", "8", "--stop", "3"))
    resumed = train.main(arguments("parts", "--steps", "8", "--resume"))
    assert resumed.step == whole.step == 8
    assert states(resumed) == states(whole)
    assert resumed.stages() == whole.stages()
    with open(tmp_path / "parts" / "log.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["2", "4", "6", "8"]
    assert not (tmp_path / "parts" / "checkpoint.partial").exists()


@pytest.mark.parametrize("number,workers", [(signal.SIGTERM, "2"), (signal.SIGINT, "0")])
def test_a_signal_saves_and_exits_with_3(arguments, tmp_path, number, workers):
    command = [sys.executable, "-m", "tessera_train.train", *arguments("run", "--steps", "1000000"),
               "--workers", workers]
    process = subprocess.Popen(command, cwd=CONFIGS.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.readline()  # step 2
    process.send_signal(number)
    errors = process.communicate(timeout=120)[1]
    assert process.returncode == 3, errors
    assert "--resume goes on" in errors
    stopped = Trainer.load(tmp_path / "run" / "checkpoint.pt").step
    assert stopped >= 2
    last = str(stopped + 1)
    resumed = train.main(arguments("run", "--steps", "1000000", "--stop", last, "--resume"))
    whole = train.main(arguments("whole", "--steps", "1000000", "--stop", last))
    assert states(resumed) == states(whole)


def test_other_imagery_is_refused_on_resuming(arguments, imagery):
    train.main(arguments("run", "--steps", "2", "--stop", "1"))
    mask = imagery[0] / "masked" / "mask.png"
    mask.write_bytes(mask.read_bytes() + b"\0")
    with pytest.raises(SystemExit, match="not the imagery"):
        train.main(arguments("run", "--steps", "2", "--resume"))
    with pytest.raises(SystemExit, match="leave out --resume"):
        train.main(arguments("nothing", "--steps", "2", "--resume"))


def test_sheets_show_the_same_crops_as_training_goes_on(arguments, tmp_path):
    train.main(arguments("run", "--steps", "6", "--sheets-every", "3"))
    sheets = [Image.open(tmp_path / "run" / "sheets" / f"sheet-000000{n}.png") for n in (3, 6)]
    assert all(sheet.width == 3 * 64 and sheet.height % (64 + 14) == 0 for sheet in sheets)
    first, last = (np.asarray(sheet) for sheet in sheets)
    rows = len(first) // 78
    assert len(last) >= len(first) and rows > 0
    assert len(np.unique(first[14:78, 64:128])) > 8  # a sample, not an empty field


def test_tensorboard_is_asked_for_in_words(arguments, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(SystemExit, match="pip install tensorboard"):
        train.main(arguments("run", "--steps", "1", "--tensorboard"))


@pytest.mark.parametrize("prediction", ["v", "epsilon"])
def test_the_loss_falls(imagery, recipe, prediction):
    recipe.update(prediction=prediction, p2_gamma=0.5, learning_rate=3e-3,
                  batches=[{"size": 32, "count": 4, "share": 1}])
    trainer = Trainer(config("test-attention"), recipe)
    batch = make_sampler(imagery[0], recipe, imagery[1]).batch(0)
    batch.target[:] = 200
    losses = []
    for step in range(24):
        batch.step = step
        losses.append(trainer.update(batch, 0.0)[0].mean())
    assert np.mean(losses[-8:]) < 0.8 * np.mean(losses[:4])


def test_accumulation_changes_neither_losses_nor_weights(imagery, recipe):
    recipe["batches"] = [{"size": 64, "count": 4, "share": 1}]
    recipe["own"] = OWN
    whole = Trainer(config("test-attention"), recipe)
    parts = Trainer(config("test-attention"), {**recipe, "accumulate": 2})
    sampler = make_sampler(imagery[0], recipe, imagery[1])
    for step in range(3):
        (a, norm), (b, other) = (trainer.update(sampler.batch(step), 0.0) for trainer in (whole, parts))
        assert np.allclose(a, b, atol=2e-5) and norm == pytest.approx(other, rel=1e-3)
    for name, value in whole.model.state_dict().items():
        assert torch.allclose(parts.model.state_dict()[name], value, atol=1e-4), name


def test_p2_weights_only_shrink_the_loss(imagery, recipe):
    recipe.update(prediction="epsilon", p2_gamma=0.0)
    batch = make_sampler(imagery[0], recipe, imagery[1]).batch(0)
    plain = Trainer(config("test-attention"), recipe).losses(batch)
    weighted = Trainer(config("test-attention"), {**recipe, "p2_gamma": 1.0}).losses(batch)
    assert (weighted < plain).all() and (weighted > 0).all()


def test_the_rate_warms_up_and_decays(recipe):
    trainer = Trainer(config("test-attention"), {**recipe, "warmup": 10})
    assert trainer.rate(0.0) == pytest.approx(4e-5)
    trainer.step = 100
    assert trainer.rate(0.0) == pytest.approx(4e-4)
    assert trainer.rate(0.5) == pytest.approx(4e-4 * 0.51)
    assert trainer.rate(1.0) == pytest.approx(4e-4 * 0.02)
    trainer.recipe["decay"] = "cosine"
    assert trainer.rate(1.0) == pytest.approx(4e-4 * 0.02)


def test_the_average_follows_the_weights(imagery, recipe):
    trainer = Trainer(config("test-attention"), recipe)
    sampler = make_sampler(imagery[0], recipe, imagery[1])
    name = "unet.output.weight"
    for step in range(3):
        trainer.update(sampler.batch(step), 0.0)
    now = trainer.model.state_dict()[name]
    assert 0 < (trainer.ema[name] - now).abs().max() < now.abs().max()
    assert trainer.ema[name].dtype == torch.float32


def test_a_batch_of_another_step_is_refused(imagery, recipe):
    trainer = Trainer(config("test-attention"), recipe)
    with pytest.raises(ValueError, match="step 5"):
        trainer.update(make_sampler(imagery[0], recipe, imagery[1]).batch(5), 0.0)


def curve(folder):
    with open(folder / "log.csv") as file:
        rows = list(csv.DictReader(file))
    return [[float(v) for k, v in row.items() if k.startswith("loss") and v] for row in rows]


def test_a_compiled_network_learns_the_same(imagery, recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="aot_eager"))
    recipe["batches"] = [{"size": 32, "count": 2, "share": 1}]
    network = {**config("test-attention"), "widths": [16], "blocks": [1], "attention": [True]}
    plain, compiled = (Trainer(network, recipe, compile=c) for c in (False, True))
    sampler = make_sampler(imagery[0], recipe, imagery[1])
    for step in range(2):
        a, b = (trainer.update(sampler.batch(step), 0.0)[0] for trainer in (plain, compiled))
        assert np.allclose(a, b, atol=2e-5)
    compiled.save(tmp_path / "checkpoint.pt")
    loaded = Trainer.load(tmp_path / "checkpoint.pt")
    for name, value in plain.model.state_dict().items():
        assert torch.allclose(loaded.model.state_dict()[name], value, atol=1e-4), name


def test_two_processes_learn_as_one_that_accumulates(arguments, tmp_path):
    batches = [{"size": 64, "count": 4, "share": 1}]
    edit(tmp_path / "recipe.json", batches=batches, own=OWN, streams="crop", accumulate=2)
    one = train.main(arguments("one", "--steps", "4"))
    edit(tmp_path / "recipe.json", accumulate=1)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
               "-m", "tessera_train.train", *arguments("two", "--steps", "4", "--workers", "1")]
    done = subprocess.run(command, cwd=CONFIGS.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    two = Trainer.load(tmp_path / "two" / "checkpoint.pt")
    for name, value in one.model.state_dict().items():
        assert torch.allclose(two.model.state_dict()[name], value, atol=1e-4), name
    for a, b in zip(curve(tmp_path / "one"), curve(tmp_path / "two"), strict=True):
        assert a == pytest.approx(b, abs=3e-5)
