import pytest
import torch
from conftest import config
from torch import nn

from tessera_train import cost, modelfile
from tessera_train.model import Denoiser, sinusoid


def test_tiny_fits_its_bounds():
    assert cost.parameters(config("tiny")) * 2 <= 23.9e6
    assert sum(cost.operations(config("tiny"))) <= 60e9


def test_operations_are_twice_the_multiply_adds():
    settings = {**config("test-unshuffle4"), "attention": [False] * len(config("test-unshuffle4")["widths"])}
    model, total = Denoiser(settings), 0

    def count(module, arguments, result):
        nonlocal total
        if isinstance(module, nn.Conv2d):
            per_pixel = module.in_channels * module.out_channels * module.kernel_size[0] * module.kernel_size[1]
            total += 2 * per_pixel * result.shape[2] * result.shape[3]
        elif isinstance(module, nn.Linear):
            total += 2 * module.in_features * module.out_features

    for module in model.modules():
        module.register_forward_hook(count)
    with torch.inference_mode():
        model(torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 16, 16), torch.zeros(1, len(model.scalars)))
    assert sum(cost.operations(settings, 64)) == total


def test_metaearth_has_600_million_parameters_within_5_percent():
    assert 570e6 <= cost.parameters(config("metaearth")) <= 630e6


def test_metaearth_learns_from_one_crop():
    """4.9 GB: weights and gradients in float32, and a plain gradient step in place."""
    torch.manual_seed(0)
    model = Denoiser(config("metaearth"))
    noise, coarse, scalars = torch.randn(1, 3, 32, 32), torch.randn(1, 3, 8, 8), torch.tensor([[300.0, 4.0, 0.3]])
    loss = (model(noise, coarse, scalars) - noise).square().mean()
    loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.sub_(parameter.grad, alpha=0.05)
            parameter.grad = None
        assert (model(noise, coarse, scalars) - noise).square().mean() < loss


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
