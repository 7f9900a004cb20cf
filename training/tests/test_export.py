import json

import numpy as np
import pytest
import safetensors.numpy
import torch
from conftest import CONFIGS, config

from tessera_train import export, modelfile, reference
from tessera_train.data import make_sampler
from tessera_train.trainer import Trainer


def test_random_files_are_a_function_of_the_seed(tmp_path):
    for name, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        export.main(["--random", seed, "--config", str(CONFIGS / "test-attention.json"), str(tmp_path / name)])
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b != c
    model, metadata = modelfile.read(tmp_path / "a")
    assert all(p.abs().max() > 0 for p in model.parameters())
    assert metadata["format"] == "tessera-model" and metadata["version"] == 1


def test_the_tiny_file_fits(tmp_path):
    export.main(["--random", "1", str(tmp_path / "tiny")])
    assert (tmp_path / "tiny").stat().st_size <= 24_000_000


def test_a_checkpoint_exports_its_averaged_weights(imagery, recipe, tmp_path):
    trainer = Trainer(config("test-attention"), recipe)
    sampler = make_sampler(imagery[0], recipe, imagery[1])
    for step in range(3):
        trainer.update(sampler.batch(step), 0.0)
    modelfile.randomise(trainer.model, 7)
    for name, value in trainer.model.state_dict().items():
        trainer.ema[name].copy_(value)
    trainer.save(tmp_path / "checkpoint.pt")
    outs = [tmp_path / "one.safetensors", tmp_path / "two.safetensors"]
    for out in outs:
        export.main([str(tmp_path / "checkpoint.pt"), str(out), "--data", str(imagery[0]), "--sources",
                     str(imagery[1]), "--spacing", "logsnr", "--degradation", "0.5", "0.2"])
    assert outs[0].read_bytes() == outs[1].read_bytes()
    tensors = safetensors.numpy.load_file(str(outs[0]))
    assert set(tensors) == set(trainer.ema)
    for name, value in tensors.items():
        assert value.dtype == np.float16
        assert np.array_equal(value, trainer.ema[name].numpy().astype(np.float16))
    model, metadata = modelfile.read(outs[0])
    batch = sampler.batch(0)
    given = [torch.from_numpy(v).float() / 127.5 - 1 for v in (batch.target, batch.coarse)]
    given.append(torch.tensor([[400.0, 3.0, 0.5]] * len(batch.rows)))
    with torch.inference_mode():
        wanted = torch.func.functional_call(trainer.model, trainer.ema, tuple(given))
        assert (model(*given) - wanted).abs().max() < 0.01 * wanted.abs().max()
    assert metadata["defaults"] == {"sampler": "dpm++", "steps": 12, "spacing": "logsnr", "degradation": [0.5, 0.2]}
    assert metadata["resolutions"] == [1.0, 16.0]
    assert metadata["training_data"] == ["noise (none)", "noise (none)"]
    assert len(metadata["recipe_digest"]) == 64 and metadata["prediction"] == "v"
    assert metadata["normalisation"] == {"scale": 127.5, "offset": 127.5}


def test_values_beyond_half_precision_are_refused(tmp_path):
    with pytest.raises(ValueError, match="big"):
        modelfile.write(tmp_path / "x", {"big": torch.tensor([1e6])}, {})


@pytest.mark.parametrize("name", ["test-attention", "test-unshuffle1", "test-unshuffle4"])
def test_reference_layers_compose_to_the_module(name, tmp_path):
    model_path = tmp_path / "m.safetensors"
    export.main(["--random", "2", "--config", str(CONFIGS / f"{name}.json"), str(model_path)])
    reference.main([str(model_path), str(tmp_path / "out"), "--steps", "3"])
    layers = safetensors.numpy.load_file(str(tmp_path / "out" / "layers.safetensors"))
    model, metadata = modelfile.read(model_path)
    with torch.inference_mode():
        given = [torch.from_numpy(layers[k]) for k in ("image", "coarse", "scalars")]
        single = model(*given).numpy()
    assert np.abs(single - layers["prediction"]).max() < 5e-3
    levels = range(len(metadata["widths"]))
    assert all(f"unet.down.{i}.blocks.0" in layers and f"unet.up.{i}.blocks.0" in layers for i in levels)
    assert layers["unet.middle.blocks.1"].shape[1] == metadata["widths"][-1]
    assert sum(layers[f"scalars.{i}"] for i in range(len(metadata["scalars"]))) == pytest.approx(
        layers["embed"], abs=1e-5)
    paths = safetensors.numpy.load_file(str(tmp_path / "out" / "trajectories.safetensors"))
    assert np.isfinite(paths["ddim"]).all() and not np.allclose(paths["ddim"], paths["dpm++"])


def test_sampler_values_are_reproducible(tmp_path):
    for name in ("a", "b"):
        reference.main(["--samplers", str(tmp_path / name)])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    values = json.loads((tmp_path / "a").read_text())
    assert len(values["alpha_bar"]) == 1000 and len(values["cases"]) == 24
