"""The conditional denoiser: an RRDBNet encoder of the coarse image and a U-Net.

The network follows MetaEarth (arXiv 2405.13570, section III): the coarse image is encoded once,
up-sampled and concatenated with the noisy image; timestep, ground resolution and any further scalar
pass a sinusoidal encoding and an MLP each, are added, and modulate every residual block.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F


def sinusoid(values: torch.Tensor, width: int) -> torch.Tensor:
    """Encode scalars (N,) as (N, width): cosines, then sines, frequencies 10000^(-i/(width/2))."""
    half = width // 2
    dtype = torch.float64 if values.dtype == torch.float64 else torch.float32
    frequencies = torch.exp(
        -math.log(10000.0) * torch.arange(half, dtype=dtype, device=values.device) / half
    )
    angles = values.to(dtype)[:, None] * frequencies[None]
    return torch.cat([angles.cos(), angles.sin()], dim=1)


class DenseBlock(nn.Module):
    """Residual dense block: five convolutions, each fed by all before it (ESRGAN, section 3.1)."""

    def __init__(self, channels: int, growth: int):
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(channels + i * growth, channels if i == 4 else growth, 3, padding=1)
            for i in range(5)
        )

    def forward(self, x):
        features = x
        for conv in self.convs[:-1]:
            features = torch.cat([features, F.leaky_relu(conv(features), 0.2)], dim=1)
        return x + 0.2 * self.convs[-1](features)


class RRDB(nn.Module):
    """Three dense blocks inside one more residual connection."""

    def __init__(self, channels: int, growth: int):
        super().__init__()
        self.dense = nn.ModuleList(DenseBlock(channels, growth) for _ in range(3))

    def forward(self, x):
        y = x
        for block in self.dense:
            y = block(y)
        return x + 0.2 * y


class ConditionEncoder(nn.Module):
    """Encode the coarse image (N, 3, h, w) to features (N, channels, h·up, w·up)."""

    def __init__(self, image_channels: int, channels: int, blocks: int, growth: int, doublings: int):
        super().__init__()
        self.first = nn.Conv2d(image_channels, channels, 3, padding=1)
        self.body = nn.ModuleList(RRDB(channels, growth) for _ in range(blocks))
        self.trunk = nn.Conv2d(channels, channels, 3, padding=1)
        self.up = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(doublings))
        self.last = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, coarse):
        x = self.first(coarse)
        y = x
        for block in self.body:
            y = block(y)
        x = x + self.trunk(y)
        for conv in self.up:
            x = F.leaky_relu(conv(F.interpolate(x, scale_factor=2, mode="nearest")), 0.2)
        return F.leaky_relu(self.last(x), 0.2)


class ResidualBlock(nn.Module):
    """Two normalised convolutions; the embedding scales and shifts the second norm (ADM)."""

    def __init__(self, inputs: int, outputs: int, embedding: int, groups: int):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.modulation = nn.Linear(embedding, 2 * outputs)
        self.norm2 = nn.GroupNorm(groups, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x, embedding):
        h = self.conv1(F.silu(self.norm1(x)))
        scale, shift = self.modulation(F.silu(embedding))[:, :, None, None].chunk(2, dim=1)
        h = self.norm2(h) * (1 + scale) + shift
        return self.skip(x) + self.conv2(F.silu(h))


class Attention(nn.Module):
    """Self-attention over positions, heads of `head_channels`, inside a residual connection."""

    def __init__(self, channels: int, head_channels: int, groups: int):
        super().__init__()
        self.heads = max(1, channels // head_channels)
        self.norm = nn.GroupNorm(groups, channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.projection = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.projection.weight)
        nn.init.zeros_(self.projection.bias)

    def forward(self, x):
        n, c, h, w = x.shape
        qkv = self.qkv(self.norm(x)).reshape(n, 3, self.heads, c // self.heads, h * w)
        q, k, v = qkv.transpose(3, 4).unbind(1)
        y = F.scaled_dot_product_attention(q, k, v)
        return x + self.projection(y.transpose(2, 3).reshape(n, c, h, w))


class Stage(nn.Module):
    """The residual (and attention) blocks of one U-Net level."""

    def __init__(self, inputs: list[int], outputs: int, attention: bool, config: dict):
        super().__init__()
        self.blocks = nn.ModuleList(
            ResidualBlock(i, outputs, config["embedding"], config["groups"]) for i in inputs
        )
        self.attention = nn.ModuleList(
            Attention(outputs, config["head_channels"], config["groups"]) for _ in inputs if attention
        )

    def step(self, index, x, embedding):
        x = self.blocks[index](x, embedding)
        return self.attention[index](x) if len(self.attention) else x


class UNet(nn.Module):
    """U-Net over pixel-unshuffled images; one skip connection per residual block."""

    def __init__(self, config: dict):
        super().__init__()
        widths, blocks, attention = config["widths"], config["blocks"], config["attention"]
        pixels = config["image_channels"] * config["unshuffle"] ** 2
        levels = range(len(widths))
        self.unshuffle = config["unshuffle"]
        self.input = nn.Conv2d(pixels + config["encoder"]["channels"], widths[0], 3, padding=1)
        self.down = nn.ModuleList(
            Stage([widths[i]] * blocks[i], widths[i], attention[i], config) for i in levels
        )
        self.downsample = nn.ModuleList(
            nn.Conv2d(widths[i], widths[i + 1], 3, stride=2, padding=1) for i in levels[:-1]
        )
        self.middle = Stage([widths[-1]] * 2, widths[-1], attention[-1], config)
        self.up = nn.ModuleList(
            Stage([2 * widths[i]] * blocks[i], widths[i], attention[i], config) for i in levels
        )
        self.upsample = nn.ModuleList(
            nn.Conv2d(widths[i + 1], widths[i], 3, padding=1) for i in levels[:-1]
        )
        self.norm = nn.GroupNorm(config["groups"], widths[0])
        self.output = nn.Conv2d(widths[0], pixels, 3, padding=1)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, image, features, embedding):
        x = self.input(torch.cat([F.pixel_unshuffle(image, self.unshuffle), features], dim=1))
        skips = []
        for i, stage in enumerate(self.down):
            if i > 0:
                x = self.downsample[i - 1](x)
            for j in range(len(stage.blocks)):
                x = stage.step(j, x, embedding)
                skips.append(x)
        for j in range(len(self.middle.blocks)):
            x = self.middle.step(j, x, embedding)
        for i in reversed(range(len(self.up))):
            for j in range(len(self.up[i].blocks)):
                x = self.up[i].step(j, torch.cat([x, skips.pop()], dim=1), embedding)
            if i > 0:
                x = self.upsample[i - 1](F.interpolate(x, scale_factor=2, mode="nearest"))
        return F.pixel_shuffle(self.output(F.silu(self.norm(x))), self.unshuffle)


def multiple(config: dict) -> int:
    """What height and width of the fine image have to be multiples of."""
    return max(config["factor"], config["unshuffle"] * 2 ** (len(config["widths"]) - 1))


class Denoiser(nn.Module):
    """Predict v (or ε) of a noisy image from the image, a condition and scalars.

    Shapes: image (N, 3, H, W) and coarse (N, 3, H/4, W/4), both in [-1, 1]; scalars (N, S) in the
    configuration's order, unscaled: timestep in 0…999, log2 of metres per pixel, strength in 0…1.
    """

    def __init__(self, config: dict):
        super().__init__()
        self.config = config
        encoder = config["encoder"]
        doublings = int(math.log2(config["factor"] // config["unshuffle"]))
        self.encoder = ConditionEncoder(
            config["image_channels"], encoder["channels"], encoder["blocks"], encoder["growth"], doublings
        )
        width = config["embedding"]
        self.scalars = nn.ModuleList(
            nn.Sequential(nn.Linear(config["sinusoid"], width), nn.SiLU(), nn.Linear(width, width))
            for _ in config["scalars"]
        )
        self.unet = UNet(config)

    def encode(self, coarse):
        return self.encoder(coarse)

    def embed(self, scalars):
        parts = [
            mlp(sinusoid(scalars[:, i] * spec["scale"], self.config["sinusoid"]))
            for i, (mlp, spec) in enumerate(zip(self.scalars, self.config["scalars"]))
        ]
        return torch.stack(parts).sum(0)

    def denoise(self, image, features, scalars):
        return self.unet(image, features, self.embed(scalars))

    def forward(self, image, coarse, scalars):
        return self.denoise(image, self.encode(coarse), scalars)
