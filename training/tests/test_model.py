import pytest
import torch
from conftest import config
from torch import nn

from tessera_train import modelfile
from tessera_train.model import Denoiser, sinusoid


def multiply_adds(model, size):
    """Multiply-adds of convolutions and linear layers for one image, by forward hooks."""
    total = 0

    def count(module, arguments, result):
        nonlocal total
        if isinstance(module, nn.Conv2d):
            per_pixel = module.in_channels * module.out_channels * module.kernel_size[0] * module.kernel_size[1]
            total += per_pixel * result.shape[2] * result.shape[3]
        elif isinstance(module, nn.Linear):
            total += module.in_features * module.out_features

    for module in model.modules():
        module.register_forward_hook(count)
    scalars = torch.zeros(1, len(model.scalars))
    with torch.inference_mode():
        model(torch.zeros(1, 3, size, size), torch.zeros(1, 3, size // 4, size // 4), scalars)
    return total


def test_tiny_fits_its_bounds():
    model = Denoiser(config("tiny"))
    assert sum(p.numel() for p in model.parameters()) * 2 <= 23.9e6
    assert 16 * 2 * multiply_adds(model, 64) <= 60e9


@pytest.mark.parametrize("name", ["test-attention", "test-unshuffle1", "test-unshuffle4"])
def test_every_parameter_reaches_the_prediction(name):
    settings = config(name)
    model = Denoiser(settings)
    modelfile.randomise(model, 1)
    scalars = torch.tensor([[500.0, 4.0, 0.3], [20.0, 9.0, 0.0]])[:, : len(settings["scalars"])]
    prediction = model(torch.randn(2, 3, 64, 64), torch.randn(2, 3, 16, 16), scalars)
    assert prediction.shape == (2, 3, 64, 64)
    prediction.square().mean().backward()
    assert not [n for n, p in model.named_parameters() if not p.grad.abs().sum() > 0]


def test_each_scalar_changes_the_prediction():
    model = Denoiser(config("test-attention"))
    modelfile.randomise(model, 1)
    image, coarse = torch.randn(1, 3, 64, 64), torch.randn(1, 3, 16, 16)
    base = torch.tensor([[500.0, 4.0, 0.3]])
    with torch.inference_mode():
        before = model(image, coarse, base)
        for column, other in ((0, 100.0), (1, 9.0), (2, 0.8)):
            changed = base.clone()
            changed[0, column] = other
            assert (model(image, coarse, changed) - before).abs().max() > 1e-3


def test_sinusoid_keeps_double_precision():
    values = torch.tensor([999.0], dtype=torch.float64)
    single, double = sinusoid(values.float(), 16), sinusoid(values, 16)
    assert single.dtype == torch.float32 and double.dtype == torch.float64
    assert torch.allclose(single.double(), double, atol=2e-4)
    assert (double[:, :8].square() + double[:, 8:].square() - 1).abs().max() < 1e-12
