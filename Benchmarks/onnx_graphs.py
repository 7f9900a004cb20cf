"""Write a model file as two ONNX graphs, encoder.onnx and denoiser.onnx, for any batch and size.

    python onnx_graphs.py MODEL.safetensors DIR
"""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "training"))
from tessera_train import modelfile  # noqa: E402


class Method(torch.nn.Module):
    """One method of the network as a module."""

    def __init__(self, model, name):
        super().__init__()
        self.model, self.method = model, getattr(model, name)

    def forward(self, *arguments):
        return self.method(*arguments)


def export(path, folder):
    model, config = modelfile.read(path)
    side = 2 * config["unshuffle"] << (len(config["widths"]) - 1)
    coarse = torch.rand(2, 3, side // config["factor"], side // config["factor"])
    scalars = torch.rand(2, len(config["scalars"]))
    with torch.no_grad():
        features = model.encode(coarse).clone()
    graphs = {
        "encoder": ("encode", {"coarse": coarse}, "features"),
        "denoiser": ("denoise", {"image": torch.rand(2, 3, side, side), "features": features, "scalars": scalars},
                     "prediction"),
    }
    for name, (method, inputs, output) in graphs.items():
        free = {key: {0: "batch", 2: key + "_rows", 3: key + "_columns"} for key in [*inputs, output]}
        free["scalars"] = {0: "batch"}
        torch.onnx.export(
            Method(model, method), tuple(inputs.values()), f"{folder}/{name}.onnx", input_names=list(inputs),
            output_names=[output], dynamic_axes={key: free[key] for key in [*inputs, output]}, opset_version=18,
            dynamo=False)


if __name__ == "__main__":
    export(*sys.argv[1:])
