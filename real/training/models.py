"""The models that can be trained, by name: those in this file, and a user's own from a file.

`resnet18` and `resnet18-cifar` are different networks. The CIFAR stem keeps the full 32x32
resolution and costs about 15 times the arithmetic. Their step times must never be mixed.
"""

from collections.abc import Callable
from typing import TypeVar

from torch import nn
from torchvision.models import VisionTransformer, resnet18, resnet50

from hetsched.domain.registry import check_name
from hetsched.errors import nearest

C = TypeVar("C", bound=Callable[[int], nn.Module])

MODELS: dict[str, Callable[[int], nn.Module]] = {}
"""Constructors by name. A constructor takes the number of classes. It returns a model of images (N,
3, 32, 32)."""


def register(name: str) -> Callable[[C], C]:
    """A decorator that registers a function or class as the model of that name:
    `@register("my-net")`.

    Raises TypeError for an object that cannot be called. Raises TypeError or ValueError for a name
    that is none, or that a model of hetsched has.
    """
    check_name(name, "model")

    def add(constructor: C) -> C:
        if not callable(constructor):
            raise TypeError(f"@register({name!r}) goes before a function or a class, not {constructor!r}")
        if name in MODELS and MODELS[name].__module__ == __name__ != constructor.__module__:
            raise ValueError(
                f"there is a model {name!r} already: choose another name, or profiles of that one would be taken for it"
            )
        MODELS[name] = constructor
        return constructor

    return add


@register("resnet18")
def _resnet18(classes: int) -> nn.Module:
    model: nn.Module = resnet18(weights=None, num_classes=classes)
    return model


@register("resnet50")
def _resnet50(classes: int) -> nn.Module:
    model: nn.Module = resnet50(weights=None, num_classes=classes)
    return model


@register("resnet18-cifar")
def _resnet18_cifar(classes: int) -> nn.Module:
    """ResNet-18 with the stem of kuangliu/pytorch-cifar: 3x3, stride 1, no pooling.

    Gavel's published CIFAR-10 throughputs of ResNet-18 were measured with this architecture.
    """
    model = resnet18(weights=None, num_classes=classes)
    model.conv1 = nn.Conv2d(3, 64, kernel_size=3, stride=1, padding=1, bias=False)
    nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")  # as torchvision does
    model.maxpool = nn.Identity()
    cifar: nn.Module = model
    return cifar


@register("vit-tiny")
def _vit_tiny(classes: int) -> nn.Module:
    """A vision transformer of DeiT-Ti's width (Touvron et al. 2021: 192, 3 heads) at half its
    depth, on 4x4 patches."""
    model: nn.Module = VisionTransformer(
        image_size=32, patch_size=4, num_layers=6, num_heads=3, hidden_dim=192, mlp_dim=768, num_classes=classes
    )
    return model


@register("small-cnn")
def _small_cnn(classes: int) -> nn.Module:
    """Three convolutions of 32, 64 and 128 channels. Each halves the picture and has batch
    normalisation. The network has 94,000 weights, for studies of many trials on a few cores."""
    layers: list[nn.Module] = []
    for channels_in, channels_out in ((3, 32), (32, 64), (64, 128)):
        convolution = nn.Conv2d(channels_in, channels_out, kernel_size=3, stride=2, padding=1, bias=False)
        layers += [convolution, nn.BatchNorm2d(channels_out), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, classes))


def build(name: str, classes: int) -> nn.Module:
    """A new model with random weights: images (N, 3, 32, 32) float to logits (N, classes). Raises
    ValueError for an unknown name, with the nearest one."""
    return constructor(name)(classes)


def constructor(name: str) -> Callable[[int], nn.Module]:
    """The constructor of the model of that name. Raises ValueError for an unknown name, with the
    nearest one."""
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}: {nearest(name, MODELS)}")
    return MODELS[name]
