"""Small networks of the kinds that people have, with weights and statistics away from their first values."""

from __future__ import annotations

import torch
from torch import nn


class LeNet(nn.Module):
    """LeCun et al. 1998, with maxima."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 6, 5, padding=2)
        self.second = nn.Conv2d(6, 16, 5)
        self.rows = nn.ModuleList([nn.Linear(144, 120), nn.Linear(120, 84), nn.Linear(84, 10)])

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = nn.functional.max_pool2d(torch.tanh(self.first(image)), 2)
        x = nn.functional.max_pool2d(torch.relu(self.second(x)), 2)
        x = x.view(x.size(0), -1)
        for layer in self.rows[:2]:
            x = torch.relu(layer(x))
        return self.rows[2](x)


def vgg() -> nn.Module:
    """Simonyan and Zisserman 2015, with batch norms."""
    layers: list[nn.Module] = []
    for before, after in ((3, 8), (8, 16)):
        for channels in (before, after):
            norm = nn.BatchNorm2d(after)
            layers += [nn.Conv2d(channels, after, 3, padding=1), norm, nn.ReLU(inplace=True)]
        layers.append(nn.MaxPool2d(2))
    head = [nn.Linear(16 * 4, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(), nn.Linear(12, 5)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), *head)


class Residual(nn.Module):
    """He et al. 2016, of two layers."""

    def __init__(self, before: int, after: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = nn.Identity()
        if (before, 1) != (after, stride):
            conv = nn.Conv2d(before, after, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(after))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        y += self.downsample(x)
        return self.relu(y)


def resnet() -> nn.Module:
    """A stem, a block that is as it was, and one of half the rows and columns."""
    stem = [nn.Conv2d(3, 8, 7, 2, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU()]
    blocks = [nn.MaxPool2d(3, 2, 1), Residual(8, 8, 1), Residual(8, 16, 2)]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5))


class Inverted(nn.Module):
    """Sandler et al. 2018: wide inside, and there a convolution of each channel alone."""

    def __init__(self, before: int, after: int, stride: int):
        super().__init__()
        wide = 3 * before
        self.residual = (before, 1) == (after, stride)
        self.conv = nn.Sequential(
            *(nn.Conv2d(before, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6()),
            nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False),
            *(nn.BatchNorm2d(wide), nn.ReLU6(inplace=True)),
            *(nn.Conv2d(wide, after, 1, bias=False), nn.BatchNorm2d(after)),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv(x) if self.residual else self.conv(x)


class MobileNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(Inverted(4, 4, 1), Inverted(4, 6, 2))
        self.classifier = nn.Linear(6, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x).mean([2, 3]))


class PreActivation(nn.Module):
    """He et al. 2016b: norms that no layer before can take."""

    def __init__(self) -> None:
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.bn2, self.conv2 = nn.BatchNorm2d(4), nn.Conv2d(4, 6, 3, stride=2, groups=2)
        self.norm, self.head = nn.BatchNorm1d(6), nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = x + self.conv1(torch.relu(self.bn1(x)))
        features = torch.sigmoid(self.conv2(self.bn2(torch.relu(x)))).mean((2, 3))
        return self.head(self.norm(features)), features


def mlp() -> nn.Module:
    return nn.Sequential(
        nn.Linear(12, 24), nn.GELU(), nn.Linear(24, 24), nn.SiLU(), nn.Linear(24, 5)
    )


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(6, 8), nn.Linear(4, 8, bias=False)

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        gate = nn.functional.gelu(self.left(left), approximate="tanh")
        return gate * self.right(right)


class Constants(nn.Module):
    """Images less a mean, over a deviation; halves, sums and differences beside layers."""

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.3, -0.2]).view(1, 2, 1, 1))
        self.register_buffer("deviation", torch.tensor([0.5, 2.0]).view(2, 1, 1))
        self.conv, self.one, self.other = nn.Conv2d(2, 4, 3), nn.Linear(4, 6), nn.Linear(4, 6)
        self.scale, self.head = nn.Parameter(torch.rand(6)), nn.Linear(6, 3)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = torch.relu(0.5 * self.conv((image - self.mean) / self.deviation) + 0.25)
        x = x.mean((2, 3))
        difference = torch.tanh(self.one(x) - self.other(x) / 3)
        return 1 - self.head(difference * self.scale - 2)


NETWORKS = {
    "LeNet": (LeNet, [(1, 20, 20)]),
    "VGG": (vgg, [(3, 16, 16)]),
    "ResNet": (resnet, [(3, 33, 32)]),
    "MobileNet": (MobileNet, [(4, 9, 8)]),
    "norms before": (PreActivation, [(4, 9, 9)]),
    "MLP": (mlp, [(12,)]),
    "two inputs": (TwoInputs, [(6,), (4,)]),
    "constants": (Constants, [(2, 7, 6)]),
}


def network(name: str, examples: int = 4) -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """A network in evaluation and inputs of it."""
    make, shapes = NETWORKS[name]
    torch.manual_seed(len(name))
    module = make()
    for each in module.modules():
        if isinstance(each, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(each.weight, 1.0, 0.3)
            nn.init.normal_(each.bias, 0.0, 0.3)
            assert each.running_mean is not None and each.running_var is not None
            each.running_mean.normal_(0.0, 0.5)
            each.running_var.uniform_(0.5, 2.0)
    return module.eval(), tuple(torch.randn(examples, *shape) for shape in shapes)
