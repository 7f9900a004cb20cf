import hashlib
import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from conftest import CONFIGS, config

from tessera_train import export, modelfile, onnx_export


def random_model(folder, network):
    export.main(["--random", "5", "--config", str(network), str(folder / "m.safetensors")])
    return folder / "m.safetensors"


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx")
    onnx_export.main([str(random_model(folder, CONFIGS / "test-attention.json")), str(folder)])
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


def test_half_precision_is_near_and_halves_the_weights(tmp_path):
    small = {**config("test-unshuffle4"), "widths": [16], "blocks": [1], "attention": [True], "groups": 4}
    (tmp_path / "small.json").write_text(json.dumps(small))
    path = random_model(tmp_path, tmp_path / "small.json")
    errors = onnx_export.export(path, tmp_path, half=True)
    assert 0 < max(errors) < 0.05
    graph = onnx.load(str(tmp_path / "denoiser.onnx")).graph
    assert {v.type.tensor_type.elem_type for v in [*graph.input, *graph.output]} == {onnx.TensorProto.FLOAT}
    weights = [v for v in graph.initializer if v.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)]
    single = sum(len(v.raw_data) for v in weights if v.data_type == onnx.TensorProto.FLOAT)
    assert single < 0.1 * sum(len(v.raw_data) for v in weights)
