import hashlib
import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from conftest import CONFIGS

from tessera_train import export, modelfile, onnx_export


@pytest.fixture(scope="module", params=["test-attention", "test-unshuffle1", "test-unshuffle4"])
def exported(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    export.main(["--random", "5", "--config", str(CONFIGS / f"{request.param}.json"), str(folder / "m.safetensors")])
    onnx_export.main([str(folder / "m.safetensors"), str(folder)])
    return folder


def run(path, **given):
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, given)[0]


@pytest.mark.parametrize("count,height,width", [(1, 64, 64), (3, 32, 96)])
def test_both_graphs_are_the_module_at_any_batch_and_size(exported, count, height, width):
    model, metadata = modelfile.read(exported / "m.safetensors")
    given = onnx_export.inputs(metadata, count, height, width, seed=9)
    with torch.inference_mode():
        tensors = {k: torch.from_numpy(v) for k, v in given.items()}
        features = model.encode(tensors["coarse"]).numpy()
        wanted = model(tensors["image"], tensors["coarse"], tensors["scalars"]).numpy()
    got_features = run(exported / "encoder.onnx", coarse=given["coarse"])
    got = run(exported / "denoiser.onnx", image=given["image"], features=got_features, scalars=given["scalars"])
    assert np.abs(got_features - features).max() < 1e-4 * np.abs(features).max()
    assert np.abs(got - wanted).max() < 1e-4 * np.abs(wanted).max()


def test_the_graphs_name_their_model(exported):
    digest = hashlib.sha256((exported / "m.safetensors").read_bytes()).hexdigest()
    for name in ("encoder", "denoiser"):
        notes = {p.key: p.value for p in onnx.load(str(exported / f"{name}.onnx")).metadata_props}
        assert notes["model_digest"] == digest
        assert json.loads(notes["tessera"]) == modelfile.read_metadata(exported / "m.safetensors")


def test_half_precision_is_half_the_size_and_near(exported, tmp_path):
    errors = onnx_export.export(exported / "m.safetensors", tmp_path, half=True)
    assert 0 < max(errors) < 0.05
    assert onnx.load(str(tmp_path / "denoiser.onnx")).graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    sizes = [sum(len(v.raw_data) for v in onnx.load(str(folder / "denoiser.onnx")).graph.initializer)
             for folder in (exported, tmp_path)]
    assert sizes[1] < 0.6 * sizes[0]
