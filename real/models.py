"""The models that can be trained, by name.

`resnet18` and `resnet18-cifar` share a name and little else: the CIFAR stem keeps the full 32x32 resolution
and costs about 15 times the arithmetic, so their step times must never be mixed.
"""

from collections.abc import Callable

from torch import nn
from torchvision.models import resnet18, resnet50

from hetsched.errors import nearest


def _resnet18(classes: int) -> nn.Module:
    model: nn.Module = resnet18(weights=None, num_classes=classes)
    return model


def _resnet50(classes: int) -> nn.Module:
    model: nn.Module = resnet50(weights=None, num_classes=classes)
    return model


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


MODELS: dict[str, Callable[[int], nn.Module]] = {
    "resnet18": _resnet18,
    "resnet50": _resnet50,
    "resnet18-cifar": _resnet18_cifar,
}
"""Name to constructor; a constructor takes the number of classes. Add a model by adding an entry."""


def build(name: str, classes: int) -> nn.Module:
    """Return a freshly initialised model: images (N, 3, 32, 32) float to logits (N, classes).

    Raises:
        ValueError: no such model; the message has the nearest name.
    """
    return constructor(name)(classes)


def constructor(name: str) -> Callable[[int], nn.Module]:
    """Return what builds the model of that name.

    Raises:
        ValueError: no such model; the message has the nearest name.
    """
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}: {nearest(name, MODELS)}")
    return MODELS[name]
